"""Variants in YAML: read strictly, with the nearest key named where one is misspelt."""

import json
from collections.abc import Mapping
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from assistant.adapters import MANIFEST, Adapter
from assistant.errors import UsageError
from assistant.lazy import nearest
from assistant.prompts import prompt_names
from assistant.schema import Sampling, Shot, Variant, language_of

_KEYS = {field.name for field in fields(Variant)} - {"name"}
_SAMPLING = {field.name for field in fields(Sampling)}
_MOST = 2**31 - 1


def read_variants(file: Path) -> dict[str, Variant]:
    """Read the ``variants:`` mapping of a YAML file.

    Raises:
        UsageError: the file is not YAML, or a key or value is wrong; names file, variant and key.
    """
    try:
        content = _parsed(file.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: not readable as YAML: {str(error).splitlines()[0]}") from error
    return parse_variants(content.get("variants", {}) if isinstance(content, dict) else {}, file)


@lru_cache(maxsize=8)
def _parsed(text: str) -> Any:
    """Return YAML as values; every message reads the variants, and parsing takes some milliseconds."""
    return yaml.safe_load(text)


def as_trained(adapter: Adapter) -> Variant:
    """Return how an adapter answers by itself: with the prompt, instruction and passages that it was trained with.

    Raises:
        UsageError: its manifest says something that no variant can be.
    """
    name, manifest = adapter.manifest.name, adapter.manifest
    run = manifest.params.get("run") or {}
    entry = {"adapter": name, "recipe": manifest.recipe if manifest.recipe in prompt_names() else "zero_shot"}
    entry |= {key: value for key, value in (run.get("retrieval") or {}).items() if key in ("collection", "k")}
    entry |= {"system": run["system"]} if run.get("system") else {}
    return parse_variants({name: entry}, adapter.path / MANIFEST)[name]


def parse_variants(entries: Any, file: Path) -> dict[str, Variant]:
    """Turn ``{name: {recipe: ..., adapter: ..., shots: FILE or list}}`` into specifications.

    ``shots`` may be a list of ``{question, answer}`` or a JSONL file relative to ``file``.

    Raises:
        UsageError: a key or value is wrong; names file, variant and key.
    """
    if not isinstance(entries, dict):
        raise UsageError(f"{file}: 'variants' must map names to settings")
    return {str(name): _variant(str(name), entry or {}, file) for name, entry in entries.items()}


def _variant(name: str, entry: Any, file: Path) -> Variant:
    where = f"{file}: variants.{name}"
    if not isinstance(entry, dict):
        raise UsageError(f"{where}: expected keys and values")
    _refuse_unknown(entry, _KEYS, where)
    values = dict(entry)
    if "shots" in values:
        values["shots"] = _shots(values["shots"], file, where)
    if "sampling" in values:
        values["sampling"] = _sampling(values["sampling"], where)
    if "system" in values:
        values["system"] = _system(values["system"], where)
    if values.get("adapter", "") is None:
        del values["adapter"]
    for key, kind in (("model", str), ("adapter", str), ("recipe", str), ("collection", str), ("k", int)):
        if key in values and (not isinstance(values[key], kind) or isinstance(values[key], bool)):
            raise UsageError(f"{where}.{key}: expected {kind.__name__}, got {values[key]!r:.80}")
    if values.get("k", 1) < 1:
        raise UsageError(f"{where}.k: expected at least 1 passage, got {values['k']}")
    return Variant(name, **values)


def _refuse_unknown(entry: Mapping[Any, Any], known: set[str], where: str) -> None:
    for key in entry:
        if key not in known:
            raise UsageError(f"{where}: unknown key {key!r}", nearest(str(key), known))


def _sampling(entry: Any, where: str) -> Sampling:
    if not isinstance(entry, dict):
        raise UsageError(f"{where}.sampling: expected keys and values")
    _refuse_unknown(entry, _SAMPLING, f"{where}.sampling")
    values = dict(entry)
    stop = values.pop("stop", ())
    stops = (stop,) if isinstance(stop, str) else stop
    if not isinstance(stops, list | tuple) or not all(isinstance(each, str) for each in stops):
        raise UsageError(f"{where}.sampling.stop: expected a text or a list of texts, got {stop!r:.80}")
    for key, value in values.items():
        whole = key in ("max_tokens", "seed")
        kind = int if whole else int | float
        if isinstance(value, bool) or not isinstance(value, kind) or not 0 <= value <= _MOST:
            wanted = "a whole number" if whole else "a number"
            raise UsageError(f"{where}.sampling.{key}: expected {wanted} of at least 0, got {value!r:.80}")
    values["stop"] = tuple(stops)
    return Sampling(**values)


def _system(entry: Any, where: str) -> tuple[tuple[str, str], ...] | str:
    if isinstance(entry, str):
        return entry
    if isinstance(entry, dict) and set(entry) <= {"ko", "en"} and all(isinstance(v, str) for v in entry.values()):
        return tuple(sorted(entry.items()))
    raise UsageError(f"{where}.system: expected a text, or one each under 'ko' and 'en'")


def _shots(entry: Any, file: Path, where: str) -> tuple[Shot, ...]:
    if isinstance(entry, str):
        path = file.parent / entry
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
            entry = [json.loads(line) for line in lines if line.strip()]
        except (OSError, ValueError) as error:
            raise UsageError(f"{where}.shots: cannot read {path}: {error}") from error
    try:
        return tuple(
            Shot(row["question"], row["answer"], row.get("language") or language_of(row["question"])) for row in entry
        )
    except (TypeError, KeyError, AttributeError) as error:
        raise UsageError(f"{where}.shots: each needs 'question' and 'answer'") from error
