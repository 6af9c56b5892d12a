"""Build the ticket-triage splits from the hand-written templates.

Usage: python data/demo/triage/build.py
Reads templates/*.yaml and slots.yaml, writes train.jsonl, validation.jsonl and
test.jsonl next to this file, and exits with 1 when a check fails.
"""

from __future__ import annotations

import json
import random
import re
import sys
import unicodedata
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
SEED = 20240
LABELS = ("loan", "account", "payment", "facility", "room", "event", "lost", "digital")
URGENCIES = ("low", "normal", "high")
LANGUAGES = ("ko", "en")
FILLS = {"train": 2, "validation": 1, "test": 1}
MINIMUM_ROWS = {"train": 1152, "validation": 80, "test": 192}
HARD_SHARE = {"train": (0.2, 0.4), "validation": (0.35, 0.6), "test": (0.4, 0.6)}
MAX_JACCARD = 0.8
MAX_IMBALANCE = 1.3
MAX_URGENCY_IMBALANCE = 1.5

SLOT = re.compile(r"\{(\w+)\}")
PARTICLE_CHOICE = re.compile(r"\[[가-힣]+/[가-힣]+\]")
PARTICLE = re.compile(r"([가-힣])([』」'\")]*)\[([가-힣]+)/([가-힣]+)\]")

Row = dict[str, Any]
SlotValues = dict[str, list[str]]


class BuildError(Exception):
    """The templates or the rows built from them break a rule."""


@dataclass(frozen=True)
class Template:
    """One hand-written message with slots, its split, its answer and whether it is a hard one."""

    id: str
    split: str
    language: str
    label: str
    urgency: str
    hard: bool
    text: str


def load_templates(folder: Path) -> list[Template]:
    """Read every template; the id counts within label and language."""
    templates = []
    for label in LABELS:
        source = yaml.safe_load((folder / f"{label}.yaml").read_text(encoding="utf-8"))
        if source["label"] != label:
            raise BuildError(f"{label}.yaml says label {source['label']!r}")
        for language in LANGUAGES:
            number = 0
            for split in FILLS:
                for urgency, entries in source[language][split].items():
                    for entry in entries:
                        number += 1
                        name = f"{label}-{language}-{number:02d}"
                        templates.append(Template(name, split, language, label, urgency, entry["hard"], entry["text"]))
    return templates


def resolve_particles(text: str) -> str:
    """Choose each `[with final consonant/without]` by the syllable before it."""

    def choose(match: re.Match[str]) -> str:
        syllable, closing, with_final, without_final = match.groups()
        final = (ord(syllable) - 0xAC00) % 28
        # 으로/로 is the one particle that treats a final ㄹ (index 8) like a vowel.
        open_ending = final == 0 or (with_final.startswith("으로") and final == 8)
        return syllable + closing + (without_final if open_ending else with_final)

    return PARTICLE.sub(choose, text)


def fill(template: Template, values: SlotValues, count: int) -> list[str]:
    """Return up to `count` different messages made from one template."""
    rng = random.Random(f"{SEED}:{template.id}")
    names = sorted(set(SLOT.findall(template.text)))
    unknown = [name for name in names if name not in values]
    if unknown:
        raise BuildError(f"{template.id}: no values for {unknown}")
    shuffled = {name: rng.sample(values[name], len(values[name])) for name in names}
    messages: list[str] = []
    for turn in range(count):
        text = template.text
        for name, options in shuffled.items():
            text = text.replace(f"{{{name}}}", options[turn % len(options)])
        text = resolve_particles(text)
        text = text[0].upper() + text[1:] if template.text.startswith("{") else text
        if re.search(r"[{}\[\]]", text):
            raise BuildError(f"{template.id}: slot or particle left over in {text!r}")
        if text not in messages:
            messages.append(text)
    return messages


def make_row(template: Template, text: str) -> Row:
    """Turn one filled message into a row that still lacks its number."""
    answer = json.dumps({"label": template.label, "urgency": template.urgency})
    row: Row = {
        "id": "",
        "language": template.language,
        "question": text,
        "reference": [answer],
        "label": template.label,
        "group": template.id,
        "slice": "hard" if template.hard else "plain",
        "history": [],
    }
    if template.split == "train":
        row["answer"] = answer
    return row


def build_rows(templates: list[Template], slots: dict[str, dict[str, SlotValues]]) -> dict[str, list[Row]]:
    """Fill the templates of every split, mix the rows and number them."""
    numbers: Counter[str] = Counter()
    splits: dict[str, list[Row]] = {}
    for split, count in FILLS.items():
        rows = []
        for template in templates:
            if template.split == split:
                values = slots[template.language]["train" if split == "train" else "eval"]
                rows += [make_row(template, text) for text in fill(template, values, count)]
        random.Random(f"{SEED}:{split}").shuffle(rows)
        for row in rows:
            language = str(row["language"])
            numbers[language] += 1
            row["id"] = f"tr-{language}-{numbers[language]:04d}"
        splits[split] = rows
    return splits


def check_shares(splits: dict[str, list[Row]], templates: list[Template]) -> list[str]:
    """Check per split that urgencies are balanced and that the share of hard rows fits."""
    problems = [f"{t.id}: hard is {t.hard!r}" for t in templates if not isinstance(t.hard, bool)]
    for split, members in splits.items():
        urgencies = Counter(json.loads(row["reference"][0])["urgency"] for row in members)
        counts = [urgencies[urgency] for urgency in URGENCIES]
        if max(counts) > MAX_URGENCY_IMBALANCE * min(counts):
            problems.append(f"{split}: urgencies out of balance {dict(urgencies)}")
        lowest, highest = HARD_SHARE[split]
        for language in LANGUAGES:
            slices = [row["slice"] for row in members if row["language"] == language]
            share = slices.count("hard") / len(slices)
            if not lowest <= share <= highest:
                problems.append(f"{split}, {language}: {share:.0%} of the rows are hard")
    return problems


def trigrams(text: str) -> frozenset[str]:
    """Return the character 3-grams of the text without case, spaces and punctuation."""
    lowered = unicodedata.normalize("NFC", text).lower()
    bare = "".join(c for c in lowered if not c.isspace() and unicodedata.category(c)[0] not in "PS")
    return frozenset(bare[i : i + 3] for i in range(max(1, len(bare) - 2)))


def jaccard(left: frozenset[str], right: frozenset[str]) -> float:
    """Return the share of 3-grams that two texts have in common."""
    return len(left & right) / len(left | right)


def check_slots(slots: dict[str, dict[str, SlotValues]]) -> list[str]:
    """Check that no slot value serves both training and evaluation."""
    problems = []
    for language in LANGUAGES:
        train, held_out = slots[language]["train"], slots[language]["eval"]
        if train.keys() != held_out.keys():
            problems.append(f"{language}: train and eval have different slots")
        for name in train.keys() & held_out.keys():
            shared = set(train[name]) & set(held_out[name])
            if shared:
                problems.append(f"{language}: {name} shares {sorted(shared)}")
    return problems


def check_rows(splits: dict[str, list[Row]], templates: list[Template]) -> list[str]:
    """Check ids, messages, labels, urgencies, groups, sizes and label balance."""
    problems = []
    rows = [row for split in splits.values() for row in split]
    for key in ("id", "question"):
        repeated = [value for value, n in Counter(str(row[key]) for row in rows).items() if n > 1]
        problems += [f"{key} occurs twice: {value}" for value in repeated]
    problems += [f"{row['id']}: label {row['label']!r}" for row in rows if row["label"] not in LABELS]
    problems += [f"{t.id}: urgency {t.urgency!r}" for t in templates if t.urgency not in URGENCIES]
    texts = Counter(template.text for template in templates)
    problems += [f"template occurs twice: {text}" for text, n in texts.items() if n > 1]
    home: dict[object, str] = {}
    for split, members in splits.items():
        for row in members:
            if home.setdefault(row["group"], split) != split:
                problems.append(f"group {row['group']} is in {home[row['group']]} and {split}")
        if len(members) < MINIMUM_ROWS[split]:
            problems.append(f"{split}: {len(members)} rows, fewer than {MINIMUM_ROWS[split]}")
        labels = Counter(row["label"] for row in members)
        counts = [labels[label] for label in LABELS]
        if max(counts) > MAX_IMBALANCE * min(counts):
            problems.append(f"{split}: labels out of balance {dict(labels)}")
    return problems


def check_leaks(splits: dict[str, list[Row]]) -> tuple[list[str], float]:
    """Compare held-out rows with train rows; return problems and the highest similarity."""
    problems, highest = [], 0.0
    train = [(row, trigrams(str(row["question"]))) for row in splits["train"]]
    for split in ("validation", "test"):
        for row in splits[split]:
            own = trigrams(str(row["question"]))
            for other, grams in train:
                similarity = jaccard(own, grams)
                highest = max(highest, similarity)
                if similarity >= MAX_JACCARD:
                    problems.append(f"{row['id']} is close to {other['id']} ({similarity:.2f})")
    return problems, highest


def check_templates(templates: list[Template]) -> list[str]:
    """Compare held-out templates with train templates, slots and particles left out."""
    bare = {t.id: trigrams(PARTICLE_CHOICE.sub("", SLOT.sub("", t.text))) for t in templates}
    return [
        f"{held_out.id} is nearly the template {known.id}"
        for held_out in templates
        if held_out.split != "train"
        for known in templates
        if known.split == "train" and jaccard(bare[held_out.id], bare[known.id]) >= MAX_JACCARD
    ]


def print_counts(splits: dict[str, list[Row]]) -> None:
    """Print rows per split, language, label and urgency."""
    for split, rows in splits.items():
        groups = len({row["group"] for row in rows})
        print(f"{split}: {len(rows)} rows from {groups} templates")
        urgency = Counter(json.loads(row["reference"][0])["urgency"] for row in rows)
        for key in ("language", "label", "slice"):
            print(f"  {key}: {dict(sorted(Counter(str(row[key]) for row in rows).items()))}")
        print(f"  urgency: {dict(sorted(urgency.items()))}")


def main() -> int:
    """Build, check, and write the three files; return the exit status."""
    try:
        templates = load_templates(HERE / "templates")
        slots = yaml.safe_load((HERE / "slots.yaml").read_text(encoding="utf-8"))
        splits = build_rows(templates, slots)
        leaks, highest = check_leaks(splits)
        problems = check_slots(slots) + check_rows(splits, templates)
        problems += check_shares(splits, templates) + check_templates(templates) + leaks
    except (BuildError, KeyError, OSError, yaml.YAMLError) as error:
        problems = [f"{type(error).__name__}: {error}"]
    if problems:
        print("\n".join(problems), file=sys.stderr)
        return 1
    for split, rows in splits.items():
        lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
        (HERE / f"{split}.jsonl").write_text("".join(lines), encoding="utf-8")
    print_counts(splits)
    print(f"highest similarity of a held-out row to a train row: {highest:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
