"""Korean particles after a word that is only known at run time."""

import re

# The form after a final consonant first.
PAIRS = ("은/는", "이/가", "을/를", "과/와", "으로/로", "이에요/예요", "이라고/라고", "이라는/라는", "이었나요/였나요")
_DIGITS_WITH_FINAL = "013678"  # 영 일 삼 육 칠 팔
_LETTERS_WITH_FINAL = "LMNR"  # read letter by letter: 엘 엠 엔 알
_VOWELS = "aeiouy"


def josa(word: str, pair: str) -> str:
    """Return ``word`` with the form of ``pair`` (``"을/를"``) that follows it in speech.

    Latin words are read the usual Korean way: acronyms by their letters, other words by their
    last sound. Where nothing can be said, both forms are written: ``을(를)``.
    """
    with_final, without = pair.split("/")
    final = _final_sound(word)
    if final is None:
        return f"{word}{with_final}({without})"
    takes_first = bool(final) and not (pair == "으로/로" and final == "ㄹ")
    return word + (with_final if takes_first else without)


def _final_sound(word: str) -> str | None:
    """Return the last consonant ("ㄹ" told apart, any other as "·"), "" for none, None for unknown."""
    spoken = re.sub(r"[\W_]+$", "", word, flags=re.UNICODE)
    if not spoken:
        return None
    last = spoken[-1]
    if "가" <= last <= "힣":
        code = (ord(last) - ord("가")) % 28
        return "" if code == 0 else "ㄹ" if code == 8 else "·"
    if last.isdecimal() and last.isascii():
        return "" if last not in _DIGITS_WITH_FINAL else "ㄹ" if last in "178" else "·"
    tail = re.search(r"[A-Za-z]+$", spoken)
    return _latin(tail[0]) if tail else None


def _latin(word: str) -> str:
    if word.isupper():
        return "" if word[-1] not in _LETTERS_WITH_FINAL else "ㄹ" if word[-1] in "LR" else "·"
    last, before = word[-1].lower(), word[-2:-1].lower()
    if last == "l":
        return "ㄹ"
    if last in "mn" or (last == "g" and before == "n"):
        return "·"
    return "·" if last in "ptkc" and before and before in _VOWELS else ""
