"""Finished answers survive: the cache, and a run that is killed at three points."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

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
