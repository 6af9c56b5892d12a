"""Finished evaluations from the command line: list, report, compare, rescore, gate, choose."""

import json
from pathlib import Path

import pytest

SUITE = """\
suite: mini
items: items.jsonl
validation: validation.jsonl
documents: docs
variants: {zero-shot: , rag: {k: 1}}
"""


def _rows(word: str, count: int) -> str:
    rows = [
        {"question": f"What does {word} {n} cost?", "reference": [f"{n} won"], "group": f"g{n}", "language": "en"}
        for n in range(1, count + 1)
    ]
    return "\n".join(json.dumps(row) for row in rows)


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """Return a suite with a validation split."""
    (tmp_path / "items.jsonl").write_text(_rows("fee", 4), encoding="utf-8")
    (tmp_path / "validation.jsonl").write_text(_rows("ticket", 3), encoding="utf-8")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "fees.md").write_text("Fee 1 is 1 won. Ticket 2 costs 2 won.", encoding="utf-8")
    (tmp_path / "suite.yaml").write_text(SUITE, encoding="utf-8")
    return tmp_path / "suite.yaml"


@pytest.fixture
def finished(joyul, suite) -> str:
    """Return the name of a finished run."""
    done = joyul("eval", "run", str(suite), "--json")
    assert done.code == 0, done.err
    return str(done.document["run"])


def test_a_finished_run_is_listed_and_reported_in_every_form(joyul, finished, tmp_path: Path) -> None:
    listed = joyul("eval", "list", "--json").document
    assert [row["run"] for row in listed["runs"]] == [finished]
    assert listed["runs"][0] | {"items": 4, "reads": 1, "verdict": "not_enough_evidence"} == listed["runs"][0]
    assert {"handbook", "triage"} <= {row["suite"] for row in listed["suites"]} and listed["unfinished"] == []
    assert finished in joyul("eval", "list").out
    assert joyul("eval", "report", finished, "--json").document["run"] == finished
    korean = joyul("eval", "report", "--language", "ko").out
    assert "증거 부족" in joyul("eval", "report", finished, "--markdown", "--language", "ko").out
    assert "토큰 F1" in korean and "제로샷" in korean and "평가 문항을 읽은 횟수" in korean
    out = tmp_path / "report.html"
    assert joyul("eval", "report", finished, "--html", "--out", str(out)).code == 0
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert joyul("eval", "report", finished, "--html", "--markdown").code == 2


def test_unknown_runs_are_told_the_nearest(joyul, finished) -> None:
    wrong = finished[:-1] + "-"
    for command in (("report", wrong), ("compare", wrong, finished), ("rescore", wrong), ("gate", wrong)):
        done = joyul("eval", *command, "--json")
        assert (done.code, done.document["error"]["kind"]) == (3, "input")
        assert finished in done.document["error"]["hint"]


def test_runs_are_rescored_and_compared(joyul, finished) -> None:
    again = joyul("eval", "rescore", finished, "--metrics", "rouge_l", "--json").document
    assert (again["asked"], again["rescored_from"], again["reads"]["items"]) == (0, finished, 1)
    assert "rouge_l" in again["variants"]["rag"]["metrics"]
    found = joyul("eval", "compare", finished, again["run"], "--json").document
    assert found["same_items"] and found["variants"]["rag"]["delta"] == 0.0
    assert "두 실행의 차이" in joyul("eval", "compare", finished, again["run"], "--language", "ko").out


def test_the_gate_is_an_exit_code(joyul, finished) -> None:
    assert joyul("eval", "gate", finished, "--variant", "rag").code == 0
    opened = joyul("eval", "gate", finished, "--variant", "rag", "--no-worse-than", finished, "--json")
    assert (opened.code, opened.document["passed"], len(opened.document["checks"])) == (0, True, 2)
    closed = joyul("eval", "gate", finished, "--variant", "rag", "--min", "token_f1=0.99", "--json")
    assert (closed.code, closed.document["error"]["kind"], closed.document["passed"]) == (9, "gate", False)
    assert [check["passed"] for check in closed.document["checks"]] == [True, False]
    shown = joyul("eval", "gate", finished, "--variant", "rag", "--min", "token_f1=0.99")
    assert "FAIL  min token_f1" in shown.out and "the gate is closed" in shown.err
    assert joyul("eval", "gate", finished, "--variant", "rag", "--min", "token_f1").code == 2
    assert joyul("eval", "gate", finished).code == 3  # the verdict chose none


def test_candidates_are_tried_on_the_validation_split(joyul, suite, demo_home) -> None:
    done = joyul("eval", "choose", str(suite), "--variant", "rag", "--k", "1,2,3", "--json")
    assert done.code == 0, done.err
    found = done.document["variants"]["rag"]
    assert found["trials"] == 3 and set(found["best"]) == {"k"} and done.document["validation"] == 3
    assert sorted(row["values"]["k"] for row in found["ranked"]) == [1, 2, 3]
    told = joyul("eval", "choose", str(suite), "--variant", "rag", "--k", "1,2,3").out
    assert "trials: {rag: 3}" in told
    assert joyul("eval", "list", "--json").document["runs"] == []
    unequal = joyul("eval", "choose", str(suite), "--variant", "rag", "--variant", "zero-shot", "--k", "1,2")
    assert unequal.code == 2 and "unequal numbers of trials" in unequal.err


def test_everything_works_while_the_app_runs(processes, demo_home, suite) -> None:
    app = processes.serve(demo_home)
    light = ("--model", "scripted", "--set", "retrieval.embedder=hashing")
    run = processes.run(demo_home, *light, "eval", "run", str(suite), "--json").document["run"]
    for command in (("list",), ("report", run), ("rescore", run), ("gate", run, "--variant", "rag")):
        done = processes.run(demo_home, "eval", *command, "--json")
        assert done.code == 0, done.err
    assert app.stop() == 143
