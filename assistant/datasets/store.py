"""Datasets as immutable versions: one folder each, named by the hash of its rows, complete or invisible.

::

    datasets/<name>/<version>/rows.jsonl      the rows, own form, one a line
                              manifest.json   parent, operation, sources, counts
                              decisions.jsonl what was left out, changed or found, row by row
                              card.ko.md  card.en.md

A version is written under a temporary name and renamed when everything is on disk, so kill -9 leaves the
old versions or the new one. Nothing in a version is ever changed.
"""

import json
from pathlib import Path

from assistant.datasets.drafts import Draft
from assistant.datasets.versions import Manifest, Version, check_name
from assistant.errors import InputError
from assistant.lazy import nearest
from assistant.schema import normalise

__all__ = ["DatasetStore", "Draft", "Manifest", "Version"]


class DatasetStore:
    """The datasets of one state folder; any number of processes may read and write."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> list[str]:
        """Return the names of all datasets that have a version."""
        if not self.folder.is_dir():
            return []
        return sorted(each.name for each in self.folder.iterdir() if each.is_dir() and self.versions(each.name))

    def versions(self, name: str) -> list[Version]:
        """Return a dataset's versions, oldest first; what is damaged or half written is not among them."""
        found = []
        folder = self.folder / name
        for each in folder.iterdir() if folder.is_dir() else ():
            if not each.name.startswith(".") and (each / "manifest.json").is_file():
                manifest = json.loads((each / "manifest.json").read_text(encoding="utf-8"))
                found.append(Version(each, Manifest(**manifest)))
        return sorted(found, key=lambda version: (version.manifest.created, version.manifest.version))

    def get(self, ref: str) -> Version:
        """Return ``name`` (its newest version) or ``name@version`` (the first characters are enough).

        Raises:
            InputError: no such dataset or version, or several that begin so.
        """
        name, _, wanted = normalise(ref).partition("@")
        versions = self.versions(check_name(name))
        if not versions:
            raise InputError(f"no dataset {name!r}", nearest(name, self.names()))
        found = [version for version in versions if version.manifest.version.startswith(wanted)]
        if not wanted:
            return versions[-1]
        if len(found) != 1:
            known = ", ".join(version.manifest.version for version in versions)
            none = f"dataset {name!r}: no version {wanted!r}"
            several = f"dataset {name!r}: several versions begin with {wanted!r}"
            raise InputError(several if found else none, f"versions: {known}")
        return found[0]

    def draft(self, name: str) -> "Draft":
        """Start a version; use it as a context manager and :meth:`Draft.commit` it."""
        return Draft(self.folder / check_name(name), normalise(name))
