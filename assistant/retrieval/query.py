"""What to search for: the question alone, or with the one before it when it cannot stand alone."""

import re
from collections.abc import Sequence

from assistant.retrieval.terms import terms
from assistant.schema import Message, language_of, normalise

# Openings that take up what was said before.
_TAKES_UP = re.compile(
    r"^\s*(그럼|그러면|그렇다면|그런데|근데|그리고|그래도|그거|그건|그게|거긴|거기|그중)\b"
    r"|^\s*(and|but|then|so|or|also|what about|how about)\b",
    re.IGNORECASE,
)
# Words that stand for something said before. Korean ones are whole words: 그 회원 takes up, 그림책 does not.
_STANDS_FOR = re.compile(
    r"\b(it|its|they|them|their|those|these|that one|this one|there|one|ones|he|she|him|her)\b"
    r"|(?<![가-힣])(그|이|저)(것|거|건|게|곳|때|날|분|쪽)?(은|는|이|가|을|를|도|에|에서|로|만|의)?(?![가-힣])"
    r"|(?<![가-힣])(거기|여기|저기|걔네)",
    re.IGNORECASE,
)
# A question of at most so many content words leans on what came before. Chosen on the follow-ups of the demo's
# training and validation questions, against questions of another topic set behind a foreign one.
FEW_WORDS = {"ko": 4, "en": 3}
MAX_CHARACTERS = 400


def search_query(messages: Sequence[Message]) -> str:
    """Return the search query for the last message of a conversation.

    A question that stands alone is searched as it is. One that takes up what was said before (그럼...,
    "and...", a pronoun), or has hardly a content word of its own, is searched together with the person's
    question before it; the new one stands twice, so that it outweighs the old one where the topic changed.
    The assistant's answers are left out: they may be wrong.
    """
    *earlier, last = messages
    question = last.content.strip()
    asked = [place for place, message in enumerate(earlier) if message.role == "user" and message.content.strip()]
    if not asked or not needs_context(question):
        return question
    before = search_query(earlier[: asked[-1] + 1])
    return f"{before[-MAX_CHARACTERS:]} {question} {question}"


def needs_context(question: str) -> bool:
    """Return whether a question leans on the conversation before it."""
    question = normalise(question)
    if _TAKES_UP.search(question) or _STANDS_FOR.search(question):
        return True
    return len(set(terms([question])[0].words)) <= FEW_WORDS[language_of(question)]
