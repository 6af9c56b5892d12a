"""Running suites on the scripted model: same items for all, resume, cancel, failures."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from assistant.errors import UnavailableError
from assistant.models.pool import ModelPool
from assistant.paths import Home
from assistant.retrieval.library import Library
from assistant.settings import ModelSettings, Settings
from assistant.variants import VariantFactory
from eval.cache import AnswerCache
from eval.result import RunResult
from eval.run_folder import finished_runs
from eval.runner import RunCancelled
from eval.schema import Suite
from eval.suite import load_suite

COUNT = 30
FILES = {"plan.json", "record.jsonl", "result.json", "report.html", "report.md", "report.ko.md"}
Run = Callable[..., RunResult]


def add_to(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


def test_every_variant_answers_every_item_once(run: Run, suite: Suite, model: Any) -> None:
    told: list[dict[str, Any]] = []
    result = run(suite, progress=told.append)
    assert len(model.asked) == result.asked == 3 * COUNT
    assert {name: len(row) for name, row in result.answers.items()} == dict.fromkeys(result.specs, COUNT)
    assert result.scored.estimates["tuned"]["exact_match"].mean == 1.0
    assert result.scored.estimates["zero-shot"]["exact_match"].mean == 0.0
    assert result.verdict.choice == "tune"
    assert result.base.startswith("scripted@")
    assert all(set(each) == {"done", "total", "variant", "seconds_left", "stage"} for each in told)
    assert (told[-1]["done"], told[-1]["total"]) == (3 * COUNT, 3 * COUNT)
    done = [each["done"] for each in told]
    assert done == sorted(done)


def test_reports_lie_beside_the_result(run: Run, suite: Suite, tmp_path: Path) -> None:
    result = run(suite)
    (entry,) = finished_runs(tmp_path / "home" / "runs")
    assert entry["run"] == result.run
    assert entry["result"]["verdict"]["choice"] == "tune"
    folder = Path(entry["path"])
    assert {path.name for path in folder.iterdir()} == FILES


def test_a_second_run_asks_nothing(run: Run, suite: Suite, model: Any) -> None:
    first = run(suite)
    model.asked.clear()
    second = run(suite)
    assert model.asked == [] and second.asked == 0
    assert second.run != first.run
    assert second.to_json()["variants"] == first.to_json()["variants"]


def test_two_names_for_one_variant_share_their_answers(run: Run, model: Any, suite: Suite, tmp_path: Path) -> None:
    add_to(tmp_path / "suite.yaml", "  again: {recipe: zero_shot}\n")
    result = run(load_suite(tmp_path / "suite.yaml"))
    assert len(model.asked) == 3 * COUNT
    assert result.answers["again"] == result.answers["zero-shot"]


def test_a_full_disk_ends_the_run(run: Run, suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    from assistant.errors import ResourceError

    def full(*_: object) -> None:
        raise ResourceError("answers.sqlite: cannot be written: disk is full", "free disk space")

    monkeypatch.setattr(AnswerCache, "put", full)
    with pytest.raises(ResourceError, match="disk is full"):
        run(suite)


def test_only_what_is_new_is_asked(run: Run, suite: Suite, model: Any, tmp_path: Path) -> None:
    run(suite)
    model.asked.clear()
    with (tmp_path / "items.jsonl").open("a") as stream:
        stream.write('\n{"question": "number 999", "reference": ["x"], "language": "en"}')
    run(load_suite(tmp_path / "suite.yaml"))
    assert model.asked == ["number 999"] * 3


def test_another_seed_is_asked_again(run: Run, suite: Suite, model: Any, tmp_path: Path) -> None:
    run(suite)
    model.asked.clear()
    add_to(tmp_path / "suite.yaml", "seed: 1\n")
    run(load_suite(tmp_path / "suite.yaml"))
    assert len(model.asked) == 3 * COUNT


def test_cancel_keeps_what_is_finished(run: Run, suite: Suite, model: Any) -> None:
    enough = threading.Event()

    def stop_later(question: str) -> None:
        if len(model.asked) > 40:
            enough.set()

    model.hook = stop_later
    with pytest.raises(RunCancelled):
        run(suite, cancelled=enough.is_set, streams=4)
    before = len(model.asked)
    assert before < 3 * COUNT
    result = run(suite)
    # Those under way when the run was cancelled (at most one a stream) are asked again, no other.
    assert 3 * COUNT <= len(model.asked) <= 3 * COUNT + 4
    assert result.scored.estimates["tuned"]["exact_match"].n == COUNT


def test_a_cancelled_run_is_taken_up_under_its_name(run: Run, suite: Suite, tmp_path: Path) -> None:
    with pytest.raises(RunCancelled):
        run(suite, cancelled=lambda: True)
    (unfinished,) = (path.name for path in (tmp_path / "home" / "runs").iterdir() if path.is_dir())
    assert run(suite).run == unfinished
    assert run(suite).run != unfinished


def test_failed_samples_are_recorded_counted_and_not_retried(run: Run, suite: Suite, model: Any) -> None:
    def break_some(question: str) -> None:
        if question in ("number 3", "number 7"):
            raise ConnectionError("the server hung up")

    model.hook = break_some
    result = run(suite)
    assert len(model.asked) == 3 * COUNT
    estimate = result.scored.estimates["tuned"]["exact_match"]
    assert (estimate.mean, estimate.n, estimate.unscored) == (1.0, COUNT - 2, 2)
    document = result.to_json()["variants"]["tuned"]
    assert document["failed"] == {"ConnectionError: the server hung up": 2}
    # A new run asks the failed ones again, and only those.
    model.asked.clear()
    model.hook = lambda question: None
    assert run(suite).scored.estimates["tuned"]["exact_match"].unscored == 0
    assert sorted(model.asked) == ["number 3"] * 3 + ["number 7"] * 3


def test_a_run_stops_when_most_answers_fail(run: Run, suite: Suite, model: Any) -> None:
    def always(question: str) -> None:
        raise ConnectionError("nobody home")

    model.hook = always
    with pytest.raises(UnavailableError, match="10 of 10 answers failed, last: ConnectionError: nobody home"):
        run(suite, streams=2)
    assert len(model.asked) < 20
    model.asked.clear()
    model.hook = lambda question: None
    assert run(suite).verdict.choice == "tune"
    assert len(model.asked) == 3 * COUNT


def test_many_streams_run_at_once(run: Run, suite: Suite, model: Any) -> None:
    barrier = threading.Barrier(8)
    first = set(range(8))

    def meet(question: str) -> None:
        with lock:
            mine = first.pop() if first else None
        if mine is not None:
            barrier.wait(timeout=20)

    lock = threading.Lock()
    model.hook = meet
    assert run(suite, streams=8).asked == 3 * COUNT


def test_an_answer_without_its_adapter_is_an_error(run: Run, suite: Suite, model: Any, tmp_path: Path) -> None:
    from dataclasses import replace

    from eval.streams import Job, ask

    settings = Settings(home=tmp_path / "home", model=ModelSettings(name="made_up_models:plain"))
    variants = VariantFactory(settings, Home(settings.home), ModelPool(settings), cast(Library, None))
    live = variants.build(suite.variants[0])
    lying = replace(live, spec=replace(live.spec, adapter="tuned"))
    answer = ask(Job(lying, "key", ()), suite.items[0], 0, threading.Event())
    assert answer is not None
    assert answer.error == "ran with adapter None instead of 'tuned'"


def test_choosing_reads_the_validation_split_only(run: Run, suite: Suite, model: Any, tmp_path: Path) -> None:
    from assistant.schema import Variant
    from eval import select

    rows = [{"question": f"again number {at}", "reference": [f"answer {at}"], "language": "en"} for at in range(9)]
    (tmp_path / "validation.jsonl").write_text("\n".join(map(json.dumps, rows)))
    add_to(tmp_path / "suite.yaml", "validation: validation.jsonl\ntrials: {tuned: 2}\n")
    suite = load_suite(tmp_path / "suite.yaml")
    assert suite.trials == {"tuned": 2}
    candidates = list(select.grid(Variant("tuned"), model=["default", "clever"], k=[1, 2]))
    selection = select.choose(suite, candidates, **run.parts())  # type: ignore[attr-defined]
    assert (selection.best.model, selection.best.k, selection.trials) == ("clever", 1, 4)
    assert selection.ranked[0][1].mean == 1.0
    assert all("again" in question for question in model.asked)
