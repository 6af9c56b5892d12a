"""From paths to documents ready to be written: walking, reading, cutting; nothing is stored here."""

import hashlib
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from assistant.errors import InputError
from assistant.records import new_id
from assistant.retrieval.loaders import checked_name, load, media_of
from assistant.retrieval.registry import Chunk, Record
from assistant.retrieval.splitting import split
from assistant.schema import language_of


@dataclass(frozen=True, slots=True)
class Failure:
    """A file that could not be added, and why (with what to do)."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Source:
    """A file on its way in: ``name`` is what the collection will call it."""

    path: Path
    name: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document that was read and cut; ``former`` is the row it replaces."""

    record: Record
    chunks: list[Chunk]
    data: bytes
    former: Record | None


@dataclass
class Walk:
    """What :func:`walk` found; ``whole`` are folders that could be read to the end."""

    sources: list[Source] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)
    whole: list[Path] = field(default_factory=list)


def walk(paths: Sequence[Path]) -> Walk:
    """Return every file that the paths stand for; a file in a folder is named by its path in it.

    Hidden files are left out, links are not followed. Of two files with one name the first counts.
    """
    found = Walk()
    names: dict[str, Path] = {}
    for path in paths:
        path = Path(path).expanduser().absolute()
        if path.is_dir():
            pairs: Iterable[tuple[Path, str]] = _inside(path, found)
        elif path.is_file():
            pairs = [(path, path.name)]
        else:
            found.failed.append(Failure(str(path), "no such file or folder; check the path"))
            continue
        for file, name in pairs:
            try:
                if file.is_symlink() and not path.is_file():
                    raise InputError("is a link", "add the file it points to")
                name = checked_name(name)
                media_of(name)
            except InputError as error:
                found.failed.append(Failure(str(file), explain(error)))
                continue
            if names.setdefault(name, file) == file:
                found.sources.append(Source(file, name))
            else:
                found.failed.append(Failure(str(file), f"has the same name as {names[name]}; rename one of the two"))
    return found


def _inside(folder: Path, found: Walk) -> Iterator[tuple[Path, str]]:
    broken: list[OSError] = []
    for place, folders, files in os.walk(folder, onerror=broken.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith("."):
                file = Path(place) / name
                yield file, file.relative_to(folder).as_posix()
    for error in broken:
        found.failed.append(Failure(str(error.filename), f"cannot be read: {error.strerror}"))
    if not broken:
        found.whole.append(folder)


def read_bytes(path: Path, megabytes: int) -> bytes:
    """Return a file's bytes.

    Raises:
        InputError: it is larger than allowed, or cannot be read.
    """
    try:
        size = path.stat().st_size
        if size > megabytes * 1_000_000:
            raise InputError(
                f"is {size / 1e6:.0f} MB; at most {megabytes} MB", "split it, or raise retrieval.file_megabytes"
            )
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", "check the file's rights") from error


def new_record(source: Source, collection: str, data: bytes, former: Record | None) -> Record:
    """Return the row of a file's content, not yet read; a former version keeps its id."""
    return Record(
        id=former.id if former else new_id(),
        collection=collection,
        name=source.name,
        source=str(source.path),
        sha256=hashlib.sha256(data).hexdigest(),
        media=media_of(source.name),
        bytes=len(data),
        language="en",
        status="failed",
        reason="",
        passages=0,
        added=time.time(),
    )


def cut(data: bytes, media: str, chunking: dict[str, int]) -> tuple[list[Chunk], str]:
    """Return a document's chunks and its language.

    Raises:
        InputError: the document cannot be read.
    """
    loaded = load(data, media)
    chunks = split(loaded.text, media, chunking["characters"], chunking["overlap"])
    return chunks, language_of(loaded.text[:20_000])


def explain(error: InputError) -> str:
    """Return an error as one reason: what is wrong; what to do."""
    return f"{error.message}; {error.hint}" if error.hint else error.message
