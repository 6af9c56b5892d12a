"""Write replay.jsonl: general rows that keep a tuned model reading, refusing and following examples.

Run it as ``python data/replay/generate.py``. The output depends on the two YAML files beside it only.
"""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
LANGUAGES = ("ko", "en")
REFUSAL = {"ko": "문서에서 답을 찾을 수 없어요.", "en": "I can't find that in the documents."}
# Rows a language: (kind, how many). Reading takes half, as it is what tuning forgets first.
PLAN = (("reading", 110), ("refusing", 36), ("prose", 48), ("nothing", 20), ("labels", 44), ("json", 34), ("chat", 48))
PARTICLE = re.compile(r"\[([가-힣]+)/([가-힣]+)\]")
Row = dict[str, Any]


def particles(text: str) -> str:
    """Choose each ``[은/는]`` by whether the syllable before it ends in a consonant."""

    def choose(match: re.Match[str]) -> str:
        before = text[match.start() - 1]
        if not "가" <= before <= "힣":
            return match[1] if before in "013678lmnr" else match[2]
        final = (ord(before) - ord("가")) % 28
        return match[2] if final == 0 or (match[1] == "으로" and final == 8) else match[1]

    return PARTICLE.sub(choose, text)


def sentence(template: str, **values: str) -> str:
    """Fill a template; an English sentence begins with a capital."""
    text = particles(template.format(**values)).replace("m..", "m.")
    return text[0].upper() + text[1:]


class Maker:
    """Draws rows of each kind in one language."""

    def __init__(self, language: str, sources: Row, skills: Row, seed: int) -> None:
        self.language, self.skills = language, skills
        self.names: dict[str, list[str]] = sources["names"][language]
        self.topics = [topic[language] for topic in sources["topics"].values()]
        self.passages = sources["prose"][language]
        self.random = random.Random(seed)

    def fact(self, topic: Row, thing: str, about: list[str]) -> tuple[str, str, str]:
        """Return a statement, a question about it and the answer."""
        kind, *texts = about
        value = self.random.choice(self.names[kind])
        statement = sentence(self.random.choice(texts[:2]), e=thing, v=value)
        return statement, sentence(self.random.choice(texts[2:]), e=thing), value

    def text(self) -> tuple[str, list[tuple[str, str, str]], Row, str, list[list[str]]]:
        """Return a passage about one thing, its facts, and what it leaves out."""
        topic = self.random.choice(self.topics)
        thing = self.random.choice(topic["e"])
        order = self.random.sample(topic["about"], len(topic["about"]))
        size = self.random.randint(2, 4)
        facts = [self.fact(topic, thing, about) for about in order[:size]]
        return " ".join(fact[0] for fact in facts), facts, topic, thing, order[size:]

    def reading(self) -> Row:
        """A question that one of one to three passages answers; some come with an earlier turn."""
        text, facts, _, thing, _ = self.text()
        others = [other[0] for other in (self.text() for _ in range(self.random.randint(0, 2))) if other[3] != thing]
        passages = self.random.sample([text, *others], 1 + len(others))
        (_, before, told), (_, question, answer) = self.random.sample(facts, 2)
        row: Row = {"question": question, "answer": answer, "recipe": "grounded", "passages": passages}
        if self.random.random() < 0.15:
            row["history"] = [{"role": "user", "content": before}, {"role": "assistant", "content": told}]
        return row

    def refusing(self) -> Row:
        """A question about something that the passage leaves out."""
        text, _, topic, thing, missing = self.text()
        _, question, _ = self.fact(topic, thing, self.random.choice(missing))
        return {"question": question, "answer": REFUSAL[self.language], "recipe": "grounded", "passages": [text]}

    def prose(self) -> Row:
        """A question about connected prose."""
        text, asked = self.random.choice(self.passages)
        question, answer = self.random.choice(asked)
        passages = [text]
        if self.random.random() < 0.4:
            passages.append(self.text()[0])
            self.random.shuffle(passages)
        answer = REFUSAL[self.language] if answer is None else answer
        return {"question": question, "answer": answer, "recipe": "grounded", "passages": passages}

    def nothing(self) -> Row:
        """A question about something unheard of, without any passage."""
        topic = self.random.choice(self.topics)
        _, question, _ = self.fact(topic, self.random.choice(topic["e"]), self.random.choice(topic["about"]))
        return {"question": question, "answer": REFUSAL[self.language], "recipe": "zero_shot"}

    def labels(self) -> Row:
        """A text to label after examples; half of the time the labels are bare letters."""
        classes: dict[str, list[str]] = self.random.choice(self.skills["labels"][self.language])
        names = self.random.sample(list(classes), min(len(classes), self.random.randint(2, 3)))
        shown = dict(zip(names, "ABC", strict=False)) if self.random.random() < 0.5 else {name: name for name in names}
        right = self.random.choice(names)
        *examples, question = self.random.sample(classes[right], 2)
        shots = [(examples[0], shown[right])]
        shots += [(text, shown[n]) for n in names if n != right for text in self.random.sample(classes[n], 2)]
        self.random.shuffle(shots)
        return self._shots(question, shown[right], shots)

    def json(self) -> Row:
        """A sentence to turn into JSON after examples."""
        template, keys = self.random.choice(self.skills["json"][self.language])

        def pair() -> tuple[str, str]:
            values = {kind: self.random.choice(self.names[kind]) for kind in keys.values()}
            filled = {key: values[kind] for key, kind in keys.items()}
            return sentence(template, **values), json.dumps(filled, ensure_ascii=False)

        *shots, (question, answer) = [pair() for _ in range(self.random.randint(3, 4))]
        return self._shots(question, answer, shots)

    def _shots(self, question: str, answer: str, shots: list[tuple[str, str]]) -> Row:
        recipe = self.random.choice(["few_shot", "classify_few_shot"])
        return {
            "question": question,
            "answer": answer,
            "recipe": recipe,
            "shots": [{"question": text, "answer": label} for text, label in shots],
        }

    def chat(self) -> Row:
        """Small talk, some of it after an earlier exchange."""
        asked, answer = self.random.choice(self.skills["chat"][self.language])
        row: Row = {"question": self.random.choice(asked), "answer": answer, "recipe": "zero_shot"}
        if self.random.random() < 0.25:
            before, told = self.random.choice(self.skills["chat"][self.language])
            row["history"] = [
                {"role": "user", "content": self.random.choice(before)},
                {"role": "assistant", "content": told},
            ]
        return row


def build() -> list[Row]:
    """Return all rows, without repeats, kinds and languages mixed."""
    sources = yaml.safe_load((HERE / "sources.yaml").read_text(encoding="utf-8"))
    skills = yaml.safe_load((HERE / "skills.yaml").read_text(encoding="utf-8"))
    rows: list[Row] = []
    for seed, language in enumerate(LANGUAGES):
        maker = Maker(language, sources, skills, seed)
        for kind, count in PLAN:
            seen: set[str] = set()
            for _ in range(count * 20):
                row = getattr(maker, kind)()
                key = json.dumps(row, ensure_ascii=False, sort_keys=True)
                if len(seen) < count and key not in seen:
                    seen.add(key)
                    name = f"rp-{language}-{kind}-{len(seen):03d}"
                    rows.append({"id": name, "language": language, "slice": kind, **row})
    random.Random(7).shuffle(rows)
    return rows


def main() -> None:
    """Write the file and print how many rows there are."""
    rows = build()
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    (HERE / "replay.jsonl").write_text("".join(lines), encoding="utf-8", newline="\n")
    print(f"{len(rows)} rows, {sum(len(line.encode()) for line in lines):,} bytes")


if __name__ == "__main__":
    main()
