"""Benchmarks through lm-evaluation-harness: what task files may hold, and tiny tasks where it is installed."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.errors import InputError, RefusedError, UnavailableError, UsageError
from assistant.models.local import LocalBackend, open_local
from assistant.models.scripted import ScriptedBackend
from assistant.settings import EngineSettings, ModelSettings
from eval.harness import load_tasks, run_tasks

CHOICE = """\
include: _common.yaml
task: ending
output_type: multiple_choice
doc_to_text: "{{start}}"
doc_to_choice: "{{ends}}"
doc_to_target: "{{right}}"
metric_list: [{metric: acc}]
"""
COMMON = """\
dataset_path: json
dataset_kwargs: {data_files: {test: rows.jsonl}}
test_split: test
"""
WRITTEN = (
    COMMON
    + """\
task: greeting
output_type: generate_until
doc_to_text: "{{start}}"
doc_to_target: "안녕하세요! 무엇을 도와드릴까요?"
generation_kwargs: {until: ["\\n"], max_gen_toks: 16}
metric_list: [{metric: exact_match}]
"""
)
ROWS = [
    {"start": "안녕하세요", "ends": [" 반갑습니다", " qzx vkw"], "right": 0},
    {"start": "Hello, how are", "ends": [" vkq zzx", " you"], "right": 1},
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, ROWS)), encoding="utf-8")
    for name, text in (("choice.yaml", CHOICE), ("_common.yaml", COMMON), ("written.yaml", WRITTEN)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_tasks_of_a_folder(folder: Path) -> None:
    tasks = {task["task"]: task for task in load_tasks(folder)}
    assert set(tasks) == {"ending", "greeting"}
    assert tasks["ending"]["dataset_path"] == "json"
    assert all(task["dataset_kwargs"]["data_files"] == {"test": str(folder / "rows.jsonl")} for task in tasks.values())


@pytest.mark.parametrize("line", ["process_docs: !function utils.run", "unsafe_code: true"])
def test_code_in_a_task_is_refused_wherever_it_stands(folder: Path, line: str) -> None:
    (folder / "_common.yaml").write_text(COMMON + line, encoding="utf-8")
    with pytest.raises(RefusedError, match=r"_common.yaml: .* would run code"):
        load_tasks(folder)


def test_folders_that_hold_no_task(folder: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        load_tasks(folder / "gone")
    (folder / "choice.yaml").write_text("include: nothing.yaml\ntask: x\n")
    with pytest.raises(InputError, match="include: no file at"):
        load_tasks(folder)
    for path in folder.glob("*.yaml"):
        path.unlink()
    with pytest.raises(InputError, match="holds no task"):
        load_tasks(folder)


def test_without_the_harness_it_is_said_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lm_eval", None)
    with pytest.raises(UnavailableError, match="lm-evaluation-harness cannot be loaded") as caught:
        run_tasks(folder, ScriptedBackend().model())
    assert "pip install" in caught.value.hint


@pytest.fixture
def backend() -> Iterator[LocalBackend]:
    opened = open_local(ModelSettings(), EngineSettings())
    yield opened
    opened.close()


def test_a_likely_ending_is_rated_above_nonsense(backend: LocalBackend) -> None:
    model = backend.model()
    pairs = [(row["start"], end) for row in ROWS for end in row["ends"]]  # type: ignore[union-attr]
    scores = [score for score, _ in model.continuations(pairs)]
    assert scores[0] > scores[1] and scores[3] > scores[2]
    # The chance of a whole is that of its parts, one after the other.
    whole, first = model.continuations([("", "Hello, how"), ("", "Hello,")])
    (rest,) = model.continuations([("Hello,", " how")])
    assert whole[0] == pytest.approx(first[0] + rest[0], abs=1e-3)
    alone = -model.losses(["Hello, how"])[0] * (len(backend.format.text_ids("Hello, how")) - 1)
    assert whole[0] == pytest.approx(alone, abs=1e-3)


def test_a_local_task_runs_offline(folder: Path, backend: LocalBackend) -> None:
    pytest.importorskip("lm_eval")
    found = run_tasks(folder, backend.model())
    rows = {(row["task"], row["metric"]): row for row in found["tasks"]}
    assert rows["ending", "acc"]["value"] == 1.0
    assert (rows["ending", "acc"]["n"], rows["ending", "acc"]["of"]) == (2, 2)
    assert 0.0 <= rows["greeting", "exact_match"]["value"] <= 1.0
    limited = run_tasks(folder, backend.model(), limit=1)
    assert {row["n"] for row in limited["tasks"]} == {1} and limited["limit"] == 1
    with pytest.raises(UsageError, match="does not say how likely"):
        run_tasks(folder, ScriptedBackend().model())
    (folder / "rows.jsonl").write_text("not json", encoding="utf-8")
    with pytest.raises(InputError, match="the harness failed"):
        run_tasks(folder, backend.model())


def test_templates_reach_no_python(folder: Path, backend: LocalBackend) -> None:
    pytest.importorskip("lm_eval")
    escape = CHOICE.replace("{{start}}", "{{ ''.__class__.__mro__ }}")
    (folder / "choice.yaml").write_text(escape, encoding="utf-8")
    with pytest.raises(InputError, match="unsafe"):
        run_tasks(folder, backend.model())
