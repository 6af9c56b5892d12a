"""The table: BM25, MiniLM, these vectors, and both fused with BM25, on sets that training never saw."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from assistant.retrieval.embeddings import open_embedder

from .measure import by_keyword, by_meaning, figures, fused, gain, reciprocal_ranks
from .sets import RetrievalSet, test_sets, validation_sets
from .vectors import open_table


def table(one: RetrievalSet, model: Path) -> list[dict[str, Any]]:
    """Return one row a way of searching: hit@1, hit@5, MRR, and the gain in MRR over BM25 with its interval."""
    words = by_keyword(one)
    own = by_meaning(one, open_table(model).embed)
    mini = by_meaning(one, open_embedder("minilm").embed)
    ways = {
        "BM25": words,
        "MiniLM": mini,
        "these vectors": own,
        "BM25 + MiniLM": fused(words, mini),
        "BM25 + these vectors": fused(words, own),
    }
    floor = reciprocal_ranks(one, words)
    rows: list[dict[str, Any]] = []
    for way, rankings in ways.items():
        ranks = reciprocal_ranks(one, rankings)
        row: dict[str, Any] = {"set": one.name, "n": len(one.queries), "passages": len(one.passages), "way": way}
        row |= {name: round(value, 1) for name, value in figures(ranks).items()}
        row["gain"] = [round(value, 1) for value in gain(ranks, floor)]
        rows.append(row)
    return rows


def main() -> None:
    """Print the table: ``python -m data.models.sentence_recipe.evaluate --corpus DIR --split test``."""
    parser = argparse.ArgumentParser(description="Measure the sentence embedder.")
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True, help="folder of data.models.sentence_recipe.train")
    parser.add_argument("--split", choices=("validation", "test"), default="validation")
    parser.add_argument("--out", type=Path, help="a JSON file for the rows")
    options = parser.parse_args()
    sets = (test_sets if options.split == "test" else validation_sets)(options.corpus)
    rows = [row for one in sets for row in table(one, options.model)]
    print("| set | n / passages | way | hit@1 | hit@5 | MRR | MRR over BM25, 95 % |")
    print("| --- | ---: | --- | ---: | ---: | ---: | ---: |")
    for row in rows:
        mean, low, high = row["gain"]
        head = f"| {row['set']} | {row['n']} / {row['passages']} | {row['way']} "
        print(f"{head}| {row['hit1']} | {row['hit5']} | {row['mrr']} | {mean:+} [{low:+}, {high:+}] |")
    if options.out:
        options.out.write_text(json.dumps(rows, ensure_ascii=False, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
