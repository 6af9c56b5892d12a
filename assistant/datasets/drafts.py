"""A version in the making: written under a temporary name, renamed when everything is on disk."""

import hashlib
import json
import os
import secrets
import shutil
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock, Timeout

from assistant.datasets.rows import Row, content_digest, kind_of, language_in
from assistant.datasets.strict_json import dumps
from assistant.datasets.versions import Manifest, Version
from assistant.errors import InputError, InUseError, ResourceError
from assistant.files import sync, sync_all

_HASH = 12
_WAIT_SECONDS = 5.0


class Draft:
    """A version in the making; leaving it without a commit leaves nothing behind.

    One process at a time makes versions of one dataset, so that none is made from a parent that is no
    longer the newest.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._home, self.name = folder, name
        self.rows, self.personal = 0, Counter[str]()
        self._counts: dict[str, Counter[str]] = {key: Counter() for key in ("kind", "language", "split", "label")}
        self._hash = hashlib.sha256()
        self._ids: set[str] = set()
        self._lock = FileLock(folder.with_name(f".{folder.name}.lock"), timeout=_WAIT_SECONDS)

    def __enter__(self) -> "Draft":
        try:
            self._home.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock.acquire()
        except Timeout:
            message = f"dataset {self.name!r}: another process is making a version of it"
            raise InUseError(message, "wait until it is done, and run this again") from None
        except OSError as error:
            raise _no_room(self._home, error) from error
        try:
            self._home.mkdir(mode=0o700, exist_ok=True)
            _sweep(self._home)
            self._folder = self._home / f".partial-{os.getpid()}-{secrets.token_hex(4)}"
            self._folder.mkdir(mode=0o700)
            self._stream = (self._folder / "rows.jsonl").open("wb")
            self._decisions = (self._folder / "decisions.jsonl").open("wb")
        except OSError as error:
            self._lock.release()
            raise _no_room(self._home, error) from error
        return self

    def __exit__(self, *_: object) -> None:
        for stream in (self._stream, self._decisions):
            with suppress(OSError):  # a full disk was reported where the writing failed
                stream.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        with suppress(OSError):  # a dataset without any version is no dataset
            self._home.rmdir()
        self._lock.release()

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
        try:
            self._decisions.write(dumps(decision) + b"\n")
        except OSError as error:
            raise _no_room(self._home, error) from error

    def commit(
        self,
        operation: Mapping[str, Any],
        *,
        parent: Version | None = None,
        sources: list[dict[str, Any]] | None = None,
        notes: Mapping[str, Any] | None = None,
        inherit: bool = True,
    ) -> Version:
        """Make the version visible; one with the very same rows is returned instead where there is one.

        ``inherit`` takes over the parent's sources, personal data counts and notes, as its rows were.

        Raises:
            InputError: it has no rows.
            ResourceError: the disk is full or the folder cannot be written.
        """
        if not self.rows:
            raise InputError(f"dataset {self.name!r}: no rows are left to keep", "leave fewer rows out")
        sha256 = self._hash.hexdigest()
        place = self._home / sha256[:_HASH]
        before = parent.manifest if parent and inherit else None
        manifest = Manifest(
            name=self.name,
            version=sha256[:_HASH],
            sha256=sha256,
            rows=self.rows,
            created=time.time(),
            parent=parent.manifest.version if parent else None,
            operation=dict(operation),
            sources=[*(before.sources if before else []), *(sources or [])],
            counts={name: dict(counts.most_common()) for name, counts in self._counts.items() if counts},
            personal=dict(Counter(before.personal if before else {}) + self.personal),
            notes={**(before.notes if before else {}), **(notes or {})},
        )
        if not (place / "manifest.json").is_file():
            try:
                self._finish(manifest)
                os.replace(self._folder, place)
                sync(self._home)
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
        sync_all(self._folder)


def _sweep(folder: Path) -> None:
    """Remove what killed processes left half written."""
    for each in folder.glob(".partial-*"):
        number = each.name.split("-")[1]
        if number.isdigit() and not psutil.pid_exists(int(number)):
            shutil.rmtree(each, ignore_errors=True)


def _no_room(folder: Path, error: OSError) -> ResourceError:
    return ResourceError(f"cannot write the dataset in {folder}: {error.strerror}", "free some space")
