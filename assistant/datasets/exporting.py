"""Versions as files of any format, or as a folder that the ``datasets`` library opens."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from assistant.datasets import FORMATS
from assistant.datasets.converting import convert
from assistant.datasets.formats.base import RowFormat
from assistant.datasets.options import ReadOptions
from assistant.datasets.rows import Row, kind_of
from assistant.datasets.store import Version
from assistant.datasets.writers import write_jsonl
from assistant.errors import InputError, ResourceError, UsageError
from assistant.lazy import load_object
from assistant.progress import Progress

_FORMS = {"supervised": "openai", "preference": "preference", "unpaired": "unpaired", "prompt": "joyul"}


def export(
    version: Version, out: Path, to: str, split: str | None = None, progress: Progress = lambda _: None
) -> dict[str, Any]:
    """Write a version, or one part of it, as a file; what the format cannot hold is kept beside it.

    Raises:
        InputError: no such part, or no row fits the format.
        UsageError: no such format.
    """
    if to == "huggingface":
        return export_folder(version, out, progress)
    version.verify()
    known = version.manifest.counts.get("split", {})
    if split is not None and split not in known:
        raise InputError(f"{version.manifest.ref} has no part {split!r}", f"parts: {', '.join(known) or 'none'}")
    with tempfile.TemporaryDirectory(prefix="joyul-") as folder:
        rows = version.rows_file
        if split is not None:
            rows = Path(folder) / "rows.jsonl"
            write_jsonl(rows, (row for row in version.rows() if row.get("split") == split))
        report = convert(rows, out, to, ReadOptions(format="joyul", encoding="utf-8"), progress=progress)
    return report | {"dataset": version.manifest.ref, "split": split}


def export_folder(version: Version, out: Path, progress: Progress = lambda _: None) -> dict[str, Any]:
    """Write a folder with a card and one JSON-lines file for each kind of row and part.

    ``datasets.load_dataset(FOLDER)`` opens it; kinds are its configurations. Pushing it anywhere is left
    to the person.

    Raises:
        UsageError: the folder exists and is not empty.
        ResourceError: it cannot be written.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{str(out)!r} is there already", "name a new folder")
    version.verify()
    parts: dict[str, dict[str, int]] = {}
    for row in version.rows():
        counts = parts.setdefault(kind_of(row), {})
        part = str(row.get("split", "train"))
        counts[part] = counts.get(part, 0) + 1
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    except OSError as error:
        raise ResourceError(
            f"cannot write in {str(out.parent)!r}: {error.strerror}", "choose another folder"
        ) from error
    try:
        for kind, counts in parts.items():
            for part in counts:
                (partial / "data").mkdir(exist_ok=True)
                write_jsonl(partial / "data" / f"{kind}-{part}.jsonl", _rows(version, kind, part))
                progress({"stage": "export", "message": f"{kind} {part}"})
        (partial / "README.md").write_text(_readme(version, parts), encoding="utf-8")
        if out.exists():
            out.rmdir()
        os.replace(partial, out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return {
        "dataset": version.manifest.ref,
        "to": "huggingface",
        "file": str(out),
        "written": version.manifest.rows,
    } | {"configs": parts}


def _rows(version: Version, kind: str, part: str) -> Iterator[Row]:
    """Yield rows in their training form; what else a row says is JSON in ``joyul``, so that columns agree."""
    form: RowFormat = load_object(FORMATS[_FORMS[kind]])
    for row in version.rows():
        if kind_of(row) != kind or str(row.get("split", "train")) != part:
            continue
        if kind == "prompt":
            yield {"question": row.get("question", ""), "joyul": json.dumps(row, ensure_ascii=False)}
            continue
        made = form.render(row)
        told = [key for key in ("prompt", "messages", "chosen", "rejected", "completion") if key in made]
        columns: Row = {key: _uniform(made[key], "user" if key == "prompt" else "assistant") for key in told}
        if "label" in made:
            columns["label"] = made["label"]
        if kind == "preference":
            columns["tie"] = bool(made.get("tie"))
        yield columns | {"joyul": json.dumps(row, ensure_ascii=False)}


def _uniform(value: Any, role: str) -> list[dict[str, str]]:
    """Return an answer or prompt as messages of role and text alone: a column has one type in every row."""
    turns = [{"role": role, "content": value}] if isinstance(value, str) else value
    return [{"role": str(turn["role"]), "content": _text(turn)} for turn in turns]


def _text(turn: dict[str, Any]) -> str:
    content = turn.get("content")
    return content if isinstance(content, str) else json.dumps(turn, ensure_ascii=False)


def _readme(version: Version, parts: dict[str, dict[str, int]]) -> str:
    manifest = version.manifest
    licences = sorted({source.get("licence") or "unknown" for source in manifest.sources})
    head = {
        "pretty_name": manifest.name,
        "language": sorted(manifest.counts.get("language", {})),
        "license": licences[0] if len(licences) == 1 else "other",
        "configs": [
            {
                "config_name": kind,
                "data_files": [{"split": part, "path": f"data/{kind}-{part}.jsonl"} for part in counts],
                **({"default": True} if index == 0 else {}),
            }
            for index, (kind, counts) in enumerate(parts.items())
        ],
    }
    front = yaml.safe_dump(head, allow_unicode=True, sort_keys=False)
    return f"---\n{front}---\n\n{version.card('en')}\n---\n\n{version.card('ko')}"
