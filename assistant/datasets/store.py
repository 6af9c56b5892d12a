"""Datasets as immutable versions: one folder each, named by the hash of its rows, complete or invisible.

::

    datasets/<name>/<version>/rows.jsonl      the rows, own form, one a line
                              manifest.json   parent, operation, sources, counts
                              decisions.jsonl what was left out, changed or found, row by row
                              card.ko.md  card.en.md

A version is written under a temporary name and renamed when everything is on disk, so kill -9 leaves the
old versions or the new one. Nothing in a version is ever changed.
"""

import hashlib
import json
import os
import secrets
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson
import psutil

from assistant.datasets.rows import Row, content_digest, kind_of, language_in
from assistant.datasets.strict_json import dumps
from assistant.errors import DamagedError, InputError, ResourceError
from assistant.lazy import nearest
from assistant.schema import normalise

MAX_NAME = 64
_HASH = 12
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
            hint = "restore a backup, or make the version again from its parent and its decisions"
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


class DatasetStore:
    """The datasets of one state folder; any number of processes may read and write."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> list[str]:
        """Return the names of all datasets that have a version."""
        if not self.folder.is_dir():
            return []
        return sorted(each.name for each in self.folder.iterdir() if each.is_dir() and self.versions(each.name))

    def versions(self, name: str) -> list[Version]:
        """Return a dataset's versions, oldest first; what is damaged or half written is not among them."""
        found = []
        folder = self.folder / name
        for each in folder.iterdir() if folder.is_dir() else ():
            if not each.name.startswith(".") and (each / "manifest.json").is_file():
                manifest = json.loads((each / "manifest.json").read_text(encoding="utf-8"))
                found.append(Version(each, Manifest(**manifest)))
        return sorted(found, key=lambda version: (version.manifest.created, version.manifest.version))

    def get(self, ref: str) -> Version:
        """Return ``name`` (its newest version) or ``name@version`` (the first characters are enough).

        Raises:
            InputError: no such dataset or version, or several that begin so.
        """
        name, _, wanted = normalise(ref).partition("@")
        versions = self.versions(check_name(name))
        if not versions:
            raise InputError(f"no dataset {name!r}", nearest(name, self.names()))
        found = [version for version in versions if version.manifest.version.startswith(wanted)]
        if not wanted:
            return versions[-1]
        if len(found) != 1:
            known = ", ".join(version.manifest.version for version in versions)
            what = "no version" if not found else "several versions begin with"
            raise InputError(f"dataset {name!r}: {what} {wanted!r}", f"versions: {known}")
        return found[0]

    def draft(self, name: str) -> "Draft":
        """Start a version; use it as a context manager and :meth:`Draft.commit` it."""
        return Draft(self.folder / check_name(name), normalise(name))


class Draft:
    """A version in the making; leaving it without a commit leaves nothing behind."""

    def __init__(self, folder: Path, name: str) -> None:
        self._home, self.name = folder, name
        self.rows, self.personal = 0, Counter[str]()
        self._counts: dict[str, Counter[str]] = {key: Counter() for key in ("kind", "language", "split", "label")}
        self._hash = hashlib.sha256()
        self._ids: set[str] = set()

    def __enter__(self) -> "Draft":
        try:
            self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
            _sweep(self._home)
            self._folder = self._home / f".partial-{os.getpid()}-{secrets.token_hex(4)}"
            self._folder.mkdir(mode=0o700)
            self._stream = (self._folder / "rows.jsonl").open("wb")
            self._decisions = (self._folder / "decisions.jsonl").open("wb")
        except OSError as error:
            raise _no_room(self._home, error) from error
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        self._decisions.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def add(self, row: Row, digest: bytes | None = None) -> str:
        """Write one row and return its id: its own one if it is not taken, else one made of its content."""
        key = row.get("id")
        if not key or key in self._ids:
            if key:
                row = {"kept": row.get("kept", {}) | {"id": key}} | {k: v for k, v in row.items() if k != "kept"}
            key = (digest or content_digest(row)).hex()[:16]
            while key in self._ids:  # a row that is kept although another says the same
                key = f"{key[:16]}-{len(self._ids):x}"
            row = {"id": key} | {k: v for k, v in row.items() if k != "id"}
        self._ids.add(key)
        line = dumps(row) + b"\n"
        self._hash.update(line)
        try:
            self._stream.write(line)
        except OSError as error:
            raise _no_room(self._home, error) from error
        self.rows += 1
        self._counts["kind"][kind_of(row)] += 1
        self._counts["language"][language_in(row)] += 1
        for name in ("split", "label"):
            value = row.get(name)
            if value is not None:
                self._counts[name][str(value).lower()] += 1
        return str(key)

    def decide(self, decision: Mapping[str, Any]) -> None:
        """Write down one decision: what was done to which row, and why."""
        self._decisions.write(dumps(decision) + b"\n")

    def commit(
        self,
        operation: Mapping[str, Any],
        *,
        parent: Version | None = None,
        sources: list[dict[str, Any]] | None = None,
        notes: Mapping[str, Any] | None = None,
    ) -> Version:
        """Make the version visible; one with the very same rows is returned instead where there is one.

        Raises:
            InputError: it has no rows.
            ResourceError: the disk is full or the folder cannot be written.
        """
        if not self.rows:
            raise InputError(f"dataset {self.name!r}: no rows are left to keep", "leave fewer rows out")
        sha256 = self._hash.hexdigest()
        place = self._home / sha256[:_HASH]
        manifest = Manifest(
            name=self.name,
            version=sha256[:_HASH],
            sha256=sha256,
            rows=self.rows,
            created=time.time(),
            parent=parent.manifest.version if parent else None,
            operation=dict(operation),
            sources=[*(parent.manifest.sources if parent else []), *(sources or [])],
            counts={name: dict(counts.most_common()) for name, counts in self._counts.items() if counts},
            personal=dict(Counter(parent.manifest.personal if parent else {}) + self.personal),
            notes={**(parent.manifest.notes if parent else {}), **(notes or {})},
        )
        if not (place / "manifest.json").is_file():
            try:
                self._finish(manifest)
                os.replace(self._folder, place)
                _sync(self._home)
            except OSError as error:
                if not (place / "manifest.json").is_file():  # else another process was faster with the same rows
                    raise _no_room(self._home, error) from error
        return Version(place, Manifest(**json.loads((place / "manifest.json").read_text(encoding="utf-8"))))

    def _finish(self, manifest: Manifest) -> None:
        from assistant.datasets.card import card
        from assistant.locales import LANGUAGES

        for language in LANGUAGES:
            (self._folder / f"card.{language}.md").write_text(card(manifest, language), encoding="utf-8")
        text = json.dumps(asdict(manifest), ensure_ascii=False, indent=1)
        (self._folder / "manifest.json").write_text(text + "\n", encoding="utf-8")
        self._stream.close()
        self._decisions.close()
        for file in self._folder.iterdir():
            with file.open("rb") as stream:
                os.fsync(stream.fileno())
        _sync(self._folder)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sweep(folder: Path) -> None:
    """Remove what killed processes left half written."""
    for each in folder.glob(".partial-*"):
        number = each.name.split("-")[1]
        if number.isdigit() and not psutil.pid_exists(int(number)):
            shutil.rmtree(each, ignore_errors=True)


def _no_room(folder: Path, error: OSError) -> ResourceError:
    return ResourceError(f"cannot write the dataset in {folder}: {error.strerror}", "free some space")
