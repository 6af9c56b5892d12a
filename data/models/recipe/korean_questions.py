"""Korean reading questions made by rule from real Korean sentences.

Four kinds: the question word in the place of the answer (``김성수가 무엇을 인수했나요?``), the
cleft (``학교를 인수한 사람은 누구인가요?``), definitions (``피펫은 무엇인가요?``), and reasons
(``왜 …?``). Endings, politeness and word choice vary; conjugation is left to Kiwi's joiner.
"""

from __future__ import annotations

import random
import re
from typing import Any

from .korean_grammar import (
    Morpheme,
    Phrase,
    amount_word,
    is_person,
    is_place,
    is_time,
    lists,
    morphemes,
    phrase_at,
    question_word,
    words_of,
)
from .words import particles

PLAIN_ENDINGS = ("나요", "나요", "나요", "ᆸ니까", "니", "어", "어요", "냐", "는지", "죠")
STATE_ENDINGS = ("ᆫ가요", "ᆫ가요", "ᆸ니까", "니", "어", "어요", "ᆫ지", "죠")
COPULAS = {
    "누구": [
        "누구인가요?",
        "누구예요?",
        "누구죠?",
        "누구입니까?",
        "누구야?",
        "누구인지 알려 주세요.",
        "누구?",
        "누군가요?",
    ],
    "어디": ["어디인가요?", "어디예요?", "어디죠?", "어디입니까?", "어디야?", "어디인지 알려 주세요.", "어디?"],
    "언제": ["언제인가요?", "언제예요?", "언제죠?", "언제입니까?", "언제야?", "언제인지 알려 주세요.", "언제?"],
    "얼마": ["얼마인가요?", "얼마예요?", "얼마죠?", "얼마입니까?", "얼마야?", "어느 정도인가요?", "얼마나 되나요?"],
    "무엇": [
        "무엇인가요?",
        "뭐예요?",
        "뭔가요?",
        "무엇입니까?",
        "뭐야?",
        "뭐죠?",
        "무엇인지 알려 주세요.",
        "무엇인지요?",
    ],
}
SHORT_DEFINITIONS = ["[이란/란]?", "[이란/란] 무엇인가요?", "[이/가] 뭐예요?", "의 뜻은?"]
WHY = {"때문에": ["왜", "왜", "무엇 때문에", "무슨 이유로"], "위해": ["왜", "무엇을 위해", "무슨 목적으로"]}
CLEFT_NOUNS = {"누구": ["사람", "사람", "인물", "이"], "어디": ["곳", "곳", "장소"], "언제": ["때", "시기", "것"]}
# Marks a topic inside a question being built; a relative clause turns it into a subject.
TOPIC = "\x00"
_PAIRS = {"은": "[은/는]", "는": "[은/는]", "이": "[이/가]", "가": "[이/가]", "을": "[을/를]", "를": "[을/를]"}
_PAIRS |= {"으로": "[으로/로]", "로": "[으로/로]", "과": "[과/와]", "와": "[과/와]", "ᆫ": "[은/는]", "ᆯ": "[을/를]"}


class Asker:
    """Makes questions about Korean sentences with one Kiwi analyser."""

    def __init__(self, rng: random.Random) -> None:
        from kiwipiepy import Kiwi

        self.kiwi: Any = Kiwi(num_workers=1)
        self.random = rng

    def names(self, text: str) -> list[str]:
        """Return the proper nouns of a text, two syllables of Hangul or more, without repeats."""
        found = (t.form for t in self.kiwi.tokenize(text) if str(t.tag) == "NNP")
        return sorted({form for form in found if re.fullmatch(r"[가-힣]{2,8}", form) and form in text})

    def questions(self, sentence: str, most: int = 4) -> list[tuple[str, str]]:
        """Return up to ``most`` pairs of question and answer; every answer is part of ``sentence``."""
        parts = morphemes(sentence, self.kiwi.tokenize(sentence))
        if len(parts) < 6 or parts[-1].tag != "SF" or parts[-2].tag != "EF" or "?" in sentence:
            return []
        words = words_of(parts)
        found = [pair for pair in (self.definition(sentence, words), self.reason(sentence, words)) if pair]
        spots = list(range(len(words) - 1))
        self.random.shuffle(spots)
        for spot in spots:
            phrase = phrase_at(sentence, words, spot, self.random)
            pair = phrase and self.about(sentence, words, phrase)
            if pair:
                found.append(pair)
            if len(found) >= most:
                break
        return [(tidy(q), a) for q, a in found if self._sound(q, a, sentence)]

    @staticmethod
    def _sound(question: str, answer: str, sentence: str) -> bool:
        told = len(question.split()) >= 3 or question.startswith(sentence.split()[0])
        return told and answer in sentence and answer not in question and 8 <= len(question) <= 90 and len(answer) <= 60

    def about(self, sentence: str, words: list[list[Morpheme]], phrase: Phrase) -> tuple[str, str] | None:
        """Ask for one noun phrase of the sentence, in place or as a cleft."""
        final = words[-1]
        predicate = next((p for p in final if p.tag in ("VV", "VA", "NNG", "VX", "XR")), None)
        if predicate is None or any(p.tag == "VCP" for p in final):
            return None
        asked = question_word(phrase, predicate.form, self.random)
        begin = self._clause_start(words, phrase)
        before = self._kept(sentence, words, range(begin, phrase.first))
        after = self._kept(sentence, words, range(phrase.last + 1, len(words) - 1))
        clefts = phrase.tag in ("JKS", "JKO", "JX") or (phrase.particle in ("에서", "에") and asked in ("어디", "언제"))
        modified = self._modified(words, phrase)
        if clefts and not modified and self.random.random() < 0.5 and asked.split()[0] not in ("몇", "얼마"):
            question = self._cleft(before + after, final, asked)
        else:
            question = self._in_place(before, after, final, asked, phrase.particle, modified)
        return (question, phrase.text) if question else None

    def _clause_start(self, words: list[list[Morpheme]], phrase: Phrase) -> int:
        """Return the word after the last clause that ends before the phrase; half the time 0."""
        ends = [i for i in range(phrase.first) if words[i] and words[i][-1].tag in ("EC", "SP")]
        return ends[-1] + 1 if ends and self.random.random() < 0.7 else 0

    def _kept(self, sentence: str, words: list[list[Morpheme]], span: range) -> list[str]:
        """Return the words of a span; conjunctions always, adverbs and asides at times, left out."""
        kept = []
        for index in span:
            word = words[index]
            if not word or word[0].tag == "MAJ" or (word[0].tag == "MAG" and self.random.random() < 0.5):
                continue
            text = sentence[word[0].start : word[-1].end]
            text = re.sub(r"\([^)]*\)", "", text)
            if len(word) > 1 and word[-1].tag == "JX" and word[-2].tag == "JKB":
                kept.append(sentence[word[0].start : word[-2].end])
                continue
            kept.append(text + TOPIC if word[-1].tag == "JX" and word[-1].form in "은는" else text)
        return [word for word in kept if word]

    def _stem(self, final: list[Morpheme]) -> list[tuple[str, str]]:
        """Return the last word's morphemes before its ending, at times with a plainer synonym."""
        stem = [(p.form, p.tag) for p in final if p.tag not in ("EF", "SF", "SS", "SSC")]
        others = lists()["synonyms"].get(stem[0][0]) if len(stem) > 1 and stem[1] == ("하", "XSV") else None
        if others and self.random.random() < 0.5:
            stem[:2] = [(self.random.choice(others), "VV")]
        return stem

    def _ending(self, final: list[Morpheme]) -> str:
        """Return the final word with a question ending."""
        stem = self._stem(final)
        form, tag = stem[-1]
        state = (tag in ("VA", "VCP", "VCN", "XSA") and form not in ("있", "없")) or (tag == "VX" and form == "싶")
        ending = self.random.choice(STATE_ENDINGS if state else PLAIN_ENDINGS)
        word: str = self.kiwi.join([*stem, (ending, "EF")])
        return word + " 알려 주세요." if ending.endswith("지") else word + ("?" if self.random.random() < 0.93 else "")

    def _in_place(
        self, before: list[str], after: list[str], final: list[Morpheme], asked: str, particle: str, modified: bool
    ) -> str:
        tail = _PAIRS.get(particle, particle)
        if particle[:1] in "와과" and len(particle) > 1:
            tail = f"[과/와]{particle[1:]}"
        if tail == "[은/는]":
            tail = "[이/가]"
        if asked == "누구" and tail == "[이/가]":
            marked = "누가"
        elif asked == "언제" and particle in ("에", "에는", "은", "는"):
            marked = asked
        elif asked == "무엇" and tail in ("[을/를]", "[이/가]") and self.random.random() < 0.35:
            marked = "뭘" if tail == "[을/를]" else "뭐가"
        else:
            marked = particles(asked + tail)
        if before and not modified and self.random.random() < 0.12:
            before, marked = [], f"{marked} {' '.join(before)}"
        return " ".join([*before, marked, *after, self._ending(final)])

    def _cleft(self, rest: list[str], final: list[Morpheme], asked: str) -> str:
        """Return ``<rest> <adnominal predicate> 사람은 누구인가요?`` and the like."""
        stem = self._stem(final)
        if not rest or not stem or any(form == "겠" for form, _ in stem):
            return ""
        past = ("었", "EP") in stem
        stem = [part for part in stem if part[1] != "EP"]
        form, tag = stem[-1]
        verb = tag in ("VV", "XSV") or form in ("있", "없") or (tag == "VX" and form != "싶")
        relative = self.kiwi.join([*stem, ("은" if past or not verb else "는", "ETM")])
        rest = [re.sub(rf"(은|는){TOPIC}$", self._subject, word) for word in rest]
        kind, _, head = asked.partition(" ")
        noun = head or self.random.choice(CLEFT_NOUNS.get(kind, ["것", "것", "대상"]))
        ending = self.random.choice(COPULAS.get(kind, COPULAS["무엇"]))
        return f"{' '.join(rest)} {relative} {particles(noun + '[은/는]')} {ending}"

    @staticmethod
    def _subject(match: re.Match[str]) -> str:
        return "이" if match[1] == "은" else "가"

    @staticmethod
    def _modified(words: list[list[Morpheme]], phrase: Phrase) -> bool:
        return bool(phrase.first and words[phrase.first - 1] and words[phrase.first - 1][-1].tag in ("ETM", "MM"))

    def definition(self, sentence: str, words: list[list[Morpheme]]) -> tuple[str, str] | None:
        """Ask what something is, for ``X는 … Y이다``; the answer is the predicate noun phrase."""
        final = words[-1]
        copula = next((i for i, p in enumerate(final) if p.tag == "VCP"), 0)
        lasts = [word[-1] if word else None for word in words[: min(4, len(words) - 1)]]
        topics = [i for i, p in enumerate(lasts) if p and p.tag == "JX" and p.form in "은는"]
        if not copula or not topics or any(p.tag == "EP" for p in final[:copula]):
            return None
        topic, last = topics[0], final[copula - 1]
        nominal = all(p.tag in ("NNG", "NNP", "SN", "NNB", "JKG") for p in words[topic][:-1])
        if last.form in lists()["dull"] or not nominal:
            return None
        start, answer = self._predicate_noun(sentence, words, topic, last)
        if start > topic + 1 and self.random.random() < 0.75 and not self._relational(words, topic, start):
            return None
        subject = re.sub(r"\([^)]*\)", "", sentence[words[0][0].start : words[topic][-1].end])
        middle = " ".join(self._kept(sentence, words, range(topic + 1, start)))
        asked = self._asked_of(last, final[:copula])
        amount = asked.startswith("몇")
        ending = f"{asked}인가요?" if amount else self.random.choice(COPULAS[asked])
        if asked == "무엇" and not middle and self.random.random() < 0.25:
            bare = re.sub(r"(은|는)$", "", subject)
            return particles(bare + self.random.choice(SHORT_DEFINITIONS)), answer
        return " ".join(part for part in (subject, middle, ending) if part), answer

    @staticmethod
    def _relational(words: list[list[Morpheme]], topic: int, start: int) -> bool:
        return all(word and word[-1].tag in ("JKB", "JKG", "MAG") for word in words[topic + 1 : start])

    def _predicate_noun(
        self, sentence: str, words: list[list[Morpheme]], topic: int, last: Morpheme
    ) -> tuple[int, str]:
        """Return where the predicate noun phrase starts and its text: whole if short, else its nouns."""
        whole = sentence[words[topic + 1][0].start : last.end] if words[topic + 1] else ""
        if 2 <= len(whole) <= 40 and not any(word and word[-1].tag == "EC" for word in words[topic + 1 : -1]):
            return topic + 1, whole
        first = len(words) - 1
        while first > topic + 1 and words[first - 1] and words[first - 1][-1].tag in ("NNG", "NNP", "SN", "JKG", "MM"):
            first -= 1
        return first, sentence[words[first][0].start : last.end]

    @staticmethod
    def _asked_of(last: Morpheme, nouns: list[Morpheme]) -> str:
        phrase = Phrase(0, 0, 0, "", tuple(nouns), "", "VCP")
        amount = amount_word(phrase)
        if is_time(phrase):
            return "언제"
        if amount:
            return amount
        if is_person(phrase):
            return "누구"
        return "어디" if is_place(phrase) and last.tag == "NNP" else "무엇"

    def reason(self, sentence: str, words: list[list[Morpheme]]) -> tuple[str, str] | None:
        """Ask why, where a clause ends in ``때문에`` or ``위해`` before the main clause."""
        for index, word in enumerate(words[:-2]):
            text = sentence[word[0].start : word[-1].end].rstrip(",") if word else ""
            if text not in ("때문에", "위해", "위해서", "위하여") or index < 2:
                continue
            topic = 1 if words[0] and words[0][-1].tag == "JX" else 0
            answer = sentence[words[topic][0].start : words[index][-1].end].rstrip(",") if words[topic] else ""
            if text == "때문에":
                answer = answer.removesuffix("에")
            lead = sentence[words[0][0].start : words[0][-1].end] if topic else ""
            rest = self._kept(sentence, words, range(index + 1, len(words) - 1))
            asked = self.random.choice(WHY["때문에" if text == "때문에" else "위해"])
            if 6 <= len(answer) <= 60:
                return " ".join(part for part in (lead, asked, *rest, self._ending(words[-1])) if part), answer
        return None


def tidy(question: str) -> str:
    """Return a question without stray commas, doubled spaces or a statement's full stop."""
    question = re.sub(r"\s+", " ", question.replace(TOPIC, "")).replace(" ,", ",").strip(" ,")
    return re.sub(r"^[,·)\]]\s*", "", question)
