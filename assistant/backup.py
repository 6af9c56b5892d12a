"""The state folder in one file, and back: everything a person made, without what can be rebuilt.

The archive is a gzipped tar that any tool opens. Its last member lists the SHA-256 of every other one, so a
truncated or changed archive is known as such before anything is put in place. It can be written while the app
runs: databases are copied by SQLite's own online backup, the main one first, so that every file it names is there.
"""

import gzip
import hashlib
import io
import json
import os
import shutil
import tarfile
import tempfile
import time
import uuid
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from assistant.datasets.writers import new_file
from assistant.errors import DamagedError, InputError, RefusedError, ResourceError
from assistant.files import copy_database
from assistant.paths import Home

FORMAT = 1
LISTING = "backup.json"
DATABASES = ".sqlite"
BLOCK = 1 << 20
# gzip's fastest: most of the bytes are weights, which hardly shrink.
EFFORT = 1


def _files(home: Home) -> Iterator[Path]:
    """Yield what is kept, the main database first."""
    yield home.database
    left_out = {home.index, home.lock, home.owner}  # a cache, and what belongs to this machine and moment
    for folder, names, files in os.walk(home.root):
        here = Path(folder)
        names[:] = sorted(name for name in names if here / name not in left_out and not name.startswith("."))
        for name in sorted(files):
            path = here / name
            logs = here == home.root and name.startswith(home.log.name)
            passing = name.startswith(".") or name.endswith((".lock", "-wal", "-shm", ".partial"))
            if not (path in left_out or path == home.database or logs or passing or path.is_symlink()):
                yield path


def write_backup(home: Home, target: Path) -> dict[str, Any]:
    """Write the archive of a state folder, whole or not at all.

    A file that is deleted meanwhile is not in it; one that is added meanwhile may be.

    Returns:
        ``path``, ``files``, ``bytes`` (of the archive) and ``seconds``.

    Raises:
        InputError: there is no state yet, or the target exists or lies inside the state folder.
        ResourceError: the disk is full or the target cannot be written.
    """
    if not home.database.is_file():
        raise InputError(f"{home.root}: nothing to back up yet", "name the state folder with --home")
    if target.exists():
        raise InputError(f"{target} is there already", "choose another name")
    if target.resolve().is_relative_to(home.root.resolve()):
        raise InputError(f"{target} lies inside the state folder", "choose a place outside it")
    started = time.monotonic()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResourceError(f"cannot write {target}: {error.strerror}", "choose another place") from error
    with new_file(target) as out, tarfile.open(fileobj=out, mode="w:gz", compresslevel=EFFORT) as archive:
        listed = {name: digest for path in _files(home) for name, digest in _add(archive, home, path)}
        about = {"format": FORMAT, "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "files": listed}
        data = json.dumps(about, ensure_ascii=False, indent=1).encode()
        archive.addfile(_member(LISTING, len(data)), io.BytesIO(data))
    seconds = round(time.monotonic() - started, 2)
    return {"path": str(target), "files": len(listed), "bytes": target.stat().st_size, "seconds": seconds}


class _Hashing:
    """A file that is hashed while the archive reads it."""

    def __init__(self, source: IO[bytes]) -> None:
        self.source, self.digest = source, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self.source.read(size)
        self.digest.update(data)
        return data


def _add(archive: tarfile.TarFile, home: Home, path: Path) -> Iterator[tuple[str, str]]:
    """Add one file and yield its name and SHA-256; nothing where it was deleted meanwhile.

    Of a file that grows meanwhile the archive takes what was there when it was opened.
    """
    name = path.relative_to(home.root).as_posix()
    with ExitStack() as opened, suppress(FileNotFoundError):
        path.stat()  # else SQLite would make an empty one
        if path.suffix == DATABASES:
            copy = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="joyul-"))) / "copy"
            copy_database(path, copy)
            path = copy
        source = _Hashing(opened.enter_context(path.open("rb")))
        about = os.fstat(source.source.fileno())
        archive.addfile(_member(name, about.st_size, int(about.st_mtime)), cast("IO[bytes]", source))
        yield name, source.digest.hexdigest()


def _member(name: str, size: int, changed: int = 0) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = size, 0o600, changed
    return member


def restore_backup(archive: Path, home: Home) -> dict[str, Any]:
    """Make a state folder of an archive, whole or not at all; search has to be rebuilt afterwards.

    Returns:
        ``home``, ``files``, and ``created``: when the archive was written.

    Raises:
        InputError: no such archive, it is none of ours, or the folder is not empty.
        RefusedError: it would write outside the folder.
        DamagedError: the archive is truncated or was changed.
        ResourceError: the disk is full or the folder cannot be written.
    """
    if not archive.is_file():
        raise InputError(f"no archive at {archive}", "name a file that `joyul backup` wrote")
    if home.root.exists() and any(not path.name.startswith(home.log.name) for path in home.root.iterdir()):
        raise InputError(f"{home.root} is not empty", "name a new folder with --home")
    staging = home.root.with_name(f".{home.root.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        staging.mkdir(mode=0o700, parents=True)
        about = _unpack(archive, staging)
        shutil.rmtree(home.root, ignore_errors=True)
        staging.rename(home.root)
    except OSError as error:
        raise ResourceError(f"cannot restore into {home.root}: {error.strerror}", "free some space") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return {"home": str(home.root), "files": len(about["files"]), "created": about["created"]}


def _unpack(archive: Path, folder: Path) -> dict[str, Any]:
    """Unpack and check an archive; return what its last member says."""
    found: dict[str, str] = {}
    about: Any = None
    try:
        with gzip.open(archive) as plain, tarfile.open(fileobj=plain, mode="r:") as opened:
            for member in opened:
                data = opened.extractfile(member) if member.isfile() else None
                if data is None or not _inside(member.name):
                    raise RefusedError(
                        f"{archive.name}: {member.name!r:.80} is no plain file of its folder", "do not use it"
                    )
                if member.name == LISTING:
                    about = json.loads(data.read())
                    continue
                path = folder / member.name
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                found[member.name] = _write(data, path)
            while plain.read(BLOCK):  # to the checksum at the very end
                pass
    except (tarfile.TarError, EOFError, ValueError, gzip.BadGzipFile, zlib.error) as error:
        raise DamagedError(f"{archive} is damaged or no backup: {error}", "take another backup") from error
    if not isinstance(about, dict) or about.get("format") != FORMAT or about.get("files") != found:
        raise DamagedError(f"{archive} is not whole: its files are not those it lists", "take another backup")
    return about


def _write(source: Any, path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("xb") as out:
        while block := source.read(BLOCK):
            digest.update(block)
            out.write(block)
    path.chmod(0o600)
    return digest.hexdigest()


def _inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and "\\" not in name and ":" not in name
