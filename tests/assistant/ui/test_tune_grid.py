"""Tune: a grid on the page, its runs under it and the best one named."""

import time

from assistant.jobs.record import JobFolder
from assistant.ui.context import Page
from assistant.ui.tune_job import job_html, jobs_html
from assistant.ui.tune_plans import Plans
from assistant.ui.tune_steer import steerable
from assistant.ui.tune_view import TunePage


def test_a_grid_shows_its_runs_and_names_the_best(page: Page, korean: Page) -> None:
    tune, home = TunePage(page, Plans(page.services)), page.services.home
    job, plan = JobFolder.create(home, "tune", "stalls"), []
    children = [JobFolder.create(home, "tune", f"stalls-r{rank}") for rank in (2, 8)]
    for child, rank in zip(children, (2, 8), strict=True):
        child.update(parent=job.id, state="queued")
        plan.append({"job": child.id, "values": {"params.r": rank}})
    job.save("grid.json", {"children": plan})
    job.update(state="running", started=time.time(), device="grid")
    result = {"adapter": "stalls-r2", "seconds": 3.0, "first_loss": 3.0, "final_loss": 1.0, "validation_loss": 1.5}
    result |= {"peak_memory_mb": 500.0, "tokens_per_second": 10.0, "trained_tokens": 30, "steps": 3}
    children[0].update(state="succeeded", queued=1.0, result=result)
    found = tune.job(job.id)
    assert found is not None and steerable(found) == (True, False, True)
    shown = job_html(found, tune.words)
    for part in ("1 of 2 runs are over", "stalls-r2", "params.r 2", "held-out loss 1.500", "In line", "params.r 8"):
        assert part in shown, part
    names = [each["name"] for each in tune.jobs()]
    assert names == ["stalls", "stalls-r2", "stalls-r8"]
    assert "↳ stalls-r8" in jobs_html(tune.jobs(), job.id, tune.words)
    job.update(state="succeeded", ended=time.time(), result={**result, "grid": [{}, {}]})
    over = tune.job(job.id)
    assert over is not None and 'data-adapter="stalls-r2"' in job_html(over, tune.words)
    assert "best of 2 runs: stalls-r2" in jobs_html(tune.jobs(), "", tune.words)
    assert "2번 가운데 stalls-r2가 가장 좋아요" in jobs_html(tune.jobs(), "", korean.words)
