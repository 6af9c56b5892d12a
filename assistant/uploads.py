"""Files that a program uploaded for training: kept by id, their names are only ever shown."""

import json
import os
import re
import shutil
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from assistant.errors import InputError, ResourceError
from assistant.paths import Home
from assistant.schema import normalise

CONTENT, CARD = "upload.jsonl", "card.json"
BLOCK = 1 << 20
_ID = re.compile(r"file-[0-9a-f]{24}")


@dataclass(frozen=True, slots=True)
class Upload:
    """A stored file; ``created`` is in epoch seconds, ``path`` where its bytes lie."""

    id: str
    filename: str
    purpose: str
    bytes: int
    created: int
    path: Path


def keep(home: Home, filename: str, purpose: str, source: BinaryIO) -> Upload:
    """Store a file; it is complete or not there at all.

    Raises:
        InputError: it is empty.
        ResourceError: it cannot be written.
    """
    key = f"file-{uuid.uuid4().hex[:24]}"
    partial, final = home.uploads / f".{key}", home.uploads / key
    try:
        partial.mkdir(mode=0o700, parents=True)
        with (partial / CONTENT).open("wb") as out:
            shutil.copyfileobj(source, out, BLOCK)
            out.flush()
            os.fsync(out.fileno())
            size = out.tell()
        if not size:
            raise InputError(f"the file {filename[:80]!r} is empty", "upload a JSONL file with one example a line")
        name = normalise(Path(filename.replace("\\", "/")).name)[:200] or "upload.jsonl"
        upload = Upload(key, name, purpose, size, int(time.time()), final / CONTENT)
        card = {name: value for name, value in asdict(upload).items() if name != "path"}
        (partial / CARD).write_text(json.dumps(card, ensure_ascii=False), "utf-8")
        partial.rename(final)
    except OSError as error:
        raise ResourceError(f"cannot keep the file: {error.strerror}", "free some disk space") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return upload


def get(home: Home, key: str) -> Upload:
    """Return a stored file.

    Raises:
        InputError: there is none of that id.
    """
    folder = home.uploads / key
    if not _ID.fullmatch(key) or not (folder / CARD).is_file():
        raise InputError(f"no file {key[:80]!r}", "see the list of files", missing=True)
    return Upload(**json.loads((folder / CARD).read_text("utf-8")), path=folder / CONTENT)


def every(home: Home) -> Iterator[Upload]:
    """Yield the stored files, newest first."""
    folders = [path for path in home.uploads.glob("file-*") if (path / CARD).is_file()] if home.uploads.is_dir() else []
    yield from sorted((get(home, path.name) for path in folders), key=lambda each: -each.created)


def delete(home: Home, key: str) -> None:
    """Remove a stored file; jobs keep what they read of it.

    Raises:
        InputError: there is none of that id.
    """
    shutil.rmtree(get(home, key).path.parent)
