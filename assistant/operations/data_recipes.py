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
    from assistant.operations.tuning_sources import OWN, OWN_KIND, document_of, to_yaml

    version = DatasetStore(services.home.datasets).get(str(params["dataset"]))
    kinds = version.manifest.counts.get("kind", {})
    kind = str(params.get("kind") or next((each for each in METHODS if kinds.get(each)), ""))
    folder = services.home.root / OWN
    stem = f"{version.manifest.name}-{version.manifest.version[:8]}"
    document = document_of(services, f"dataset:{version.manifest.ref}")
    data, validation, rows = _data(version, kind, folder / stem)
    document |= {"data": str(data), "method": METHODS[kind]}
    if validation is not None:
        document["validation"] = str(validation)
    if kind != "supervised":  # another objective: other rates, and plain rows have nothing to say to it
        document = {key: value for key, value in document.items() if key not in ("replay", "learning_rate")}
    file = folder / f"{stem}.yaml"
    _write(file, [to_yaml(document)])
    found = {"path": str(file), "source": f"{OWN_KIND}:{stem}", "method": METHODS[kind], "rows": rows}
    return found | {"recipe": document}


def _data(version: "Version", kind: str, stem: Path) -> tuple[Path, Path | None, int]:
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
    files = {
        "train": stem.with_name(f"{stem.name}.jsonl"),
        "validation": stem.with_name(f"{stem.name}.validation.jsonl"),
    }
    for part, lines in parts.items():
        if lines:
            _write(files[part], (line.decode() for line in lines))
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
