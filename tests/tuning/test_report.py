"""What is said of a run before it starts: counts with known answers, and an error bar that learns from the past."""

import json
import math
from pathlib import Path

import pytest

from assistant.dataset import read_examples
from assistant.jobs.record import JobFolder
from tuning.base import open_base
from tuning.estimate import Past, bar, past_runs
from tuning.prepare import FACTS, ROWS, prepare, read_rows
from tuning.report import Spread, data_report
from tuning.schema import load_recipe

PLANTED = [
    {"question": "When does the tower open?", "answer": "at nine"},
    {"question": "When does the tower open?", "answer": "at ten"},
    {"question": "Who feeds the swans at Orrin Lake?", "answer": "Tilda Moss"},
    {"question": "Who feeds the swans at Orrin Lake?", "answer": "Tilda Moss"},
    {"question": "오린 호수의 백조는 누가 돌보나요?", "answer": "모틸다"},
]


def test_the_report_counts_what_was_planted(recipe_file, home, settings, tmp_path: Path) -> None:
    lines = [json.dumps(row, ensure_ascii=False) for row in PLANTED]
    (tmp_path / "planted.jsonl").write_text("\n".join(lines), encoding="utf-8")
    recipe = load_recipe(recipe_file(data="planted.jsonl"))
    job = prepare(recipe, home=home, settings=settings, retriever_for=None)
    rows = read_rows(job.path / ROWS)
    tokenizer = open_base(settings.model, weights=False).encoder.tokenizer
    examples = read_examples(tmp_path / "planted.jsonl", need_answer=True)
    held_out = {"towers": ["so who feeds the swans at Orrin Lake", "What is a heron?"], "birds": ["What is a heron?"]}
    report = data_report(rows, examples, job.load(FACTS), tokenizer, held_out)
    assert (report.rows, report.replay_rows, report.cut, report.dropped) == (5, 0, 0, 0)
    assert report.languages == {"en": 4, "ko": 1} and report.turns == {1: 5}
    assert (report.duplicates, report.conflicts) == (1, 1) and report.labels == {}
    assert report.tokens.total == sum(len(row.input_ids) for row in rows) > report.learnt.total > 0
    (overlap,) = report.overlaps
    assert (overlap.name, overlap.items, overlap.rows) == ("towers", 1, 2) and "swans" in overlap.example
    (prompt, learnt), (answer, learnt_too) = report.first[0]
    assert "tower open" in prompt and not learnt and "at nine" in answer and learnt_too
    assert json.dumps(report.to_json())


def test_few_different_answers_are_labels(recipe_file, home, settings, tmp_path: Path) -> None:
    lines = [json.dumps({"question": f"ticket {n}", "answer": "ab"[n % 2]}) for n in range(12)]
    (tmp_path / "labels.jsonl").write_text("\n".join(lines), encoding="utf-8")
    job = prepare(load_recipe(recipe_file(data="labels.jsonl")), home=home, settings=settings, retriever_for=None)
    tokenizer = open_base(settings.model, weights=False).encoder.tokenizer
    examples = read_examples(tmp_path / "labels.jsonl", need_answer=True)
    report = data_report(read_rows(job.path / ROWS), examples, job.load(FACTS), tokenizer)
    assert report.labels == {"a": 6, "b": 6} and report.overlaps == ()


def test_a_spread_names_real_values() -> None:
    spread = Spread.of([5, 1, 9, 3, 7])
    assert (spread.least, spread.median, spread.most, spread.total) == (1, 5, 9, 25)
    assert Spread.of([4]) == Spread(4, 4, 4, 4, 4)


def test_the_error_bar_is_wide_without_a_past_and_follows_it_later() -> None:
    low, high = bar([])
    assert low < 1 < high and bar([1.0, 1.1]) == (low, high)
    narrow, wide = bar([1.0, 1.02, 0.98, 1.01]), bar([1.0, 1.5, 0.7, 1.2])
    assert narrow[0] > wide[0] and narrow[1] < wide[1]
    biased = bar([2.0, 2.1, 1.9, 2.0])
    assert biased[0] > 1.5 and math.sqrt(biased[0] * biased[1]) == pytest.approx(2.0, rel=0.02)


def test_finished_jobs_are_the_past(home) -> None:
    for name, state in (("one", "succeeded"), ("two", "failed")):
        job = JobFolder.create(home, "tune", name)
        job.save("estimate.json", {"seconds": 10.0})
        job.update(state=state, result={"training_seconds": 12.0})
    damaged = JobFolder.create(home, "tune", "three")
    (damaged.path / "job.json").write_text("{")
    assert past_runs(home) == [Past("one", 10.0, 12.0)]
