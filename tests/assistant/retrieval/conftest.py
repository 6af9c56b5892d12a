"""Libraries on temporary state folders, and documents to put into them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from assistant.paths import Home
from assistant.retrieval.library import Library
from assistant.settings import RetrievalSettings
from assistant.store import Store

OpenLibrary = Callable[..., Library]


@pytest.fixture
def open_library(home: Home) -> Iterator[OpenLibrary]:
    """Return a function that opens a library on ``home``; settings by name, the hashing embedder by default."""
    opened: list[tuple[Library, Store]] = []

    def make(embedder: str = "hashing", **settings: object) -> Library:
        store = Store(home.database)
        library = Library(home, store, RetrievalSettings.model_validate({"embedder": embedder, **settings}))
        opened.append((library, store))
        return library

    yield make
    for library, store in opened:
        library.close()
        store.close()


@pytest.fixture
def library(open_library: OpenLibrary) -> Library:
    """Return an empty library with the hashing embedder."""
    return open_library()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with three small documents."""
    made = tmp_path / "documents"
    (made / "ko").mkdir(parents=True)
    (made / "ko" / "tuning.md").write_text(
        "# 조율 안내\n\n## 비용\n\n피아노 조율은 한 번에 9만 원입니다. 조율은 봄과 가을에 받는 것이 좋아요.\n\n"
        "## 예약\n\n예약은 전화로만 받습니다. 토요일에는 쉽니다.\n",
        encoding="utf-8",
    )
    (made / "violin.md").write_text(
        "# Violin repair\n\nA new bridge for a violin costs 45 dollars. Repairs take nine days.\n", encoding="utf-8"
    )
    (made / "oboe.txt").write_text("Oboe reeds are soaked in lukewarm water for two minutes.\n", encoding="utf-8")
    return made
