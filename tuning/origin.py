"""Where a run's data and base come from: the dataset's version and its card, and the licences that are stated.

Nothing is guessed: a licence is what a card says, and empty where no card says one.
"""

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from assistant.shelf import DATA_CARDS

_FRONT = re.compile(r"\A---\n(.*?)\n---\s*$", re.DOTALL | re.MULTILINE)
_LONGEST = 100


def stated_licence(folder: Path) -> str:
    """Return the licence that the README of a folder states in its front matter, else ""."""
    card = folder / "README.md"
    text = card.read_text("utf-8", errors="replace") if card.is_file() else ""
    if front := _FRONT.match(text.replace("\r\n", "\n")):
        try:
            said = yaml.safe_load(front[1])
        except yaml.YAMLError:
            said = None
        found = said.get("license") or said.get("licence") if isinstance(said, dict) else None
        if found:
            return ", ".join(map(str, found if isinstance(found, list) else [found]))[:_LONGEST]
    return ""


def origin_of(data: Path) -> tuple[str, str]:
    """Return ``name@version`` of a data file that is a dataset's version, else "", and its licences."""
    try:
        manifest = json.loads((data.parent / "manifest.json").read_text("utf-8"))
        sources: list[Mapping[str, Any]] = manifest["sources"]
        stated = [str(source.get("licence") or "") for source in sources]
        # One source that states none leaves the whole without one.
        licences = ", ".join(dict.fromkeys(stated)) if all(stated) else ""
        return f"{manifest['name']}@{manifest['version']}", licences
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return "", stated_licence(data.parent)


def keep_cards(data: Path, folder: Path) -> None:
    """Copy the cards of the dataset's version that ``data`` lies in, see :data:`assistant.shelf.DATA_CARDS`."""
    for name in DATA_CARDS:
        card = data.parent / name.replace("data", "card")
        if card.is_file():
            shutil.copyfile(card, folder / name)
