"""Small JSON files that are complete or not there."""

import json
from pathlib import Path
from typing import Any

from assistant.errors import ResourceError
from assistant.files import write_whole


def write_json(path: Path, value: Any) -> None:
    """Write by a temporary name, fsync and rename; the folder is made.

    Raises:
        ResourceError: the disk is full or read-only.
    """
    try:
        write_whole(path, [json.dumps(value, ensure_ascii=False, indent=1)])
    except OSError as error:
        raise ResourceError(f"{path}: cannot be written: {error.strerror}", "free disk space") from error


def read_json(path: Path) -> dict[str, Any] | None:
    """Return what :func:`write_json` wrote, None where there is no such file or it holds no object."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
