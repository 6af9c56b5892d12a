"""What can be done with a finished run: compare it with another, gate a build on it, score it again."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assistant.errors import InputError, UsageError
from assistant.schema import Shot, Variant
from eval.gate import Limits, check_run
from eval.pairing import compare_runs
from eval.record import Record, load_record, record_of
from eval.reports.compared import sections
from eval.reports.markdown import section_lines
from eval.rescore import rescore
from eval.result import RunResult
from eval.run_folder import find_run, finished_runs
from eval.schema import Suite
from eval.select import Choices, candidates, check_trials

Judge = Callable[..., RunResult]
SOME = {"zero-shot": lambda at: at % 4 == 0, "rag": lambda at: at % 2 == 0, "tuned": lambda at: at % 10 > 0}


def record(judged: Judge, run: str, right: Any = SOME, **changes: Any) -> Record:
    return record_of(replace(judged(right, **changes), run=run))


def test_runs_are_compared_on_the_items_of_both(judged: Judge) -> None:
    better = {**SOME, "rag": lambda at: at % 2 == 0 or at % 3 == 0}
    found = compare_runs(record(judged, "a"), record(judged, "b", better))
    pair = found["variants"]["rag"]
    assert pair["delta"] == pytest.approx(sum(at % 2 > 0 and at % 3 == 0 for at in range(40)) / 40)
    assert pair["low"] <= pair["delta"] <= pair["high"] and pair["n"] == 40
    assert found["variants"]["tuned"]["delta"] == 0.0
    assert found["same_items"] and found["changed"] == []


def test_other_items_are_left_out_and_said(judged: Judge, make_suite: Callable[..., Suite]) -> None:
    longer = make_suite(count=50, names=tuple(SOME))
    other = replace(longer, items=(replace(longer.items[0], reference=("something new",)), *longer.items[1:]))
    found = compare_runs(record(judged, "a"), record(judged, "b", suite=replace(other, margin=0.05)))
    assert found["items"] == {"shared": 39, "first": 40, "second": 50, "other_reference": 1}
    assert not found["same_items"] and found["variants"]["tuned"]["n"] == 39
    assert found["changed"] == [{"key": "margin", "first": 0.02, "second": 0.05}]
    for language, said in (("ko", "39개만 견줬어요"), ("en", "the 39 in both")):
        assert said in "\n".join(section_lines(sections(found), language))


def test_runs_of_different_things_are_refused(judged: Judge, make_suite: Callable[..., Suite]) -> None:
    names = tuple(SOME)
    apart = make_suite(names=names)
    apart = replace(apart, items=tuple(replace(item, question=f"other {item.question}") for item in apart.items))
    with pytest.raises(InputError, match="no item in common"):
        compare_runs(record(judged, "a"), record(judged, "b", suite=apart))
    measured = replace(make_suite(names=names), primary="contains", metrics=("contains",))
    with pytest.raises(InputError, match="measure different things"):
        compare_runs(record(judged, "a"), record(judged, "b", suite=measured))


def test_the_gate_opens_and_closes(judged: Judge) -> None:
    run = record(judged, "a", errors={"rag": lambda at: at < 8})
    checks = check_run(run, Limits({"exact_match": 0.85}), "tuned")
    assert [(check.check, check.passed) for check in checks] == [("coverage", True), ("min exact_match", True)]
    assert not check_run(run, Limits({"exact_match": 0.95}), "tuned")[1].passed
    coverage = check_run(run, Limits({}), "rag")[0]
    assert not coverage.passed and coverage.seen == pytest.approx(0.8)
    assert check_run(run, Limits({}, coverage=0.8), "rag")[0].passed


def test_no_worse_needs_evidence(judged: Judge) -> None:
    before = record(judged, "before")
    before = replace(before, declaration=replace(before.declaration, fingerprints={"tuned": "another"}))
    alike = record(judged, "after")
    near = check_run(alike, Limits({}, margin=0.1), "tuned", before)[-1]
    assert near.check == "no worse than before" and near.passed
    assert not check_run(alike, Limits({}), "tuned", before)[-1].passed  # 40 items cannot show two points
    assert check_run(alike, Limits({}), "tuned", alike)[-1].passed
    worse = record(judged, "after", {**SOME, "tuned": lambda at: at % 10 > 5})
    told = check_run(worse, Limits({}), "tuned", before)[-1]
    assert not told.passed and told.text.startswith("worse")
    shaky = record(judged, "after", {**SOME, "tuned": lambda at: at % 10 > 0 and at != 5})
    told = check_run(shaky, Limits({}), "tuned", before)[-1]
    assert not told.passed and told.text.startswith("not shown to be no worse")


def test_the_gate_reads_forgetting(judged: Judge) -> None:
    run = record(judged, "a")
    lost = {"tuned": {"loss": {"ko": {"change": 0.08}, "en": {"change": 0.01}}}}
    run = replace(run, document={**run.document, "forgetting": lost})
    checks = check_run(run, Limits({}, forgetting=0.05), "tuned")[1:]
    assert [(check.check, check.passed) for check in checks] == [("forgetting ko", False), ("forgetting en", True)]
    assert check_run(run, Limits({}, forgetting=0.05), "rag")[-1].passed
    never = replace(run, document={**run.document, "forgetting": None})
    with pytest.raises(InputError, match="never measured"):
        check_run(never, Limits({}, forgetting=0.05), "tuned")


def test_the_gate_refuses_what_it_cannot_check(judged: Judge) -> None:
    run = record(judged, "a")
    with pytest.raises(UsageError, match="unknown metric"):
        check_run(run, Limits({"exact_mach": 0.5}), "rag")
    with pytest.raises(UsageError, match="less of it"):
        check_run(run, Limits({"seconds": 0.5}), "rag")
    with pytest.raises(InputError, match="did not measure"):
        check_run(run, Limits({"chrf": 0.5}), "rag")
    with pytest.raises(InputError, match="no variant 'rga'"):
        check_run(run, Limits({}), "rga")


def test_scoring_again_asks_nobody_and_agrees(run: Callable[..., RunResult], suite: Suite, model: Any) -> None:
    first = run(suite)
    runs = run.parts()["runs"]  # type: ignore[attr-defined]
    model.asked.clear()
    again = rescore(load_record(find_run(runs, first.run)), runs, ["chrf"])
    assert model.asked == [] and again.asked == 0 and again.rescored_from == first.run != again.run
    old, new = first.to_json(), load_record(find_run(runs, again.run)).document
    assert new["verdict"] == old["verdict"] and new["reads"] == old["reads"] and new["costs"] == old["costs"]
    for name, row in old["variants"].items():
        assert new["variants"][name]["metrics"]["exact_match"] == row["metrics"]["exact_match"]
        assert "chrf" in new["variants"][name]["metrics"]
    with pytest.raises(UsageError, match="unknown metric"):
        rescore(load_record(find_run(runs, first.run)), runs, ["chrff"])


def test_reads_of_the_test_items_are_counted(run: Callable[..., RunResult], suite: Suite, tmp_path: Path) -> None:
    from eval.suite import load_suite

    assert run(suite).reads == {"declared": 1, "items": 1}
    assert run(suite).reads == {"declared": 2, "items": 2}
    file = tmp_path / "suite.yaml"
    file.write_text(file.read_text() + "margin: 0.05\n")
    changed = run(load_suite(file))
    assert changed.reads == {"declared": 1, "items": 3}
    said = "\n".join(section_lines(_warnings(changed), "ko"))
    assert "벌써 3번" in said


def _warnings(result: RunResult) -> Any:
    from eval.reports.declared import warnings

    return warnings(result.to_json())


def test_a_run_is_found_by_name_only(run: Callable[..., RunResult], suite: Suite) -> None:
    first = run(suite)
    runs = run.parts()["runs"]  # type: ignore[attr-defined]
    assert find_run(runs, "latest").name == finished_runs(runs)[0]["run"] == first.run
    with pytest.raises(InputError, match="no finished run") as told:
        find_run(runs, first.run[:-1] + "x")
    assert first.run in told.value.hint
    for name in ("..", "../runs", f"./{first.run}", str(runs / first.run), ""):
        with pytest.raises(InputError):
            find_run(runs, name)


def test_candidates_take_what_concerns_them(make_suite: Callable[..., Suite]) -> None:
    suite = make_suite()
    suite = replace(
        suite, variants=(*suite.variants[:1], replace(suite.variants[1], recipe="few_shot"), *suite.variants[2:])
    )
    shots = [Shot(f"q{at}", f"a{at}") for at in range(8)]
    choices = Choices(k=(1, 2, 3), shots=(2, 4), adapter=("x", "y"))
    assert [spec.k for spec in candidates(suite, "rag", choices, shots)] == [1, 2, 3]
    assert [len(spec.shots) for spec in candidates(suite, "few-shot", choices, shots)] == [2, 4]
    assert [(spec.k, spec.adapter) for spec in candidates(suite, "rag-tuned", choices, shots)][:3] == [
        (1, "x"),
        (1, "y"),
        (2, "x"),
    ]
    assert candidates(suite, "zero-shot", choices, shots) == [Variant("zero-shot")]
    with pytest.raises(InputError, match="no variant 'rga'"):
        candidates(suite, "rga", choices, shots)


def test_every_approach_is_tried_as_often() -> None:
    check_trials({"rag": 3, "few-shot": 3}, {"zero-shot": 3})
    for counts, declared in (({"rag": 3, "few-shot": 2}, {}), ({"rag": 3}, {"zero-shot": 2})):
        with pytest.raises(UsageError, match="unequal numbers of trials"):
            check_trials(counts, declared)
