"""How well personal data is found: ``python -m assistant.datasets.pii_benchmark``.

Sentences are made from a seed: planted numbers in many spellings inside prose, and decoys that only look
alike (order and product codes, dates, prices, versions, file names, failed check digits). A find counts
where it covers a planted piece with the right kind; anything else found is a false alarm.
"""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from assistant.datasets import personal_checks as checks
from assistant.datasets.personal import find, review

MASKED = (
    "resident_number",
    "phone",
    "card",
    "account",
    "business_number",
    "passport",
    "drivers_licence",
    "email",
    "ip",
)
REVIEWED = ("name", "address")


@dataclass(frozen=True, slots=True)
class Planted:
    """A sentence and the one piece in it; ``kind`` is empty for a decoy."""

    text: str
    kind: str
    piece: str


def _digits(rng: random.Random, count: int) -> str:
    return "".join(rng.choice("0123456789") for _ in range(count))


def _birthday(rng: random.Random) -> tuple[str, int]:
    year = rng.randint(1935, 2024)
    return f"{year % 100:02}{rng.randint(1, 12):02}{rng.randint(1, 28):02}", year


def _resident(rng: random.Random) -> str:
    date, year = _birthday(rng)
    sexes = ("12", "56") if year < 2000 else ("34", "78")
    digits = date + rng.choice(rng.choice(sexes)) + _digits(rng, 6)
    while rng.random() < 0.5 and not checks.resident_checksum(digits):  # half of them from before October 2020
        digits = digits[:7] + _digits(rng, 6)
    return f"{digits[:6]}{rng.choice(['-', '-', '-', ' - ', ' ', '–'])}{digits[6:]}"


def _phone(rng: random.Random) -> str:
    a, b = _digits(rng, 4), _digits(rng, 4)
    area = rng.choice(["02", "031", "051", "064", "070"])
    mobile = [f"010-{a}-{b}", f"010{a}{b}", f"010 {a} {b}", f"010.{a}.{b}", f"011-{a[:3]}-{b}", f"０１０－{a}-{b}"]
    abroad = [f"+82 10-{a}-{b}", f"+82-10-{a}-{b}", f"+1 415-555-{b}", f"(415) 555-{b}"]
    return rng.choice([*mobile, *abroad, f"{area}-{a[:3]}-{b}", f"{area}-{a}-{b}", f"({area}) {a[:3]}-{b}"])


def _with_check(rng: random.Random, start: str, length: int, good: Callable[[str], bool]) -> str:
    while True:
        digits = start + _digits(rng, length - len(start))
        if good(digits):
            return digits


def _card(rng: random.Random) -> str:
    if rng.random() < 0.15:
        d = _with_check(rng, rng.choice(["34", "37"]), 15, checks.luhn)
        return rng.choice([d, f"{d[:4]}-{d[4:10]}-{d[10:]}", f"{d[:4]} {d[4:10]} {d[10:]}"])
    d = _with_check(rng, rng.choice(["4", "51", "53", "62", "94", "6011"]), 16, checks.luhn)
    return rng.choice(["-", " ", "", "-"]).join(d[i : i + 4] for i in range(0, 16, 4))


def _account(rng: random.Random) -> str:
    shape = rng.choice([(3, 3, 6), (4, 3, 6), (6, 2, 6), (4, 2, 7), (3, 6, 5), (3, 4, 4, 2), (4, 4, 4)])
    return rng.choice(["-", "-", "-", ""]).join(_digits(rng, n) for n in shape)


def _business(rng: random.Random) -> str:
    d = _with_check(rng, str(rng.randint(101, 899)), 10, checks.business_checksum)
    return f"{d[:3]}-{d[3:5]}-{d[5:]}"


def _passport(rng: random.Random) -> str:
    return rng.choice(["M" + _digits(rng, 8), f"M{_digits(rng, 3)}{rng.choice('ABCDEFG')}{_digits(rng, 4)}"])


def _licence(rng: random.Random) -> str:
    return f"{rng.randint(11, 28)}-{_digits(rng, 2)}-{_digits(rng, 6)}-{_digits(rng, 2)}"


def _mail(rng: random.Random) -> str:
    name = rng.choice(["minji.kim", "s_park", "lee+news", "hong-gd", "a1b2c3", "o'neil", "JIHO"])
    domain = rng.choice(["example.com", "mail.example.co.kr", "sub.example.ac.kr", "EXAMPLE.ORG"])
    return f"{name}{rng.randint(1, 99)}@{domain}"


def _ip(rng: random.Random) -> str:
    if rng.random() < 0.25:
        return f"2001:db8:{_digits(rng, 3)}::{rng.choice('abcdef')}{_digits(rng, 2)}"
    return ".".join(str(rng.randint(1, 223 if i == 0 else 254)) for i in range(4)).replace("127.", "126.", 1)


def _name(rng: random.Random) -> str:
    return rng.choice("김이박최정") + rng.choice(["민지", "서준", "도윤", "하은", "지우", "현우"])


def _address(rng: random.Random) -> str:
    n = rng.randint(1, 300)
    return rng.choice(
        [f"서울특별시 마포구 월드컵로 {n}", f"경기도 성남시 분당구 정자일로 {n}", f"부산광역시 해운대구 우동 {n}"]
    )


MAKERS: dict[str, Callable[[random.Random], str]] = {
    "resident_number": _resident,
    "phone": _phone,
    "card": _card,
    "account": _account,
    "business_number": _business,
    "passport": _passport,
    "drivers_licence": _licence,
    "email": _mail,
    "ip": _ip,
    "name": _name,
    "address": _address,
}


def planted(seed: int, per_kind: int = 200, decoys: int = 2000) -> list[Planted]:
    """Return sentences with personal data and such that only look like it."""
    rng = random.Random(seed)
    texts = yaml.safe_load(Path(__file__).with_name("pii_sentences.yaml").read_text(encoding="utf-8"))
    rows = []
    for kind, sentences in texts["plants"].items():
        for _ in range(per_kind):
            piece = MAKERS[kind](rng)
            text = rng.choice(sentences).replace("{}", piece)
            if rng.random() < 0.4:  # a decoy in the same text, before or after, must not mislead
                other = _decoy(rng, texts["decoys"])[0]
                text = rng.choice([f"{other} {text}", f"{text} {other}", f"{text}, {other}", f"{other}\n{text}"])
            rows.append(Planted(text, kind, piece))
    rows += [Planted(text, "", piece) for text, piece in (_decoy(rng, texts["decoys"]) for _ in range(decoys))]
    return rows


def _decoy(rng: random.Random, sentences: list[str]) -> tuple[str, str]:
    """Return a sentence with a look-alike in it, and the look-alike."""
    before, shape, after = re.split(r"[{}]", rng.choice(sentences))
    piece = shape.replace("BIRTHDAY", _birthday(rng)[0])
    if piece == "NOLUHN":
        piece = _with_check(rng, rng.choice("456"), 16, lambda digits: not checks.luhn(digits))
    piece = "".join(rng.choice("0123456789") if char == "#" else char for char in piece)
    return f"{before}{piece}{after}", piece


def measure(rows: list[Planted]) -> dict[str, dict[str, float]]:
    """Return, for each kind, planted, found and false pieces with recall and precision."""
    table = {kind: {"planted": 0, "found": 0, "false": 0} for kind in MAKERS}
    for row in rows:
        findings = [*find(row.text), *(review(row.text) if row.kind in ("", *REVIEWED) else [])]
        start = row.text.index(row.piece)
        hits = [f for f in findings if f.kind == row.kind and f.start <= start and f.end >= start + len(row.piece)]
        if row.kind:
            table[row.kind]["planted"] += 1
            table[row.kind]["found"] += bool(hits)
        for finding in findings:
            table[finding.kind]["false"] += finding not in hits
    return {kind: _rates(counts) for kind, counts in table.items()}


def _rates(counts: dict[str, int]) -> dict[str, float]:
    found = counts["found"]
    return {
        **counts,
        "recall": found / counts["planted"] if counts["planted"] else 0.0,
        "precision": found / (found + counts["false"]) if found + counts["false"] else 0.0,
    }


def main() -> None:
    """Print the table."""
    rows = planted(seed=20261121)
    print(f"{len(rows):,} sentences, {sum(not row.kind for row in rows):,} of them decoys\n")
    print("| kind | planted | found | false | recall % | precision % |\n|---|---:|---:|---:|---:|---:|")
    for kind, counts in measure(rows).items():
        rates = f"{100 * counts['recall']:.1f} | {100 * counts['precision']:.1f}"
        print(f"| {kind} | {counts['planted']} | {counts['found']} | {counts['false']} | {rates} |")


if __name__ == "__main__":
    main()
