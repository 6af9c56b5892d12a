"""Build the handbook question sets of the demo from their YAML sources.

Reads ``facts/<topic>.yaml`` and ``unanswerable.yaml`` next to this file and the
documents in ``../documents/{ko,en}``, checks them against each other and writes
``train.jsonl``, ``validation.jsonl`` and ``test.jsonl``. The output depends only
on the sources. Exit status 1 means that a check failed; nothing is written then.

Run it as ``python data/demo/handbook/build.py`` or
``python -m data.demo.handbook.build``.
"""

from __future__ import annotations

import json
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
DOCUMENTS = HERE.parent / "documents"
LANGUAGES = ("ko", "en")
SPLITS = ("train", "validation", "test")
NOT_FOUND = {
    "ko": "문서에서 답을 찾을 수 없어요.",
    "en": "I can't find that in the documents.",
}
NEAR_DUPLICATE = 0.8
TRAIN_WORDINGS = 3
MINIMUM_ROWS = {"train": 420, "validation": 70, "test": 230}
MINIMUM_TEST_SLICES = {"known_fact": 100, "absent_fact": 60, "follow_up": 48, "unanswerable": 28}

Row = dict[str, Any]


class SourceError(Exception):
    """A source file that cannot be turned into rows."""


def normalise(text: str) -> str:
    """Return ``text`` in NFC, lower case, with letters and digits only."""
    folded = unicodedata.normalize("NFC", text).lower()
    return "".join(character for character in folded if character.isalnum())


def trigrams(text: str) -> frozenset[str]:
    """Return the character 3-grams of the normalised text (all of it if shorter)."""
    plain = normalise(text)
    return frozenset(plain[i : i + 3] for i in range(max(1, len(plain) - 2)))


def similarity(left: frozenset[str], right: frozenset[str]) -> float:
    """Return the Jaccard similarity of two sets of 3-grams."""
    return len(left & right) / len(left | right)


def load_yaml(path: Path) -> dict[str, Any]:
    """Read one YAML file whose top level is a mapping."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise SourceError(f"{path.name}: the top level must be a mapping")
    return content


def load_topics() -> list[dict[str, Any]]:
    """Read every topic file, in the order of the file names."""
    topics = [load_yaml(path) for path in sorted((HERE / "facts").glob("*.yaml"))]
    for topic in topics:
        for key in ("topic", "facts", "follow_ups"):
            if key not in topic:
                raise SourceError(f"{topic.get('topic', 'a topic file')}: {key} is missing")
    return topics


def load_document(language: str, topic: str) -> str:
    """Return the document of a topic in NFC."""
    path = DOCUMENTS / language / f"{topic}.md"
    if not path.is_file():
        raise SourceError(f"document {language}/{topic}.md is missing")
    return unicodedata.normalize("NFC", path.read_text(encoding="utf-8"))


def make_row(language: str, topic: str, kind: str, question: str, answers: list[str], fact: str | None) -> Row:
    """Return one row without its number, with its keys in the published order."""
    for text in (question, *answers):
        if not isinstance(text, str):
            raise SourceError(f"{fact or topic} ({language}): {text!r} is not text; quote it in the YAML")
    return {
        "id": "",
        "language": language,
        "question": question,
        "reference": answers,
        "group": topic,
        "slice": kind,
        "document": f"{language}/{topic}.md" if answers else None,
        "fact": fact,
        "history": [],
    }


def fact_rows(topic: str, fact: dict[str, Any], language: str) -> Iterator[tuple[str, Row]]:
    """Yield (split, row) for each wording of a fact in one language."""
    side = fact[language]
    absent = fact.get("absent", False)
    identifier = f"{topic}.{fact['id']}"
    if absent and ("train" in side or "validation" in side):
        raise SourceError(f"{identifier} ({language}): an absent fact has test wordings only")
    if not absent and len(side.get("train", [])) != TRAIN_WORDINGS:
        raise SourceError(f"{identifier} ({language}): expected {TRAIN_WORDINGS} training wordings")
    kind = "absent_fact" if absent else "known_fact"
    for split in SPLITS:
        for question in side.get(split, []):
            yield split, make_row(language, topic, kind, question, side["answers"], identifier)


def follow_up_rows(topic: dict[str, Any], language: str) -> Iterator[tuple[str, Row]]:
    """Yield (split, row) for the follow-up questions of a topic in one language."""
    facts = {fact["id"]: fact for fact in topic["facts"]}
    for item in topic["follow_ups"]:
        side = item[language]
        fact = facts.get(item["fact"], {})
        if fact.get("absent") and item["split"] != "test":
            raise SourceError(f"{topic['topic']}.{item['fact']}: absent, so its follow-up must be in test")
        answers = side.get("answers") or fact.get(language, {}).get("answers")
        if not answers:
            raise SourceError(f"{topic['topic']}.{item['fact']} ({language}): a follow-up without answers")
        identifier = f"{topic['topic']}.{item['fact']}"
        row = make_row(language, topic["topic"], "follow_up", side["question"], answers, identifier)
        user, assistant = side["history"]
        row["history"] = [{"role": "user", "content": user}, {"role": "assistant", "content": assistant}]
        yield item["split"], row


def unanswerable_rows(language: str) -> Iterator[tuple[str, Row]]:
    """Yield (split, row) for the questions that no document answers."""
    source = load_yaml(HERE / "unanswerable.yaml")
    for split in SPLITS:
        for topic, questions in source[split][language].items():
            load_document(language, topic)
            for question in questions:
                yield split, make_row(language, topic, "unanswerable", question, [], None)


def finish(row: Row, split: str) -> Row:
    """Return the row with NFC text and, in training, the text to be learnt."""
    done: Row = json.loads(unicodedata.normalize("NFC", json.dumps(row, ensure_ascii=False)))
    if split == "train":
        done["answer"] = done["reference"][0] if done["reference"] else NOT_FOUND[done["language"]]
    return done


def build() -> dict[str, list[Row]]:
    """Return the rows of each split, numbered per language across the splits."""
    topics = load_topics()
    splits: dict[str, list[Row]] = {split: [] for split in SPLITS}
    for language in LANGUAGES:
        pairs: list[tuple[str, Row]] = []
        for topic in topics:
            for fact in topic["facts"]:
                pairs.extend(fact_rows(topic["topic"], fact, language))
            pairs.extend(follow_up_rows(topic, language))
        pairs.extend(unanswerable_rows(language))
        pairs.sort(key=lambda pair: SPLITS.index(pair[0]))
        for number, (split, row) in enumerate(pairs, start=1):
            row["id"] = f"hb-{language}-{number:04d}"
            splits[split].append(finish(row, split))
    return splits


def check_sources(topics: list[dict[str, Any]]) -> list[str]:
    """Report fact ids that repeat and documents without a topic file."""
    names = {topic["topic"] for topic in topics}
    problems = [
        f"{language}/{path.name}: no topic file"
        for language in LANGUAGES
        for path in sorted((DOCUMENTS / language).glob("*.md"))
        if path.stem not in names
    ]
    for topic in topics:
        seen = Counter(fact["id"] for fact in topic["facts"])
        problems += [f"{topic['topic']}.{name}: fact id used twice" for name, n in seen.items() if n > 1]
    return problems


def check_rows(splits: dict[str, list[Row]]) -> list[str]:
    """Report canonical answers that are not in their document, and repeated ids."""
    problems: list[str] = []
    rows = [row for split in SPLITS for row in splits[split]]
    seen = Counter(row["id"] for row in rows)
    problems += [f"{identifier}: id used twice" for identifier, n in seen.items() if n > 1]
    for row in rows:
        label = f"{row['id']} ({row['fact'] or row['group']})"
        if row["reference"] and row["reference"][0] not in load_document(row["language"], row["group"]):
            problems.append(f"{label}: {row['reference'][0]!r} is not in {row['document']}")
    return problems


def check_leaks(splits: dict[str, list[Row]]) -> list[str]:
    """Report facts that training gives away although a test slice holds them back."""
    problems: list[str] = []
    held_back = {row["fact"] for row in splits["test"] if row["slice"] == "absent_fact"}
    trained = {row["fact"] for row in splits["train"]}
    problems += [f"{fact}: absent, yet in train" for fact in sorted(held_back & trained)]
    for row in splits["test"]:
        if row["slice"] == "follow_up" and row["fact"] in trained:
            problems.append(f"{row['id']} ({row['fact']}): follow-up on a trained fact")
    return problems


def context_key(row: Row) -> str:
    """Return what a row asks together with its history."""
    return " ".join([*(turn["content"] for turn in row["history"]), row["question"]])


def check_wordings(splits: dict[str, list[Row]]) -> list[str]:
    """Report wordings that repeat in a split or are near-duplicates across splits."""
    problems: list[str] = []
    grams = {row["id"]: trigrams(row["question"]) for split in SPLITS for row in splits[split]}
    for split in SPLITS:
        seen = Counter((row["language"], normalise(context_key(row))) for row in splits[split])
        problems += [f"{split}: {text!r} occurs {n} times" for (_, text), n in seen.items() if n > 1]
    for left, right in (("validation", "train"), ("test", "train"), ("test", "validation")):
        for row in splits[left]:
            for other in splits[right]:
                if row["language"] != other["language"]:
                    continue
                score = similarity(grams[row["id"]], grams[other["id"]])
                if score >= NEAR_DUPLICATE:
                    problems.append(
                        f"{left} {row['question']!r} is too close to {right} {other['question']!r} ({score:.2f})"
                    )
    return problems


def check_counts(splits: dict[str, list[Row]]) -> list[str]:
    """Report splits and test slices that are smaller than intended."""
    problems = [
        f"{split}: {len(splits[split])} rows, at least {least} intended"
        for split, least in MINIMUM_ROWS.items()
        if len(splits[split]) < least
    ]
    slices = Counter(row["slice"] for row in splits["test"])
    problems += [
        f"test {name}: {slices[name]} rows, at least {least} intended"
        for name, least in MINIMUM_TEST_SLICES.items()
        if slices[name] < least
    ]
    return problems


def print_counts(splits: dict[str, list[Row]]) -> None:
    """Print the rows per split, slice and language as a Markdown table."""
    print("| split | slice | ko | en |\n| --- | --- | ---: | ---: |")
    for split in SPLITS:
        counts = Counter((row["slice"], row["language"]) for row in splits[split])
        for kind in MINIMUM_TEST_SLICES:
            if counts[kind, "ko"] or counts[kind, "en"]:
                print(f"| {split} | {kind} | {counts[kind, 'ko']} | {counts[kind, 'en']} |")
        totals = Counter(row["language"] for row in splits[split])
        print(f"| {split} | all | {totals['ko']} | {totals['en']} |")


def main() -> int:
    """Build, check and write the three files; return the exit status."""
    try:
        splits = build()
        problems = check_sources(load_topics())
    except SourceError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for check in (check_rows, check_leaks, check_wordings, check_counts):
        problems += check(splits)
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    if problems:
        return 1
    for split in SPLITS:
        lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in splits[split]]
        (HERE / f"{split}.jsonl").write_text("".join(lines), encoding="utf-8", newline="\n")
    print_counts(splits)
    return 0


if __name__ == "__main__":
    sys.exit(main())
