"""Documents as they were added, one private file a version, named by generated id and content hash."""

import os
from pathlib import Path

from assistant.errors import ResourceError


class Originals:
    """The folder of originals; names come from the registry, never from a person."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, version: str) -> Path:
        """Return where a version's file is."""
        return self._folder / version

    def write(self, version: str, data: bytes) -> None:
        """Write a version whole or not at all.

        Raises:
            ResourceError: the disk is full or the folder cannot be written.
        """
        partial = self._folder / f".{version}.partial"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(self.path(version))
        except OSError as error:
            partial.unlink(missing_ok=True)
            need = f"need about {max(1, len(data) // 1_000_000)} MB in {self._folder}"
            raise ResourceError(f"cannot keep the document: {error.strerror}; {need}", "free some space") from error

    def delete(self, version: str) -> None:
        """Remove a version's file."""
        self.path(version).unlink(missing_ok=True)

    def sweep(self, versions: set[str]) -> None:
        """Remove files that no row names: what a killed process left behind."""
        if self._folder.is_dir():
            for file in self._folder.iterdir():
                if file.name not in versions:
                    file.unlink(missing_ok=True)
