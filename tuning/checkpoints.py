"""Checkpoints of a run: complete or invisible.

A checkpoint counts once its marker is there: the last file written, with a hash of every other one.
So a killed run never resumes from half a checkpoint, and nothing is loaded that this run did not write.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assistant.files import sync, write_whole

MARKER = "complete.json"
KEPT = 2


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A complete checkpoint; ``facts`` is what the run noted with it (tokens and seconds so far)."""

    path: Path
    step: int
    facts: Mapping[str, Any] = field(default_factory=dict)


def complete(path: Path, facts: Mapping[str, Any]) -> None:
    """Declare a checkpoint folder complete: flush its files to disk, then write the marker by one rename."""
    files = _files(path)
    for file in files:
        sync(file)
    hashes = {str(file.relative_to(path)): _hash(file) for file in files}
    write_whole(path / MARKER, [json.dumps({"files": hashes, "facts": dict(facts)})])


def newest(folder: Path) -> Checkpoint | None:
    """Return the newest checkpoint that is complete and undamaged."""
    for step, path in sorted(_numbered(folder), reverse=True):
        try:
            marker = json.loads((path / MARKER).read_text("utf-8"))
        except (OSError, ValueError):
            continue
        there = {str(file.relative_to(path)): _hash(file) for file in _files(path)}
        if there == marker["files"]:
            return Checkpoint(path, step, marker["facts"])
    return None


def prune(folder: Path, keep: int = KEPT) -> None:
    """Remove all but the newest complete checkpoints, and what never became one."""
    found = sorted(_numbered(folder), reverse=True)
    whole = [path for _, path in found if (path / MARKER).is_file()]
    for _, path in found:
        if path not in whole[:keep]:
            # Without its marker first, so that a kill in between leaves nothing that looks complete.
            (path / MARKER).unlink(missing_ok=True)
            shutil.rmtree(path, ignore_errors=True)


def _numbered(folder: Path) -> Iterator[tuple[int, Path]]:
    for path in folder.glob("checkpoint-*"):
        number = path.name.rpartition("-")[2]
        if path.is_dir() and number.isdigit():
            yield int(number), path


def _files(path: Path) -> list[Path]:
    marks = (MARKER, f".{MARKER}")  # a temporary one of a killed run too
    return sorted(file for file in path.rglob("*") if file.is_file() and not file.name.startswith(marks))


def _hash(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
