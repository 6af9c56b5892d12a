"""A seal over the files that Chroma reads without checking: noise in one of them would end the whole process.

It is broken before Chroma may write and made anew afterwards, so a kill in between leaves none, and
what has no seal is taken as it is. A segment below Chroma's threshold (1,000 vectors) has files without
content, which Chroma writes again, with other left-over bytes, whenever it opens them: they are not sealed.
"""

import hashlib
import json
from pathlib import Path

from assistant.files import write_whole

FILLED = "index_metadata.pickle"  # there as soon as a segment has content on disk


def make(folder: Path, seal: Path) -> None:
    """Write down what the files of every segment under ``folder`` hold now."""
    write_whole(seal, json.dumps(_hashes(folder)))


def broken_file(folder: Path, seal: Path) -> str:
    """Return the first file that is not as it was sealed, or an empty string.

    A segment that is gone altogether is left to Chroma, which says so itself.
    """
    try:
        sealed = json.loads(seal.read_text("utf-8"))
    except (OSError, ValueError):
        return ""
    now = _hashes(folder)
    there = {name.split("/")[0] for name in now}
    return next((name for name, made in sealed.items() if name.split("/")[0] in there and now.get(name) != made), "")


def _hashes(folder: Path) -> dict[str, str]:
    found = {}
    filled = [path.parent for path in folder.glob(f"*/{FILLED}")]
    for path in sorted(path for segment in filled for path in segment.iterdir()):
        with path.open("rb") as file:
            found[path.relative_to(folder).as_posix()] = hashlib.file_digest(file, "blake2b").hexdigest()[:32]
    return found
