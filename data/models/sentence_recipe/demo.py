"""A second report, on which nothing was chosen: the demo handbook's validation questions by the product's search."""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from assistant.paths import Home, data_root
from assistant.retrieval.library import Library
from assistant.settings import RetrievalSettings
from assistant.store import Store

DEPTHS = (1, 2, 5)


def found(embedder: str) -> dict[str, list[int]]:
    """Return for each language the rank of the right document's first passage, 0 where it is not among ten."""
    demo = data_root() / "demo"
    lines = (demo / "handbook" / "validation.jsonl").read_text(encoding="utf-8").splitlines()
    items = [item for item in map(json.loads, lines) if item.get("document")]
    ranks: dict[str, list[int]] = {}
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        store = Store(home.database)
        library = Library(home, store, RetrievalSettings.model_validate({"embedder": embedder, "floor": 0.0}))
        library.add([demo / "documents"])
        retriever = library.retriever()
        for item in items:
            names = [passage.document for passage in retriever.search(item["question"], 10)]
            wanted = item["document"]
            ranks.setdefault(item["language"], []).append(names.index(wanted) + 1 if wanted in names else 0)
        library.close()
        store.close()
    return ranks


def main() -> None:
    """Print hit@k: ``python -m data.models.sentence_recipe.demo minilm joyul-bilingual``."""
    parser = argparse.ArgumentParser(description="Search the demo handbook with several embedders.")
    parser.add_argument("embedders", nargs="+")
    for embedder in parser.parse_args().embedders:
        for language, ranks in sorted(found(embedder).items()):
            hits = "  ".join(f"hit@{k} {100 * sum(0 < r <= k for r in ranks) / len(ranks):.1f}" for k in DEPTHS)
            print(f"{embedder:16} {language}  n {len(ranks)}  {hits}")


if __name__ == "__main__":
    main()
