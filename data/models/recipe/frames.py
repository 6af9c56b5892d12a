"""How passages and a question are put into a prompt: the app's own frames, and others for robustness."""

from __future__ import annotations

import random
from collections.abc import Sequence

from .words import REFUSAL, Messages

# Share of prompts in the app's own frames: bare, or with a label before the question.
OWN_SHARE = 0.7
OTHERS = {
    "en": [
        "Context:\n{passages}\n\nQuestion: {question}",
        "{passages}\n\n{question}",
        "Question: {question}\n\n{passages}",
        "Read this.\n{passages}\n\nQ: {question}\nA:",
        "Use the text to answer.\n\n{passages}\n\n{question}",
        "Documents:\n{passages}\n\nAnswer this: {question}",
        '"""\n{passages}\n"""\n{question}',
        "{question}\n\nText:\n{passages}",
    ],
    "ko": [
        "자료:\n{passages}\n\n질문: {question}",
        "{passages}\n\n{question}",
        "질문: {question}\n\n{passages}",
        "다음 글을 읽고 답하세요.\n{passages}\n\n질문: {question}\n답:",
        "아래 글에서 답을 찾아 주세요.\n\n{passages}\n\n{question}",
        "문서:\n{passages}\n\n물음: {question}",
        '"""\n{passages}\n"""\n{question}',
        "{question}\n\n글:\n{passages}",
    ],
}
SYSTEM = {
    "en": [
        "Answer from the documents.",
        "Answer only from the passages. Be short.",
        "You are a helpful assistant that reads documents.",
        "Answer from the numbered passages below and from nothing else.",
        f'If the passages do not answer, reply only: "{REFUSAL["en"]}"',
    ],
    "ko": [
        "문서에 있는 내용으로 답하세요.",
        "자료만 보고 짧게 답하세요.",
        "당신은 문서를 읽어 주는 도우미입니다.",
        "아래 번호가 붙은 자료만 보고 답하세요.",
        f'자료에 답이 없으면 "{REFUSAL["ko"]}"라고만 답하세요.',
    ],
}

LEADS = {"ko": ["궁금한 게 있는데요, ", "알려 주세요. ", "혹시 "], "en": ["Please tell me: ", "Quick question: "]}


def number(passages: Sequence[str]) -> str:
    """Return passages as the app shows them: ``[1] text`` parted by blank lines."""
    return "\n\n".join(f"[{n}] {passage}" for n, passage in enumerate(passages, start=1))


def own_frame(passages: Sequence[str], question: str, language: str, labelled: bool = False) -> str:
    """Return the app's grounded prompt; ``labelled`` puts ``Question:`` before the question."""
    label = ("질문: " if language == "ko" else "Question: ") if labelled else ""
    return f"{number(passages)}\n\n{label}{question}"


def _listed(passages: Sequence[str], language: str, rng: random.Random) -> str:
    style = rng.randrange(4)
    if style == 0:
        return number(passages)
    if style == 1:
        label = "문서" if language == "ko" else "Source"
        return "\n\n".join(f"{label} {n}: {passage}" for n, passage in enumerate(passages, start=1))
    return ("\n\n" if style == 2 else "\n").join(passages)


def grounded(passages: Sequence[str], question: str, language: str, rng: random.Random) -> Messages:
    """Return the messages that ask a question about passages, in the app's frame most of the time."""
    head: Messages = [("system", rng.choice(SYSTEM[language]))] if rng.random() < 0.15 else []
    if rng.random() < OWN_SHARE:
        return [*head, ("user", own_frame(passages, question, language, rng.random() < 0.5))]
    frame = rng.choice(OTHERS[language])
    text = frame.replace("{passages}", _listed(passages, language, rng)).replace("{question}", question)
    return [*head, ("user", text)]


def roughen(question: str, language: str, rng: random.Random) -> str:
    """Return a question as hurried people type it: at times without mark, capital, spaces or a letter."""
    draw = rng.random()
    if draw < 0.08:
        question = question.rstrip("?.")
    elif draw < 0.12 and language == "en":
        question = question.lower()
    elif draw < 0.15 and language == "ko" and question.count(" ") > 1:
        words = question.split(" ")
        at = rng.randrange(len(words) - 1)
        question = " ".join([*words[:at], words[at] + words[at + 1], *words[at + 2 :]])
    elif draw < 0.17 and len(question) > 12:
        at = rng.randrange(2, len(question) - 2)
        question = question[:at] + question[at + 1] + question[at] + question[at + 2 :]
    elif draw < 0.21:
        question = rng.choice(LEADS[language]) + question
    return question
