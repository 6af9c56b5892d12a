"""Short tasks that teach copying: key and value lists, repeating, picking the n-th item, filling a gap."""

from __future__ import annotations

import random
import re
from collections import Counter

from ..library import Library
from ..names import Names
from ..words import Messages, Sample, fill, sentences

KINDS = ("person", "place", "company", "code", "money", "date", "time", "phone", "food", "colour", "plant")


def lookup(rng: random.Random, language: str) -> Sample:
    """Return a list of keys with values and questions for some of them."""
    names = Names(rng)
    key, value = rng.sample(KINDS, 2)
    rows = {names.value(key, language): names.value(value, language) for _ in range(rng.randint(2, 7))}
    link = rng.choice([": ", " - ", " = ", " → ", "\t", " | "])
    asks = ["{k}", "What belongs to {k}?", "Look up {k}."]
    if language == "ko":
        asks = ["{k}", "{k}에 해당하는 것은?", "{k}[을/를] 찾아 주세요.", "{k}[은/는] 뭐예요?"]
    messages: Messages = []
    body = "\n".join(f"{k}{link}{v}" for k, v in rows.items()) + "\n\n"
    for wanted in rng.sample(list(rows), min(len(rows), rng.randint(1, 3))):
        messages += [("user", body + fill(rng.choice(asks), k=wanted)), ("assistant", rows[wanted])]
        body = ""
    return Sample("lookup", messages)


def copying(rng: random.Random, language: str) -> Sample:
    """Return a request to repeat text, or to name one item of a list."""
    names = Names(rng)
    kind = rng.choice(KINDS)
    items = [names.value(kind, language) for _ in range(rng.randint(2, 5))]
    if rng.random() < 0.5:
        lead = (
            ["Repeat: ", "Say exactly: ", "Copy this: "]
            if language == "en"
            else ["따라 써 주세요: ", "그대로 말해 주세요: ", "복사: "]
        )
        return Sample("copying", [("user", rng.choice(lead) + " ".join(items)), ("assistant", " ".join(items))])
    at = rng.randrange(len(items))
    if language == "en":
        ask = f"Which one is the {('first', 'second', 'third', 'fourth', 'fifth')[at]}?"
    else:
        ask = f"{('첫', '두', '세', '네', '다섯')[at]} 번째는 무엇인가요?"
    return Sample("copying", [("user", ", ".join(items) + "\n" + ask), ("assistant", items[at])])


def gap(library: Library, rng: random.Random, language: str) -> Sample | None:
    """Return a passage and one of its sentences with a gap that another sentence of it fills."""
    text = rng.choice(library.plain[language])[: 1200 if language == "en" else 500]
    pattern = r"[A-Z][a-z]{3,}|[a-z]{6,}|\d{2,}" if language == "en" else r"[가-힣]{3,5}|\d{2,}"
    counts = Counter(re.findall(rf"(?<![\w가-힣])(?:{pattern})", text))
    words = [word for word, count in counts.items() if 2 <= count <= 4]
    parts = sentences(text)
    if not words or len(parts) < 2:
        return None
    word = rng.choice(words)
    homes = [i for i, part in enumerate(parts) if word in part and 25 <= len(part) <= 220]
    if not homes:
        return None
    at = rng.choice(homes)
    rest = " ".join(parts[:at] + parts[at + 1 :])
    if word not in rest:
        return None
    asks = (
        ["Fill in the blank: ", "What belongs in the gap? "]
        if language == "en"
        else ["빈칸을 채우세요: ", "빈칸에 들어갈 말은? "]
    )
    question = rng.choice(asks) + parts[at].replace(word, "____")
    return Sample("gap", [("user", f"{rest}\n\n{question}"), ("assistant", word)])


def plain(library: Library, rng: random.Random, language: str) -> Sample:
    """Return text to continue."""
    return Sample("plain", [("text", rng.choice(library.plain[language]))])
