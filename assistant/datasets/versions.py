"""What a stored version is: its manifest, its rows, its card, and the names a dataset may have."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from assistant.datasets.rows import Row
from assistant.errors import DamagedError, InputError
from assistant.schema import normalise

MAX_NAME = 64
_RESERVED = {"con", "prn", "aux", "nul", *(f"com{n}" for n in range(10)), *(f"lpt{n}" for n in range(10))}


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a version is and where it comes from; ``created`` is seconds since 1970, ``counts`` are rows."""

    name: str
    version: str
    sha256: str
    rows: int
    created: float
    parent: str | None
    operation: dict[str, Any]
    sources: list[dict[str, Any]] = field(default_factory=list)
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    personal: dict[str, int] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def ref(self) -> str:
        """``name@version``."""
        return f"{self.name}@{self.version}"


@dataclass(frozen=True, slots=True)
class Version:
    """One stored version."""

    folder: Path
    manifest: Manifest

    @property
    def rows_file(self) -> Path:
        """The rows, readable by :func:`assistant.dataset.read_examples`."""
        return self.folder / "rows.jsonl"

    def rows(self) -> Iterator[Row]:
        """Yield the rows."""
        with self.rows_file.open("rb") as stream:
            for line in stream:
                yield orjson.loads(line)

    def decisions(self) -> Iterator[dict[str, Any]]:
        """Yield what was decided when the version was made."""
        with (self.folder / "decisions.jsonl").open("rb") as stream:
            for line in stream:
                yield orjson.loads(line)

    def card(self, language: str) -> str:
        """Return the card in ``ko`` or ``en``."""
        return (self.folder / f"card.{language}.md").read_text(encoding="utf-8")

    def verify(self) -> None:
        """Check the rows against their hash.

        Raises:
            DamagedError: they were changed.
        """
        digest = hashlib.sha256()
        with self.rows_file.open("rb") as stream:
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
        if digest.hexdigest() != self.manifest.sha256:
            hint = "restore a backup, or make the version again with `joyul data rebuild`"
            raise DamagedError(f"dataset {self.manifest.ref}: rows.jsonl is not what was stored", hint)


def check_name(name: str) -> str:
    """Return a dataset's name in NFC.

    Raises:
        InputError: it could not be a folder's name everywhere; the character is named.
    """
    name = normalise(name)
    bad = next((char for char in name if not (char.isalnum() or char in "-_.")), None)
    if bad is not None:
        message = f"dataset name {name[:40]!r}: {bad!r} (U+{ord(bad):04X}) cannot be in a name"
        raise InputError(message, "use letters, digits, - and _")
    if not name or len(name) > MAX_NAME or name[0] in "-." or name.endswith("."):
        message = f"dataset name {name[:40]!r}: must have 1 to {MAX_NAME} characters and begin with a letter or digit"
        raise InputError(message, "choose another name")
    if name.split(".")[0].lower() in _RESERVED or len(name.encode()) > 200:
        raise InputError(f"dataset name {name[:40]!r} is reserved on some systems or too long", "choose another name")
    return name
