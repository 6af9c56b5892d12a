"""Search latency at 1,000 and 10,000 chunks, beside bare Chroma on the same vectors."""

import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from assistant.bench import Figure
from assistant.paths import Home, data_root
from assistant.retrieval.library import Library
from assistant.settings import RetrievalSettings
from assistant.store import Store

SIZES = (1_000, 10_000)
QUERIES = 50


def measure() -> list[Figure]:
    """Return the median seconds of a hybrid search and of a bare Chroma query, in milliseconds."""
    figures = []
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            figures += _at(size, Path(folder))
    return figures


def _at(size: int, folder: Path) -> list[Figure]:
    sentences = _sentences()
    pick = random.Random(7)
    source = folder / "source"
    source.mkdir()
    for number in range(size):
        body = " ".join(pick.sample(sentences, 3))[:300]
        (source / f"{number:05}.txt").write_text(f"{number} {body}", encoding="utf-8")
    home = Home(folder / "home").create()
    store = Store(home.database)
    library = Library(home, store, RetrievalSettings())
    started = time.perf_counter()
    library.add([source], "bench")
    added = time.perf_counter() - started
    queries = pick.sample(sentences, QUERIES)
    retriever = library.retriever("bench")
    ours = _median_ms(lambda query: retriever.search(query, 5), queries)
    library.close()
    store.close()
    return [
        Figure("retrieval", f"hybrid search p50, {size:,} chunks", ours, "ms"),
        Figure("retrieval", f"bare Chroma query p50, {size:,} vectors", _bare_chroma(size, folder), "ms"),
        Figure("retrieval", f"adding {size:,} chunks", added, "s"),
    ]


def _bare_chroma(size: int, folder: Path) -> float:
    import chromadb
    import numpy as np

    client = chromadb.PersistentClient(str(folder / "bare"))
    collection = client.create_collection(
        "bare",
        embedding_function=None,
        configuration={"hnsw": {"space": "cosine", "ef_construction": 200, "ef_search": 200, "max_neighbors": 32}},
    )
    vectors = np.random.default_rng(7).standard_normal((size, 384)).astype("float32")
    for start in range(0, size, 5_000):
        part = vectors[start : start + 5_000]
        collection.add(ids=[str(start + i) for i in range(len(part))], embeddings=part)
    return _median_ms(lambda row: collection.query(query_embeddings=[row], n_results=5), list(vectors[:QUERIES]))


def _sentences() -> list[str]:
    text = "\n".join(path.read_text(encoding="utf-8") for path in (data_root() / "demo" / "documents").rglob("*.md"))
    return sorted({line.strip() for line in text.splitlines() if len(line) > 40})


def _median_ms(search: Callable[..., object], queries: list) -> float:  # type: ignore[type-arg]
    search(queries[0])
    times = []
    for query in queries:
        started = time.perf_counter()
        search(query)
        times.append(time.perf_counter() - started)
    return median(times) * 1000
