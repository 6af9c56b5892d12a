"""Small helpers: write a file, read it, import it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assistant.datasets.importing import ImportOptions, import_file
from assistant.datasets.options import ReadOptions
from assistant.datasets.problems import Problem, Problems
from assistant.datasets.reading import detect, read
from assistant.datasets.store import DatasetStore


class Files:
    """Files of one test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, name: str, content: "str | bytes") -> Path:
        """Write a file; text as UTF-8."""
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def read(self, name: str, content: "str | bytes", **options: Any) -> tuple[Any, list[Any], list[Problem]]:
        """Write and read a file; return what it was taken for, its rows and its problems."""
        path, chosen = self.write(name, content), ReadOptions(**options)
        found, problems = detect(path, chosen), Problems(name)
        rows = [row for _, row in read(found, problems, chosen)]
        return found, rows, problems.kept


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Return a folder to write files into."""
    return Files(tmp_path)


@pytest.fixture
def datasets(tmp_path: Path) -> DatasetStore:
    """Return an empty store of datasets."""
    return DatasetStore(tmp_path / "home" / "datasets")


@pytest.fixture
def bring(files: Files, datasets: DatasetStore) -> Callable[..., dict[str, Any]]:
    """Return a function that imports content under a file name."""

    def call(name: str, content: "str | bytes", dataset: str = "set", **options: Any) -> dict[str, Any]:
        reading = {key: options.pop(key) for key in ("format", "encoding", "mapping", "delimiter") if key in options}
        return import_file(
            datasets, files.write(name, content), ImportOptions(dataset, read=ReadOptions(**reading), **options)
        )

    return call
