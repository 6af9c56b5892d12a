"""Finished answers survive: the cache, and a run that is killed at three points."""

import json
import os
import random
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from eval.cache import AnswerCache, answer_from
from eval.run_folder import finished_runs
from eval.schema import Answer, Suite

COUNT = 30
ROOT = Path(__file__).resolve().parents[2]


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


# A run in a process of its own that kills itself at its n-th step; steps are the start of an answer, an answer
# stored, scoring, and every file of the finished run before and after it gets its name.
CHILD = """
    import os, signal, sys
    from pathlib import Path
    import eval.result
    from assistant.models.pool import ModelPool
    from assistant.models.scripted import ScriptedBackend, ScriptedModel
    from assistant.paths import Home
    from assistant.settings import ModelSettings, Settings
    from assistant.variants import VariantFactory
    from eval.cache import AnswerCache
    from eval.run_folder import RunFolder
    from eval.runner import run_suite
    from eval.suite import load_suite

    folder, kill_at = Path(sys.argv[1]), int(sys.argv[2])
    steps = open(folder / "steps.log", "a", buffering=1)
    taken = 0

    def step(name):
        global taken
        taken += 1
        if taken == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        steps.write(name + "\\n")

    def watched(owner, name):
        inner = getattr(owner, name)

        def outer(*args, **options):
            step(f"before {name}")
            result = inner(*args, **options)
            step(f"after {name}")
            return result

        setattr(owner, name, outer)

    watched(AnswerCache, "put")
    watched(AnswerCache, "note_read")
    watched(RunFolder, "write")
    watched(eval.result, "score_answers")

    class Model(ScriptedModel):
        def stream(self, messages, sampling):
            step("asked " + messages[-1].content)
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
STREAMS = 4


class Killed:
    """A run in a folder of its own that can be started over and over, killed at a chosen step."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.script = folder / "child.py"
        self.script.write_text(textwrap.dedent(CHILD))

    def go(self, kill_at: int = 0) -> bool:
        """Start the run; return whether it was killed."""
        environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, str(self.script), str(self.folder), str(kill_at)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
        return done.returncode != 0

    def steps(self, start: str = "") -> list[str]:
        """Return the steps taken by all starts together."""
        lines = (self.folder / "steps.log").read_text().splitlines()
        return [line for line in lines if line.startswith(start)]

    def table(self) -> dict[str, Any]:
        """Return the one finished run's table, without what the clock says."""
        (entry,) = finished_runs(self.folder / "home" / "runs")
        document = entry["result"]
        rows = {
            name: {key: row[key] for key in ("metrics", "approach", "prompt_tokens", "failed")}
            for name, row in document["variants"].items()
        }
        verdict = {key: value for key, value in document["verdict"].items() if key != "text"}
        return {"variants": rows, "verdict": verdict, "reads": document["reads"], "pairs": document["pairs"]}


def unbroken(folder: Path, suite: Suite) -> tuple[dict[str, Any], int]:
    """Return the table of a run that nobody killed, and how many steps it took."""
    alone = folder / "unbroken"
    alone.mkdir()
    for name in ("items.jsonl", "suite.yaml"):
        (alone / name).write_text(Path(suite.path).with_name(name).read_text())
    run = Killed(alone)
    assert not run.go()
    return run.table(), len(run.steps())


def finish_after(folder: Path, kills: Iterable[int]) -> Killed:
    """Kill a run at every one of these steps, then let it end; check that nothing finished was repeated."""
    run = Killed(folder)
    killed = sum(run.go(at) for at in kills)
    run.go()
    # Each kill can lose the answers that were under way, and nothing else.
    assert 3 * COUNT <= len(run.steps("asked")) <= 3 * COUNT + killed * STREAMS
    return run


def test_kill_while_answering(suite: Suite, tmp_path: Path) -> None:
    expected, _ = unbroken(tmp_path, suite)
    run = finish_after(tmp_path, (10, 90, 60))
    assert run.table() == expected
    assert expected["variants"]["tuned"]["metrics"]["exact_match"]["mean"] == 1.0
    assert all(each["metrics"]["exact_match"]["n"] == COUNT for each in expected["variants"].values())


def test_kill_while_scoring(suite: Suite, tmp_path: Path) -> None:
    expected, total = unbroken(tmp_path, suite)
    scoring = Killed(tmp_path / "unbroken").steps().index("before score_answers") + 2
    run = finish_after(tmp_path, (scoring,))
    assert run.table() == expected and len(run.steps("before score_answers")) == 2
    assert scoring < total


def test_kill_while_the_result_is_written(suite: Suite, tmp_path: Path) -> None:
    expected, total = unbroken(tmp_path, suite)
    run = finish_after(tmp_path, (total - 1, 5, 9))  # the record and reports lie there, the result does not
    assert run.table() == expected
    left = {path.name for path in next((tmp_path / "home" / "runs").glob("numbers-*")).iterdir()}
    assert left == {"plan.json", "record.jsonl", "result.json", "report.html", "report.md", "report.ko.md"}


@pytest.mark.chaos
@pytest.mark.timeout(1800)
def test_kill_at_twenty_random_points(suite: Suite, tmp_path: Path) -> None:
    """Twenty runs, each killed once anywhere between its first step and its last: all end with the same table."""
    expected, total = unbroken(tmp_path, suite)
    seed = random.SystemRandom().randrange(2**32)
    chance = random.Random(seed)
    for number in range(20):
        folder = tmp_path / f"run {number}"
        folder.mkdir()
        for name in ("items.jsonl", "suite.yaml"):
            (folder / name).write_text((tmp_path / name).read_text())
        at = chance.randint(1, total)
        assert finish_after(folder, (at,)).table() == expected, f"seed {seed}, killed at step {at}"
