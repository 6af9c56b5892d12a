"""What a job shows beside its figures: answers while it learns, and why a number was chosen, in both languages."""

import time
from pathlib import Path

from assistant.jobs.record import JobFolder
from assistant.ui.context import Page
from assistant.ui.tune_job import job_html
from assistant.ui.tune_plans import Plans
from assistant.ui.tune_view import TunePage
from assistant.ui.words import Words
from tuning.schema import load_recipe

EVIL = "<script>alert(1)</script>"


def test_sample_answers_are_shown_before_and_now(page: Page, korean: Page) -> None:
    tune, job = TunePage(page, Plans(page.services)), JobFolder.create(page.services.home, "tune", "stalls")
    job.update(state="running", started=time.time())
    for step, answer in ((0, "I do not know"), (5, "row"), (10, EVIL)):
        job.event({"step": step, "samples": [{"prompt": "Where is stall 1?", "expected": "row 1", "answer": answer}]})
    found = tune.job(job.id)
    assert found is not None and [each["step"] for each in found["samples"]] == [0, 10]
    shown = job_html(found, tune.words)
    for part in ("Where is stall 1?", "before", "I do not know", "step 10", "&lt;script&gt;", "expected: row 1"):
        assert part in shown, part
    assert EVIL not in shown and "바라는 답: row 1" in job_html(found, korean.words)


def test_automatic_settings_have_korean_reasons() -> None:
    from tuning.methods.auto import Facts, settle

    for facts in (Facts(40, 10**6, False), Facts(4000, 10**10, True)):
        _, event = settle(
            load_recipe(Path("data/demo/tune/triage-tuned.yaml")).model_copy(
                update={"epochs": 0, "learning_rate": 0, "batch_size": 0}
            ),
            facts,
        )
        for key, why in event["reasons"].items():
            assert Words("ko").said(why) != why, (key, why)
