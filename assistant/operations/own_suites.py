"""The evaluation set that belongs to a tuning of one's own: its held-out rows, or the questions that were kept."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from assistant.adapters import Adapter, get_adapter
from assistant.collect import ITEMS
from assistant.errors import InputError, JoyulError, ResourceError
from assistant.files import write_whole
from assistant.progress import Cancelled, Progress

if TYPE_CHECKING:
    from assistant.datasets.rows import Row
    from assistant.datasets.store import Version
    from assistant.services import Services

SHORTEST_ANSWER = 48  # tokens
_HEAD = "# Made for the adapter {name}. Run it with: joyul eval run {suite}\n"


def suite_for(services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled) -> dict[str, Any]:
    """Return the ``suite`` that asks ``adapter``, its ``path`` and ``items``; where none does, one is ``made``.

    It asks the test rows of the dataset version that the adapter was trained on; where that has none, the
    questions kept on the Compare page. Beside the adapter it asks the untuned ways that the data allow.

    Raises:
        InputError: no such adapter, or there is no question to ask.
        ResourceError: the suite cannot be written.
    """
    adapter = get_adapter(services.home, str(params["adapter"]))
    name = adapter.manifest.name
    if found := _asking(services, name):
        return {"suite": found.stem, "path": str(found), "made": False}
    folder = services.home.root / "suites"
    stem = name if not (folder / f"{name}.yaml").exists() else f"{name}.own"
    version = _version(services, adapter)
    items = list(_items(version)) if version else []
    longest = max((len(item["reference"][0]) for item in items), default=0)
    if items:
        _write(folder / f"{stem}.jsonl", "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items))
    elif not _has_lines(services.home.root / ITEMS):
        hint = "hold out test questions on the Data page (`joyul data split`) and tune again, or keep some in Compare"
        raise InputError(f"no questions to measure {name!r} with", hint)
    document: dict[str, Any] = {
        "suite": stem,
        "kind": "qa",
        "items": f"{stem}.jsonl" if items else Path(ITEMS).name,
        # A character is a token at most, so no reference is cut.
        "sampling": {"max_tokens": min(max(SHORTEST_ANSWER, longest), services.settings.engine.max_tokens)},
    }
    train = _examples(services, version)
    if train is not None:
        document["examples"] = os.path.relpath(train, folder)
    document["variants"] = _variants(services, name, few_shot=train is not None)
    text = _HEAD.format(name=name, suite=stem) + yaml.safe_dump(document, allow_unicode=True, sort_keys=False)
    _write(folder / f"{stem}.yaml", text)
    return {"suite": stem, "path": str(folder / f"{stem}.yaml"), "made": True}


def _asking(services: "Services", name: str) -> Path | None:
    """Return the first suite that asks an adapter."""
    from eval.suite import load_suite

    for path in services.suites():
        try:
            suite = load_suite(path)
        except JoyulError:
            continue
        asked = {spec.adapter for spec in suite.variants} | set(suite.uses.values())
        asked |= {adapter for several in suite.replicates.values() for adapter in several}
        if name in asked:  # a variant's own name says nothing: many suites have one called "tuned"
            return path
    return None


def _version(services: "Services", adapter: Adapter) -> "Version | None":
    """Return the dataset version that an adapter was trained on, if it is one of ours and still there."""
    from assistant.datasets.store import DatasetStore

    if not adapter.manifest.dataset:
        return None
    try:
        return DatasetStore(services.home.datasets).get(adapter.manifest.dataset)
    except JoyulError:
        return None


def _items(version: "Version") -> Iterator[dict[str, Any]]:
    """Yield the test rows of a version as evaluation items; of two with one question the first."""
    from assistant.datasets.rows import answer_of, language_in, question_of

    asked: set[str] = set()
    for row in version.rows():
        question, answer = question_of(row).strip(), answer_of(row).strip()
        if row.get("split") != "test" or not (question and answer) or "label" in row or row.get("tie"):
            continue
        history = _history(row)
        if (key := json.dumps([question, history])) not in asked:
            asked.add(key)
            item = {"question": question, "reference": [answer], "language": language_in(row), "id": row["id"]}
            yield item | {"group": str(row.get("group") or row["id"])} | ({"history": history} if history else {})


def _history(row: "Row") -> list[Mapping[str, str]]:
    turns = row.get("history") or ()
    return [turn for turn in turns if turn.get("role") in ("user", "assistant") and isinstance(turn["content"], str)]


def _examples(services: "Services", version: "Version | None") -> Path | None:
    """Return the rows that taught where they can be shown as examples."""
    from assistant.operations.data_recipes import parts_folder
    from eval.items import read_examples

    file = parts_folder(services.home, version) / "train.jsonl" if version else None
    try:
        return file if file is not None and file.is_file() and read_examples(file) else None
    except JoyulError:
        return None  # pairs or labels: nothing to show


def _variants(services: "Services", name: str, few_shot: bool) -> dict[str, Any]:
    from assistant.prompts import load_prompt

    spec = services.variants.spec(name)
    searches = load_prompt(spec.recipe).needs == "passages"
    found: dict[str, Any] = {"zero-shot": None} | ({"few-shot": None} if few_shot else {})
    if services.library.documents():
        found["rag"] = None
    own: dict[str, Any] = {"adapter": name, "recipe": spec.recipe} | ({"k": spec.k} if searches else {})
    if spec.system:
        own["system"] = spec.system if isinstance(spec.system, str) else dict(spec.system)
    return found | {"rag-tuned" if searches else "tuned": own}


def _has_lines(file: Path) -> bool:
    return file.is_file() and bool(file.read_text(encoding="utf-8").strip())


def _write(file: Path, text: str) -> None:
    try:
        write_whole(file, [text])
    except OSError as error:
        raise ResourceError(f"cannot write {file}: {error.strerror}", "free some space and try again") from error
