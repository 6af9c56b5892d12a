"""Text to search terms: Korean morphemes by Kiwi, English stems, numbers, and Hangul bigrams beside them.

Particles and endings fall away, so 조율은, 조율을 and 조율이 are one term. Bigrams of Hangul forgive
what morphemes do not: wrong spacing, typing errors, compounds cut elsewhere.
"""

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from assistant.schema import normalise

TERMS_VERSION = 1
_LATIN = re.compile(r"[a-z]+(?:'[a-z]+)?|\d+(?:[.,:]\d+)*", re.IGNORECASE)
_HANGUL = re.compile(r"[가-힣ㄱ-ㅎㅏ-ㅣ一-龥]+")
_PIECE = re.compile(r"[가-힣ㄱ-ㅎㅏ-ㅣ一-龥]+|[a-z]+(?:'[a-z]+)?|\d+(?:[.,:]\d+)*", re.IGNORECASE)
# Morphemes that carry content: nouns, roots, verbs, adjectives, adverbs, foreign letters, numbers.
_CONTENT = frozenset({"NNG", "NNP", "NNB", "NR", "XR", "VV", "VA", "MAG", "SL", "SH", "SN", "W_SERIAL"})
# Content tags, but words that say nothing of the topic: light verbs, question words, courtesies.
_KOREAN_STOP = frozenset(
    re.split(
        r"\s+",
        "하 되 있 없 이 같 주 보 알 알리 싶 드리 말 것 거 수 때 등 중 뭐 무엇 언제 어디 어떻게 어떡하 얼마 왜 누구 몇 "
        "어떻 어느 좀 혹시 그럼 그러면 그리고 그런데 근데 또 더 다 안 못 잘 꼭 지금 정도 경우 가능 궁금 문의 부탁 질문 "
        "안녕 그렇 이렇 저렇 가르치 여쭈 물 묻",
    )
)
_ENGLISH_STOP = frozenset(
    re.split(
        r"\s+",
        "a an the and or but if of to in on at by for from with without as is are was were be been being am do does "
        "did doing have has had having i me my mine we us our you your yours he him his she her it its they them their "
        "this that these those there here what which who whom whose when where why how can could may might must "
        "shall should will would not no nor so than then too very just also any some all each about into over under "
        "again more most please tell know like want need get got let im id ill ive dont doesnt cant whats hows isnt",
    )
)


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of one text, in order and with repeats; ``bigrams`` only for Hangul."""

    words: list[str]
    bigrams: list[str]


def terms(texts: Sequence[str]) -> list[Terms]:
    """Return the terms of each text. Kiwi loads at the first Hangul (about a second, 300 MB), never before."""
    clean = [normalise(text).lower() for text in texts]
    korean = [index for index, text in enumerate(clean) if _HANGUL.search(text)]
    found = [Terms(_latin_words(text), []) for text in clean]
    if korean:
        with _KIWI_LOCK:
            analysed = list(_kiwi().tokenize([clean[index] for index in korean]))
        for index, tokens in zip(korean, analysed, strict=True):
            found[index] = Terms(_korean_words(tokens), _bigrams(clean[index]))
    return found


def _korean_words(tokens: Sequence[Any]) -> list[str]:
    words = []
    for token in tokens:
        tag = token.tag.split("-")[0]
        if tag not in _CONTENT:
            continue
        if tag in ("SL", "SN", "W_SERIAL"):
            words += _latin_words(token.form)
        elif token.form not in _KOREAN_STOP:
            words.append(token.form)
    return words


def _latin_words(text: str) -> list[str]:
    words = []
    for word in _LATIN.findall(text):
        if word[0].isdigit():
            words.append(word.replace(",", "").rstrip(".:"))
        elif word.replace("'", "") not in _ENGLISH_STOP and word.split("'")[0] not in _ENGLISH_STOP:
            words.append(stem(word.split("'")[0]))
    return words


def stem(word: str) -> str:
    """Return an English word without its commonest endings; crude, but the same for query and document."""
    for ending, put in (("ies", "y"), ("sses", "ss"), ("xes", "x"), ("ches", "ch"), ("shes", "sh"), ("s", "")):
        if word.endswith(ending) and len(word) - len(ending) + len(put) >= 3 and not word.endswith(("ss", "us", "is")):
            word = word[: len(word) - len(ending)] + put
            break
    for ending in ("ingly", "edly", "ing", "ed", "ly", "er", "al"):
        base = word[: len(word) - len(ending)]
        if word.endswith(ending) and len(base) >= 3 and any(vowel in base for vowel in "aeiouy"):
            if len(base) > 3 and base[-1] == base[-2] and base[-1] not in "lsz":
                base = base[:-1]
            word = base
            break
    return word[:-1] if word.endswith("e") and len(word) > 4 else word


def _bigrams(text: str) -> list[str]:
    """Return pairs of neighbouring syllables, across spaces: spacing is where Korean writers differ most."""
    found = []
    for run in re.split(r"[^가-힣 ]+", text):
        joined = run.replace(" ", "")
        found += [joined[place : place + 2] for place in range(len(joined) - 1)]
    return found


_KIWI_LOCK = threading.Lock()
_KIWI: list[Any] = []


def _kiwi() -> Any:
    if not _KIWI:
        from kiwipiepy import Kiwi

        # Without names of works and typing-error tables it loads in half the time and a third less memory.
        _KIWI.append(Kiwi(num_workers=1, load_multi_dict=False, load_typo_dict=False))
    return _KIWI[0]
