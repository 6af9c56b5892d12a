"""The ``variants:`` of a suite file: names with their usual recipes, full specifications, several adapters."""

import re
from collections.abc import Mapping
from typing import Any

from assistant.errors import UsageError
from assistant.lazy import nearest
from assistant.schema import Shot, Variant
from assistant.variant_files import parse_variants
from eval.items import pick_shots
from eval.schema import TUNED, UNTUNED, Approach, Kind
from eval.strict import YamlFile

PRESETS: dict[str, dict[str, str]] = {
    "qa": {
        "zero-shot": "zero_shot",
        "few-shot": "few_shot",
        "rag": "grounded",
        "tuned": "zero_shot",
        "rag-tuned": "grounded",
    },
    "label": {
        "zero-shot": "classify",
        "few-shot": "classify_few_shot",
        "rag": "retrieved_examples",
        "tuned": "classify",
        "rag-tuned": "retrieved_examples",
    },
}
APPROACHES = (*UNTUNED, *TUNED)
DEFAULT_SHOTS = 3
# Any script's letters; '#' marks further adapters of a variant (see eval.replicates).
_NAME = re.compile(r"\w[\w.+() -]{0,63}")


def read_approaches(file: YamlFile) -> dict[str, Approach]:
    """Take ``approach:`` out of the variants: the file's own word on who is tuned and who searches.

    Raises:
        InputError: it is none of the four.
    """
    found: dict[str, Approach] = {}
    variants = file.values.get("variants")
    for name, entry in variants.items() if isinstance(variants, dict) else ():
        if isinstance(entry, dict) and "approach" in entry:
            approach = entry.pop("approach")
            if approach not in APPROACHES:
                where = ("variants", str(name), "approach")
                raise file.error(where, f"{approach!r:.40} is unknown", nearest(str(approach), APPROACHES))
            found[str(name)] = approach
    return found


def approach_of(spec: Variant, declared: Mapping[str, Approach]) -> Approach:
    """Return a variant's approach: as declared, else by its adapter and whether its recipe searches.

    A whole model in the place of an adapter (``model:``) counts as tuned under the names ``tuned``
    and ``rag-tuned``; under any other name the suite must say so.
    """
    from assistant.prompts import load_prompt

    if spec.name in declared:
        return declared[spec.name]
    searches = load_prompt(spec.recipe).needs == "passages"
    tuned = spec.adapter is not None or (spec.name in ("tuned", "rag-tuned") and spec.model != "default")
    return ("rag+tune" if searches else "tune") if tuned else ("rag" if searches else "prompt")


def read_replicates(file: YamlFile) -> dict[str, tuple[str, ...]]:
    """Put the first of ``adapters:`` in the place of ``adapter:``; return them all where there are several.

    Raises:
        InputError: it is no list of different names, or ``adapter`` stands beside it.
    """
    found: dict[str, tuple[str, ...]] = {}
    variants = file.values.get("variants")
    for name, entry in variants.items() if isinstance(variants, dict) else ():
        if not isinstance(entry, dict) or "adapters" not in entry:
            continue
        where, adapters = ("variants", str(name), "adapters"), entry.pop("adapters")
        if "adapter" in entry:
            raise file.error(where, "stands instead of 'adapter', not beside it", "name all adapters in one list")
        if not isinstance(adapters, list) or not adapters or not all(isinstance(each, str) for each in adapters):
            raise file.error(where, f"expected a list of adapter names, got {adapters!r:.60}")
        if len(set(adapters)) < len(adapters):
            raise file.error(where, "names an adapter twice", "each is one training seed of the same recipe")
        entry["adapter"] = adapters[0]
        if len(adapters) > 1:
            found[str(name)] = tuple(adapters)
    return found


def read_variants(
    file: YamlFile, kind: Kind, collection: str, examples: tuple[Shot, ...]
) -> tuple[tuple[Variant, ...], dict[str, str]]:
    """Return every variant's specification, and for those of the app under which name it knows them.

    Raises:
        InputError: anything in them is wrong; names file, line and key.
    """
    entries = file.take("variants", (dict, list), needed=True)
    if isinstance(entries, list):
        entries = {str(name): None for name in entries}
    if not entries:
        raise file.error(("variants",), "there are none", f"known: {', '.join(PRESETS[kind])}")
    uses: dict[str, str] = {}
    specs: list[Variant] = []
    for name, entry in entries.items():
        if not _NAME.fullmatch(str(name)):
            raise file.error(
                ("variants", str(name)), f"{str(name)!r:.80} is no name", "use letters, digits, '.', '_', '-'"
            )
        entry = {} if entry is None else entry
        if not isinstance(entry, dict):
            raise file.error(("variants", str(name)), f"expected keys and values, got {entry!r:.60}")
        if "use" in entry:
            if len(entry) > 1 or not isinstance(entry["use"], str):
                raise file.error(("variants", str(name), "use"), "stands alone and names a variant of the app")
            uses[str(name)] = entry["use"]
            specs.append(Variant(str(name)))
            continue
        specs.append(_variant(file, str(name), dict(entry), kind, collection, examples))
    return tuple(specs), uses


def _variant(
    file: YamlFile, name: str, entry: dict[str, Any], kind: Kind, collection: str, examples: tuple[Shot, ...]
) -> Variant:
    where = ("variants", name)
    preset = PRESETS[kind].get(name)
    if "recipe" not in entry and preset is None:
        hint = f"names with a recipe of their own: {', '.join(PRESETS[kind])}"
        raise file.error(where, "needs 'recipe' or 'use'", hint)
    entry.setdefault("recipe", preset)
    if preset and "tuned" in name and not ("adapter" in entry or "model" in entry):
        raise file.error(
            where, "needs 'adapter' (or 'adapters', or 'model')", "joyul adapters list shows what there is"
        )
    for key in ("system", "sampling"):
        if key in file.values:
            entry.setdefault(key, file.values[key])
    entry.setdefault("collection", collection or "documents")
    if "shots" not in entry and "few-shot" in name and examples:
        entry["shots"] = DEFAULT_SHOTS
    if isinstance(entry.get("shots"), int):
        if not examples:
            raise file.error((*where, "shots"), "a number of shots needs 'examples: FILE.jsonl' in the suite")
        entry["shots"] = [
            {"question": shot.question, "answer": shot.answer, "language": shot.language}
            for shot in pick_shots(examples, entry["shots"])
        ]
    try:
        spec = parse_variants({name: entry}, file.path)[name]
        from assistant.prompts import load_prompt

        needs = load_prompt(spec.recipe).needs
    except UsageError as error:
        problem = error.message.removeprefix(f"{file.path}: ")
        raise file.error(where, problem.removeprefix(f"variants.{name}: "), error.hint) from None
    if needs == "shots" and not spec.shots:
        raise file.error(where, "its recipe shows examples, but there are none", "add 'shots: 3' and 'examples: FILE'")
    return spec
