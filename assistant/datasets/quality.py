"""Signals that a row may be poor: shown with numbers, used as filters only by name."""

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from assistant.datasets.rows import Row, answer_of, kind_of, question_of
from assistant.schema import language_of

SIGNALS = {
    "length_outlier": "the answer is far longer or shorter than the others",
    "answer_equals_question": "the answer repeats the question",
    "refusal": "the answer refuses or apologises",
    "truncated": "the answer stops in the middle",
    "wrong_language": "the answer is in another language than the question",
    "broken_json": "the answer begins as JSON and is none",
}
_FAR = 6.0
_ENOUGH = 20
_LONG = 80
_REFUSAL = re.compile(
    r"^(?:죄송하지만|죄송합니다|미안하지만|도와드릴 수 없|답변(?:을|해) 드릴 수 없|(?:저는|나는) (?:AI|인공지능)|"
    r"(?:i'm|i am) (?:sorry|unable|not able)|sorry,|i can(?:not|'t)|as an ai)",
    re.IGNORECASE,
)
_ENDS = (".", "!", "?", "…", "。", '"', "'", ")", "]", "}", "`", ":", ";", "요", "다", "죠", "함", "음", "~", "|", ">")
_JSON = re.compile(r"\{\s*[\"}]|\[\s*[\"{\[\]]")
_WANTS_TRANSLATION = re.compile(r"translat|in (?:english|korean)|번역|영어로|한국어로|옮겨|옮길 언어", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Yardstick:
    """What is usual in a dataset: median and spread (MAD) of the logarithm of answer lengths."""

    middle: float
    spread: float
    rows: int

    @classmethod
    def of(cls, rows: Iterable[Row]) -> "Yardstick":
        """Measure a dataset."""
        lengths = [math.log1p(len(answer)) for row in rows if (answer := answer_of(row))]
        if not lengths:
            return cls(0.0, 0.0, 0)
        middle = median(lengths)
        return cls(middle, median(abs(length - middle) for length in lengths) * 1.4826, len(lengths))

    def signals(self, row: Row) -> list[str]:
        """Return the names of the signals that a row shows."""
        if kind_of(row) == "prompt":
            return []
        question, answer = question_of(row).strip(), answer_of(row).strip()
        shown = []
        # A spread of a tenth at least: where all answers are of one length, a little more is no outlier.
        if self.rows >= _ENOUGH and abs(math.log1p(len(answer)) - self.middle) > _FAR * max(self.spread, 0.1):
            shown.append("length_outlier")
        if answer and answer == question:
            shown.append("answer_equals_question")
        if _REFUSAL.search(answer):
            shown.append("refusal")
        if len(answer) > _LONG and not answer.endswith(_ENDS):
            shown.append("truncated")
        letters = sum(char.isalpha() for char in answer)
        if letters >= 20 and language_of(answer) != language_of(question) and not _WANTS_TRANSLATION.search(question):
            shown.append("wrong_language")
        if _JSON.match(answer) and not _is_json(answer):
            shown.append("broken_json")
        return shown


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
