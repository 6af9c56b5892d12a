"""Files that are whole or not there: the one way in which small state is written."""

import os
import sqlite3
import uuid
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path


def write_whole(path: Path, pieces: Iterable[str]) -> None:
    """Write a text file by temporary name, fsync and rename; its folder is made, private to this user.

    Raises:
        OSError: it cannot be written; the file is as it was, and no temporary one stays.
    """
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with partial.open("w", encoding="utf-8") as out:
            out.writelines(pieces)
            out.flush()
            os.fsync(out.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Have a file's bytes on disk before anything that relies on them is written."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_all(folder: Path) -> None:
    """Have a folder on disk: each of its files, then their names."""
    for path in (*folder.iterdir(), folder):
        sync(path)


def copy_database(source: Path, target: Path) -> None:
    """Copy an SQLite file as it is at one moment, also while others write to it; for this user alone."""
    with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(target)) as copy:
        live.backup(copy)
    target.chmod(0o600)
