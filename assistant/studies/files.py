"""Small JSON files that are complete or not there."""

import json
import os
import uuid
from pathlib import Path
from typing import Any

from assistant.errors import ResourceError


def write_json(path: Path, value: Any) -> None:
    """Write by a temporary name, fsync and rename; the folder is made.

    Raises:
        ResourceError: the disk is full or read-only.
    """
    partial = path.parent / f".{path.name}.{uuid.uuid4().hex[:8]}.partial"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with partial.open("w", encoding="utf-8") as stream:
            json.dump(value, stream, ensure_ascii=False, indent=1)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise ResourceError(f"{path}: cannot be written: {error.strerror}", "free disk space") from error


def read_json(path: Path) -> dict[str, Any] | None:
    """Return what :func:`write_json` wrote, None where there is no such file or it holds no object."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
