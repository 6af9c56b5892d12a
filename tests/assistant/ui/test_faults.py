"""Failures in Korean: every line of the table is said by the code, and what a page can show is in the table."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant import errors
from assistant.locales.faults import said, templates
from assistant.ui.words import Words

FIELD = re.compile(r"\{\w+\}")
SHOWN = ("chat", "collect", "store", "logs", "adapters", "lora_files", "models", "retrieval", "variants", "ui")
# Seen by whoever writes settings, recipes or code, not on a page.
DEVELOPERS = {
    "assistant/adapters.py": (
        "exists",
        ": no {}",
        "is missing",
        "cannot name",
        "expected an object",
        "missing {}",
        "unknown key",
        "must be",
        "manifest",
    ),
    "assistant/lora_files.py": (
        "peft_type",
        "changes the base",
        "must be",
        "not supported",
        "not in this base",
        "cannot carry",
        "tensors, first",
        "outside the vocabulary",
        "lists of token",
    ),
    "assistant/retrieval/embeddings.py": ("no embedder is named", "is no sentence-", "has no safetensors"),
    "assistant/models/": (
        "no counterpart",
        "not an http address",
        "on this machine, not",
        "nothing to score",
        "remote model failed",
        "weights are missing",
    ),
}


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)  # type: ignore[misc]
    return ""


def _files(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from Path(folder).rglob("*.py")


def test_every_line_is_said_by_the_code() -> None:
    trees = [ast.parse(file.read_text()) for file in _files("assistant", "eval", "tuning")]
    strings = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant | ast.JoinedStr)]
    spoken = {_text(node) for node in strings}
    for english in templates():
        bare = FIELD.sub("{}", english)
        assert (
            bare in spoken
            or bare.removeprefix("{}: ") in spoken
            or bare.rpartition(": ")[0].removeprefix("{}: ") in spoken
        ), english


def test_korean_lines_are_korean_and_keep_to_the_values() -> None:
    for english, korean in templates().items():
        assert re.search("[가-힣]", korean), english
        assert set(FIELD.findall(korean)) <= set(FIELD.findall(english)), english


def test_what_pages_can_show_is_known() -> None:
    unknown = []
    for file in _files("assistant"):
        if file.parts[1].removesuffix(".py") not in SHOWN:
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            named = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and hasattr(errors, node.func.id)
            if not named or not node.func.id.endswith("Error") or not node.args:  # type: ignore[attr-defined]
                continue
            message = _text(node.args[0])  # type: ignore[attr-defined]
            excused = [word for part, words in DEVELOPERS.items() if str(file).startswith(part) for word in words]
            if message.strip("{}: ") and not any(word in message for word in excused):
                filled = message.replace("{}", "X")
                if said(filled, "ko") == filled:
                    unknown.append(f"{file}: {message}")
    assert unknown == [], "say these in assistant/locales/faults.yaml"


@pytest.mark.parametrize(
    ("english", "korean"),
    [
        ("no adapter 'gone'. did you mean 'tuned'?", "'gone' 어댑터가 없어요. 혹시 'tuned'였나요?"),
        ("is encrypted; remove the password and add it again", "암호가 걸려 있어요. 암호를 풀고 다시 넣어 주세요"),
        ("unknown variant '규정집'", "'규정집'이라는 답변 방식이 없어요"),
        ("something nobody foresaw", "something nobody foresaw"),
        ("", ""),
    ],
)  # fmt: skip
def test_failures_are_said_in_korean(english: str, korean: str) -> None:
    assert said(english, "ko") == korean and said(english, "en") == english


def test_a_toast_says_what_and_the_next_step_in_one_language() -> None:
    full = errors.ResourceError("disk full: 1.2 MB free in /srv", "free some space and try again")
    assert Words("ko").failure(full) == "디스크가 꽉 찼어요. /srv에 1.2 MB 남았어요. 자리를 비우고 다시 시도하세요."
    strange = errors.ResourceError("no more handles", "restart")
    assert Words("ko").failure(strange).startswith("디스크나 메모리가 모자라요. No more handles.")


def test_a_kept_failure_is_said_in_korean_too() -> None:
    notice = {
        "key": "failed",
        "params": {"reason": "no adapter 'gone'. none is installed; train one with `joyul tune run`"},
    }
    assert Words("ko").notice(notice).startswith("답하지 못했어요: 'gone' 어댑터가 없어요. 설치된 어댑터가 없어요")


def test_english_counts_one_as_one() -> None:
    words = Words("en")
    assert words("chat.tokens", n=1) == "1 token" and words("chat.tokens", n=2) == "2 tokens"
    assert words("compare.score_of", wins=1, n=3) == "1 win of 3"
