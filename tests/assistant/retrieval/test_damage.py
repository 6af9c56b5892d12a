"""A damaged index costs the meaning half and says so; a rebuild brings everything back."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from assistant.errors import DamagedError
from assistant.paths import Home
from assistant.retrieval.chroma import VectorStore
from assistant.retrieval.embeddings import Hashing
from assistant.retrieval.registry import Registry
from assistant.store import Store

QUESTIONS = ["what does a violin bridge cost", "피아노 조율 비용", "how long are oboe reeds soaked"]


def _database(folder: Path) -> Path:
    return folder / "chroma.sqlite3"


def _empty(folder: Path) -> None:
    _database(folder).write_bytes(b"")


def _zero_header(folder: Path) -> None:
    data = bytearray(_database(folder).read_bytes())
    data[:100] = bytes(100)
    _database(folder).write_bytes(bytes(data))


def _truncate(folder: Path) -> None:
    data = _database(folder).read_bytes()
    _database(folder).write_bytes(data[: len(data) // 3])


def _noise(folder: Path) -> None:
    data = bytearray(_database(folder).read_bytes())
    for place in range(4096, len(data), 64):
        data[place] ^= 0xFF
    _database(folder).write_bytes(bytes(data))


def _drop_segments(folder: Path) -> None:
    for segment in folder.iterdir():
        if segment.is_dir():
            shutil.rmtree(segment)


DAMAGES: dict[str, Callable[[Path], None]] = {
    "folder gone": shutil.rmtree,
    "database gone": lambda folder: _database(folder).unlink(),
    "database empty": _empty,
    "header zeroed": _zero_header,
    "truncated": _truncate,
    "noise": _noise,
    "segments gone": _drop_segments,
}


@pytest.mark.parametrize("damage", list(DAMAGES))
def test_damaged_vectors(home: Home, open_library, folder: Path, damage: str) -> None:  # type: ignore[no-untyped-def]
    library = open_library()
    library.add([folder])
    expected = [[p.text for p in library.retriever().search(question, 5)] for question in QUESTIONS]
    library.close()
    for journal in (home.index / "vectors").glob("chroma.sqlite3-*"):
        journal.unlink()
    DAMAGES[damage](home.index / "vectors")

    library = open_library()
    by_word = [library.retriever().search(question, 5) for question in QUESTIONS]
    assert all(by_word), "keyword search must go on"
    status = library.status()
    if damage != "segments gone":  # Chroma makes these anew from its own log
        assert status.damaged and "joyul docs rebuild" in status.message
    assert library.rebuild()["documents"] == 3
    assert not library.status().damaged
    assert [[p.text for p in library.retriever().search(question, 5)] for question in QUESTIONS] == expected


def test_damaged_keyword_cache_is_made_anew(home: Home, open_library, folder: Path) -> None:  # type: ignore[no-untyped-def]
    open_library().add([folder])
    for file in (home.index / "words").rglob("*"):
        if file.is_file():
            file.write_bytes(b"\0")
    assert open_library().retriever(kind="keyword").search("violin bridge", 1)
    shutil.rmtree(home.index / "words")
    assert open_library().retriever(kind="keyword").search("violin bridge", 1)


def test_missing_vectors_are_noticed_and_strays_are_swept(home: Home, open_library, folder: Path) -> None:  # type: ignore[no-untyped-def]
    library = open_library()
    library.add([folder])
    index = Registry(Store(home.database).engine).collection("documents").vectors  # type: ignore[union-attr]
    library.close()

    vectors = VectorStore(home.index / "vectors")
    keys = sorted(vectors.keys(index))
    vectors.upsert(index, ["stray-0-0"], Hashing().embed(["A new bridge for a violin costs 45 dollars."]))
    vectors.close()
    library = open_library()
    assert library.retriever(kind="meaning").search("violin bridge costs", 3)
    assert not library.status().damaged
    library.close()
    assert sorted(vectors.keys(index)) == keys
    vectors.delete(index, keys[:1])
    vectors.close()

    library = open_library()
    assert library.retriever().search("violin bridge costs", 3)
    assert library.status().damaged
    library.rebuild()
    assert not library.status().damaged


def test_lost_original_keeps_what_was_read_of_it(open_library, folder: Path) -> None:  # type: ignore[no-untyped-def]
    library = open_library()
    library.add([folder])
    library.original(library.documents()[0].id).unlink()
    library.rebuild()
    assert "9만 원" in library.retriever().search("피아노 조율 비용", 1)[0].text


def _noise_in(name: str) -> Callable[[Path], None]:
    def damage(segment: Path) -> None:
        data = bytearray((segment / name).read_bytes())
        data[::64] = bytes(255 - byte for byte in data[::64])
        (segment / name).write_bytes(bytes(data))

    return damage


def _swap(segment: Path) -> None:
    data, links = segment / "data_level0.bin", segment / "link_lists.bin"
    first, second = data.read_bytes(), links.read_bytes()
    data.write_bytes(second)
    links.write_bytes(first)


# What Chroma writes for a thousand vectors and more; smaller indexes live in its database alone.
SEGMENT_DAMAGES: dict[str, Callable[[Path], None]] = {
    "header gone": lambda segment: (segment / "header.bin").unlink(),
    "header zeroed": lambda segment: (segment / "header.bin").write_bytes(bytes(100)),
    "vectors cut": lambda segment: (segment / "data_level0.bin").write_bytes(b"\0" * 1000),
    "vectors noisy": _noise_in("data_level0.bin"),
    "files swapped": _swap,
    "names cut": lambda segment: (segment / "index_metadata.pickle").write_bytes(b"\x80\x05"),
}


@pytest.mark.parametrize("damage", list(SEGMENT_DAMAGES))
def test_damaged_files_of_a_large_index_are_noticed(tmp_path: Path, damage: str) -> None:
    keys, vectors = [f"{n}-0-0" for n in range(1100)], np.random.default_rng(1).normal(size=(1100, 8))
    store = VectorStore(tmp_path / "vectors")
    store.create("large")
    store.upsert("large", keys, vectors)
    assert store.search("large", vectors[7], 1)[0][0] == "7-0-0"
    store.close()
    (segment,) = (path for path in (tmp_path / "vectors").iterdir() if path.is_dir())
    SEGMENT_DAMAGES[damage](segment)
    with pytest.raises(DamagedError, match="vector index") as caught:
        store.search("large", vectors[7], 5)
    assert "joyul docs rebuild" in caught.value.hint
    store.reset_if_damaged()
    store.create("large")
    store.upsert("large", keys, vectors)
    assert store.search("large", vectors[7], 1)[0][0] == "7-0-0"


OPEN = """
import sys
from pathlib import Path
import numpy as np
from assistant.retrieval.chroma import VectorStore
dirty = [bytes([int(sys.argv[2])]) * size for size in (400, 4_000, 100_000, 200_000) for _ in range(50)]
del dirty
store = VectorStore(Path(sys.argv[1]))
print(store.search("small", np.ones(8), 1)[0][0])
store.close()
"""


def test_a_small_index_opens_again_and_again(tmp_path: Path) -> None:
    store = VectorStore(tmp_path / "vectors")
    store.create("small")
    store.upsert("small", ["1-0-0"], np.ones((1, 8)))
    store.close()
    # What Chroma leaves in the files of an index without content depends on the memory of the process that opens it.
    for fill in ("255", "1", "7"):
        command = [sys.executable, "-c", OPEN, str(tmp_path / "vectors"), fill]
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "1-0-0"
