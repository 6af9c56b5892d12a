"""A dataset version as a recipe that tunes on it: the rows that teach, never those held out for a test."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.errors import InputError, ResourceError
from assistant.files import write_whole
from assistant.progress import Cancelled, Progress

if TYPE_CHECKING:
    from assistant.datasets.rows import Row
    from assistant.datasets.store import Version
    from assistant.paths import Home
    from assistant.services import Services

METHODS = {"supervised": "lora", "preference": "dpo", "unpaired": "kto"}
_TEST = "test"


def recipe(services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled) -> dict[str, Any]:
    """Write a recipe that tunes on the version ``dataset``; return its ``path`` and ``source`` key, method and rows.

    Answers are learned from where there are some, else pairs, else labels; ``kind`` names another one of
    these. Where the version is split, its ``train`` rows teach and its ``validation`` rows watch.

    Raises:
        InputError: no such version, or no row of it can teach.
        ResourceError: the recipe cannot be written.
    """
    from assistant.datasets.store import DatasetStore
    from assistant.operations.tuning_sources import OWN_KIND, document_of, to_yaml

    version = DatasetStore(services.home.datasets).get(str(params["dataset"]))
    kinds = version.manifest.counts.get("kind", {})
    kind = str(params.get("kind") or next((each for each in METHODS if kinds.get(each)), ""))
    parts = parts_folder(services.home, version)
    document = document_of(services, f"dataset:{version.manifest.ref}")
    data, validation, rows = _data(version, kind, parts)
    document |= {"data": str(data), "method": METHODS[kind]}
    if validation is not None:
        document["validation"] = str(validation)
    if kind != "supervised":  # another objective: other rates, and plain rows have nothing to say to it
        document = {key: value for key, value in document.items() if key not in ("replay", "learning_rate")}
    file = parts.with_name(f"{parts.name}.yaml")
    _write(file, [to_yaml(document)])
    found = {"path": str(file), "source": f"{OWN_KIND}:{parts.name}", "method": METHODS[kind], "rows": rows}
    return found | {"recipe": document}


def parts_folder(home: "Home", version: "Version") -> Path:
    """Return where the rows of a version lie that one method learns from, beside a copy of its manifest and cards."""
    from assistant.operations.tuning_sources import OWN

    return home.root / OWN / f"{version.manifest.name}-{version.manifest.version[:8]}"


def _data(version: "Version", kind: str, folder: Path) -> tuple[Path, Path | None, int]:
    """Return the files of rows that teach and that watch, and how many teach: the version's own where all do."""
    counts = version.manifest.counts
    if kind == "supervised" and set(counts.get("kind", {})) == {kind} and "split" not in counts:
        return version.rows_file, None, version.manifest.rows
    parts: dict[str, list[bytes]] = {"train": [], "validation": []}
    for part, row in _teaching(version, kind):
        parts[part].append(_line(row))
    if not parts["train"]:
        hint = "accept or import rows with answers, pairs or labels; rows of the test part never teach"
        raise InputError(f"dataset {version.manifest.ref}: no row of it can teach", hint)
    files = {part: folder / f"{part}.jsonl" for part in parts}
    for part, lines in parts.items():
        if lines:
            _write(files[part], (line.decode() for line in lines))
    for name in ("manifest.json", "card.en.md", "card.ko.md"):  # so that an adapter knows which version taught it
        _write(folder / name, [(version.folder / name).read_text(encoding="utf-8")])
    return files["train"], files["validation"] if parts["validation"] else None, len(parts["train"])


def _teaching(version: "Version", kind: str) -> "Iterator[tuple[str, Row]]":
    from assistant.datasets.rows import kind_of

    for row in version.rows():
        part = str(row.get("split") or "train")
        if kind_of(row) != kind or row.get("tie") or part == _TEST:
            continue
        if kind == "unpaired":  # tuning calls what it judges the answer
            row = {"answer" if key == "completion" else key: value for key, value in row.items()}
        yield ("validation" if part == "validation" else "train"), row


def _line(row: "Row") -> bytes:
    from assistant.datasets.strict_json import dumps

    return dumps(row) + b"\n"


def _write(file: Path, pieces: Any) -> None:
    try:
        write_whole(file, pieces)
    except OSError as error:
        raise ResourceError(f"cannot write {file}: {error.strerror}", "free some space and try again") from error
