"""Words of a text after normalisation: Kiwi morphemes for Korean, words for English.

Korean particles and endings carry grammar, not content ("도서관은" and "도서관이" name one place,
"7일" and "7일이에요" one answer), so only content morphemes stay. That also makes "9시부터" and "9시까지"
one: which of them is meant stands in the question, and short references leave it out. English loses case, punctuation
and articles, as in SQuAD's evaluation (Rajpurkar et al. 2016, section 6.1).
"""

import re
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING

from assistant.schema import Language, normalise

if TYPE_CHECKING:
    from kiwipiepy import Kiwi

ARTICLES = frozenset({"a", "an", "the"})
# Sejong tags: J particles, E endings, S symbols (but letters, digits and Hanja), W web tokens stay,
# VCP the copula, XSV/XSA the 하다/되다 that make a verb of a noun.
_DROPPED = ("J", "E", "VCP", "XSV", "XSA", "SF", "SP", "SS", "SE", "SO", "SW", "SB", "Z")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?", re.UNICODE)
_lock = Lock()


@lru_cache(maxsize=1)
def _kiwi() -> "Kiwi":
    from kiwipiepy import Kiwi

    return Kiwi(num_workers=1)


def clean(text: str) -> str:
    """Return NFC, case-folded text with thousands separators removed and blanks collapsed."""
    return " ".join(_THOUSANDS.sub("", normalise(text)).casefold().split())


@lru_cache(maxsize=32768)
def tokens(text: str, language: Language) -> tuple[str, ...]:
    """Return the content words of ``text`` in order."""
    plain = clean(text)
    if language == "en":
        return tuple(word.replace("’", "'") for word in _WORD.findall(plain) if word not in ARTICLES)
    with _lock:
        found = _kiwi().tokenize(plain)
    return tuple(token.form for token in found if not token.tag.startswith(_DROPPED))
