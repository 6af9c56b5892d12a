"""Running suites on the scripted model: same items for all, resume, cancel, failures, kill -9."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import pytest

from assistant.errors import UnavailableError
from assistant.models.pool import ModelPool
from assistant.models.scripted import ScriptedBackend, ScriptedModel
from assistant.paths import Home
from assistant.retrieval.library import Library
from assistant.schema import Delta, Message, Sampling
from assistant.settings import ModelSettings, Settings
from assistant.variants import VariantFactory
from eval.cache import AnswerCache, answer_from
from eval.result import RunResult
from eval.run_folder import finished_runs
from eval.runner import RunCancelled, run_suite
from eval.schema import Answer, Suite
from eval.suite import load_suite

COUNT = 30
SUITE = """\
suite: numbers
kind: qa
items: items.jsonl
primary: exact_match
variants:
  zero-shot:
  rag: {recipe: zero_shot, approach: rag, k: 3}
  tuned: {model: clever}
"""
ROOT = Path(__file__).resolve().parents[2]


class Plain(ScriptedBackend):
    """Knows nothing: echoes."""

    asked: list[str]
    hook: Callable[[str], None]

    def model(self, adapter: Any = None) -> ScriptedModel:
        backend = self

        class Watched(ScriptedModel):
            def stream(self, messages: Sequence[Message], sampling: Sampling) -> Generator[Delta, None, None]:
                backend.asked.append(messages[-1].content)
                backend.hook(messages[-1].content)
                yield from super().stream(messages, sampling)

        return Watched(self, self._rules)


@pytest.fixture
def model() -> Iterator[ModuleType]:
    """Two scripted models whose every question is noted; ``hook`` may make them fail or wait."""
    module = ModuleType("made_up_models")
    module.asked = []  # type: ignore[attr-defined]
    module.hook = lambda question: None  # type: ignore[attr-defined]

    def opened(rules: Sequence[tuple[str, str]]) -> Plain:
        backend = Plain(rules)
        backend.asked = module.asked
        backend.hook = lambda question: module.hook(question)
        return backend

    module.plain = lambda settings, engine: opened([])  # type: ignore[attr-defined]
    rules = [(rf"number {at}$", f"answer {at}") for at in range(COUNT)]
    module.clever = lambda settings, engine: opened(rules)  # type: ignore[attr-defined]
    sys.modules["made_up_models"] = module
    yield module
    del sys.modules["made_up_models"]


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    rows = [{"question": f"number {at}", "reference": [f"answer {at}"], "language": "en"} for at in range(COUNT)]
    (tmp_path / "items.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "suite.yaml").write_text(SUITE)
    return load_suite(tmp_path / "suite.yaml")


@pytest.fixture
def run(tmp_path: Path, model: ModuleType) -> Callable[..., RunResult]:
    settings = Settings(
        home=tmp_path / "home",
        model=ModelSettings(name="made_up_models:plain"),
        models={"clever": ModelSettings(name="made_up_models:clever")},
    )
    home = Home(settings.home).create()
    # No variant here searches, so nothing ever asks the library.
    library = cast(Library, None)

    def go(suite: Suite, **options: Any) -> RunResult:
        variants = VariantFactory(settings, home, ModelPool(settings), library)
        return run_suite(suite, variants=variants, library=library, runs=home.runs, **options)

    return go


Run = Callable[..., RunResult]


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
    assert {path.name for path in folder.iterdir()} == {"plan.json", "result.json", "report.html", "report.md"}


def test_a_second_run_asks_nothing(run: Run, suite: Suite, model: Any) -> None:
    first = run(suite)
    model.asked.clear()
    second = run(suite)
    assert model.asked == [] and second.asked == 0
    assert second.run != first.run
    assert second.to_json()["variants"] == first.to_json()["variants"]


def test_two_names_for_one_variant_share_their_answers(run: Run, model: Any, suite: Suite, tmp_path: Path) -> None:
    (tmp_path / "suite.yaml").write_text(SUITE + "  again: {recipe: zero_shot}\n")
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
    (tmp_path / "suite.yaml").write_text(SUITE + "seed: 1\n")
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


def test_choosing_reads_the_validation_split_only(
    run: Run, suite: Suite, model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from assistant.schema import Variant
    from eval import select

    rows = [{"question": f"again number {at}", "reference": [f"answer {at}"], "language": "en"} for at in range(9)]
    (tmp_path / "validation.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "suite.yaml").write_text(SUITE + "validation: validation.jsonl\ntrials: {tuned: 2}\n")
    suite = load_suite(tmp_path / "suite.yaml")
    assert suite.trials == {"tuned": 2}
    monkeypatch.setattr(select, "run_suite", lambda held, **options: run(held))
    candidates = list(select.grid(Variant("tuned"), model=["default", "clever"], k=[1, 2]))
    selection = select.choose(suite, candidates, variants=cast(Any, None), library=cast(Any, None), runs=tmp_path)
    assert (selection.best.model, selection.best.k, selection.trials) == ("clever", 1, 4)
    assert selection.ranked[0][1].mean == 1.0
    assert all("again" in question for question in model.asked)


def test_cached_answers_come_back_whole(tmp_path: Path) -> None:
    from dataclasses import asdict

    from assistant.schema import Passage

    answer = Answer("안녕", (Passage("id", "a.md", 1, "text", 0.5),), "q", 1, 2, 0.1, 0.2, "stop", "b", None, ("n",))
    assert answer_from(json.loads(json.dumps(asdict(answer)))) == answer
    cache = AnswerCache(tmp_path)
    cache.put("v", "i", 0, "run", answer)
    cache.put("v", "j", 0, "run", Answer(error="no"))
    assert cache.get("v", 0, "run") == {"i": answer, "j": Answer(error="no")}
    assert cache.get("v", 0, "other run") == {"i": answer}
    assert cache.get("v", 1, "run") == cache.get("w", 0, "run") == {}
    cache.close()


def test_a_damaged_answers_file_is_named(tmp_path: Path) -> None:
    from assistant.errors import DamagedError

    (tmp_path / "answers.sqlite").write_bytes(b"no database at all " * 100)
    with pytest.raises(DamagedError, match=r"answers\.sqlite: damaged"):
        AnswerCache(tmp_path)


CHILD = """
    import os, signal, sys
    from pathlib import Path
    from assistant.models.pool import ModelPool
    from assistant.models.scripted import ScriptedBackend, ScriptedModel
    from assistant.paths import Home
    from assistant.settings import ModelSettings, Settings
    from assistant.variants import VariantFactory
    from eval.runner import run_suite
    from eval.suite import load_suite

    folder, kill_at = Path(sys.argv[1]), int(sys.argv[2])
    started = 0

    class Model(ScriptedModel):
        def stream(self, messages, sampling):
            global started
            started += 1
            if started == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            with open(folder / "asked.log", "a") as log:
                log.write(messages[-1].content + "\\n")
            yield from super().stream(messages, sampling)

    class Backend(ScriptedBackend):
        def model(self, adapter=None):
            return Model(self, self._rules)

    def plain(settings, engine):
        return Backend([])

    def clever(settings, engine):
        return Backend([(f"number {at}$", f"answer {at}") for at in range(30)])

    settings = Settings(
        home=folder / "home",
        model=ModelSettings(name="__main__:plain"),
        models={"clever": ModelSettings(name="__main__:clever")},
    )
    home = Home(settings.home).create()
    variants = VariantFactory(settings, home, ModelPool(settings), None)
    result = run_suite(
        load_suite(folder / "suite.yaml"), variants=variants, library=None, runs=home.runs, streams=4
    )
    print(result.asked)
"""


def test_kill_at_three_points_repeats_nothing_finished(suite: Suite, tmp_path: Path) -> None:
    script = tmp_path / "child.py"
    script.write_text(textwrap.dedent(CHILD))
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}

    def go(kill_at: int) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(script), str(tmp_path), str(kill_at)]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)

    for kill_at in (5, 40, 25):
        assert go(kill_at).returncode == -signal.SIGKILL
    last = go(0)
    assert last.returncode == 0, last.stderr
    asked = (tmp_path / "asked.log").read_text().splitlines()
    # Each of the three kills can lose the four answers that were under way, and nothing else.
    assert 3 * COUNT <= len(asked) <= 3 * COUNT + 3 * 4
    (entry,) = finished_runs(tmp_path / "home" / "runs")
    variants = entry["result"]["variants"]
    assert variants["tuned"]["metrics"]["exact_match"]["mean"] == 1.0
    assert all(each["metrics"]["exact_match"]["n"] == COUNT for each in variants.values())
