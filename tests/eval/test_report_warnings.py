"""What a sceptic asks of a label task: who gave no label, who was tried how often, whose seeds are counted."""

from typing import Any

from eval.reports import confusion
from eval.reports.declared import warnings
from eval.reports.markdown import section_lines


def document(unparsable: int, trials: dict[str, int]) -> dict[str, Any]:
    table = {"loan": {"loan": 10 - unparsable, "(unparsable)": unparsable}}
    rows = {"rag": {"confusion": table}, "tuned": {"confusion": {"loan": {"loan": 20}}, "replicates": [{}, {}]}}
    return {"verdict": {}, "variants": rows, "declared": {"trials": trials}}


def lines(sections: Any, language: str) -> str:
    return "\n".join(section_lines(sections, language))


def test_answers_without_a_label_and_unequal_trials_are_warned_of() -> None:
    found = warnings(document(3, {"rag": 3}))
    assert "rag: 3 of 10 answers name none" in lines(found, "en") and "tuned not stated" in lines(found, "en")
    assert "RAG: 답 10개 중 3개에서" in lines(found, "ko") and "튜닝 미기재" in lines(found, "ko")
    assert warnings(document(2, {"rag": 3, "tuned": 3})) == [] == warnings(document(2, {}))


def test_a_confusion_table_says_whose_answers_it_counts_and_speaks_korean() -> None:
    found = lines(confusion.sections(document(3, {})), "ko")
    assert "(해석 불가)" in found and "학습 시드 2개의 답을" in found
    assert "누르면" not in found
