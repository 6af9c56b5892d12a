"""A suite file: YAML -> :class:`eval.schema.Suite`, strictly.

The smallest useful one (see also data/demo/suites)::

    suite: my-domain
    kind: qa                     # or label
    items: questions.jsonl       # question, reference, group, language a line
    documents: documents/        # what RAG searches; without it, the app's own documents
    examples: train.jsonl        # where few-shot examples come from
    primary: token_f1            # the one figure that decides
    variants:
      zero-shot:
      few-shot: {shots: 4}
      rag:
      tuned: {adapter: my-adapter}
      rag-tuned: {adapter: my-rag-adapter}

The five names above bring their usual recipe; any other name needs ``recipe:`` or ``use: NAME`` of a
variant that the app already has. Paths are relative to the suite file.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from assistant.errors import UsageError
from assistant.lazy import nearest
from assistant.schema import Shot, Variant, digest
from assistant.variant_files import parse_variants
from eval.items import pick_shots, read_examples, read_items
from eval.judge.suite import read_plan
from eval.metrics import DEFAULTS, EFFICIENCY, METRICS, metric_named
from eval.schema import TUNED, UNTUNED, Approach, Item, Kind, Suite
from eval.strict import YamlFile, read_yaml

KEYS = {
    *("suite", "title", "kind", "items", "validation", "documents", "collection", "examples", "labels"),
    *("system", "primary", "margin", "alpha", "seed", "metrics", "variants", "trials", "sampling", "judge"),
}
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
PRIMARY = {"qa": "token_f1", "label": "accuracy"}
DEFAULT_SHOTS = 3
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def load_suite(path: Path) -> Suite:
    """Read and check a suite.

    Raises:
        InputError: anything in it is wrong; names file, line, key, and the nearest known key.
    """
    path = Path(path)
    file = read_yaml(path)
    file.refuse_unknown(KEYS)
    name = _name(file)
    kind: Kind = _one_of(file, "kind", ("qa", "label"), "qa")
    items, warnings = read_items(_path(file, "items", needed=True), kind)
    validation: tuple[Item, ...] = ()
    if "validation" in file.values:
        validation, _ = read_items(_path(file, "validation"), kind)
        shared = {item.id for item in items} & {item.id for item in validation}
        if shared:
            raise file.error(("validation",), f"{len(shared)} of its questions are also items", "keep the splits apart")
    labels = _labels(file, items + validation) if kind == "label" else ()
    examples = read_examples(_path(file, "examples")) if "examples" in file.values else ()
    leaked = {shot.question for shot in examples} & {item.question for item in items if not item.history}
    if leaked:
        warnings = (*warnings, f"{len(leaked)} questions of the items are also in the examples")
    documents = str(_path(file, "documents", folder=True)) if "documents" in file.values else ""
    collection = file.take("collection", str, "")
    if not collection and (documents or (kind == "label" and examples)):
        # Solved examples are always worth showing: the name's ending switches the score floor off.
        ending = "" if documents else "-examples"
        collection = f"eval-{name}-{digest(str(path.resolve()), 6)}{ending}"
    plan, judged = read_plan(file, kind)
    primary, metrics = _metrics(file, kind, judged)
    approaches = _approaches(file)
    specs, uses = _variants(file, kind, collection, examples)
    return Suite(
        name=name,
        kind=kind,
        items=items,
        variants=specs,
        primary=primary,
        metrics=metrics,
        path=str(path),
        margin=_number(file, "margin", 0.02, 0.0, 0.5),
        alpha=_number(file, "alpha", 0.05, 0.0001, 0.5),
        seed=int(file.take("seed", int, 0)),
        labels=labels,
        validation=validation,
        documents=documents,
        examples=examples if kind == "label" and "collection" not in file.values and not documents else (),
        collection=collection,
        uses=uses,
        approaches=approaches,
        trials=_trials(file, {spec.name for spec in specs} | set(uses)),
        title=_texts(file, "title"),
        warnings=warnings,
        judge=plan,
    )


def _name(file: YamlFile) -> str:
    name: str = file.take("suite", str, needed=True)
    if not _NAME.fullmatch(name):
        raise file.error(("suite",), f"{name!r:.80} is no name", "use lower-case letters, digits, '.', '_' and '-'")
    return name


def _one_of(file: YamlFile, key: str, known: tuple[str, ...], default: str) -> Any:
    value = file.take(key, str, default)
    if value not in known:
        raise file.error((key,), f"{value!r:.80} is unknown", nearest(value, known))
    return value


def _number(file: YamlFile, key: str, default: float, low: float, high: float) -> float:
    value = float(file.take(key, (int, float), default))
    if not low <= value <= high:
        raise file.error((key,), f"{value} is outside {low}..{high}", f"it is a fraction: {default} is usual")
    return value


def _path(file: YamlFile, key: str, *, needed: bool = False, folder: bool = False) -> Path:
    path: Path = file.path.parent / file.take(key, str, "", needed=needed)
    if not (path.is_dir() if folder else path.is_file()):
        raise file.error((key,), f"no {'folder' if folder else 'file'} at {path}", "paths are relative to the suite")
    return path


def _texts(file: YamlFile, key: str) -> dict[str, str]:
    value = file.take(key, (str, dict), {})
    if isinstance(value, str):
        return {"ko": value, "en": value}
    if not (set(value) <= {"ko", "en"} and all(isinstance(each, str) for each in value.values())):
        raise file.error((key,), "expected a text, or one each under 'ko' and 'en'")
    return dict(value)


def _labels(file: YamlFile, items: tuple[Item, ...]) -> tuple[str, ...]:
    declared = file.take("labels", list, [])
    if not all(isinstance(label, str) and label for label in declared):
        raise file.error(("labels",), "expected a list of texts")
    found = tuple(dict.fromkeys(item.label for item in items))
    for item in items:
        if declared and item.label not in declared:
            raise file.error(
                ("labels",),
                f"the item on line {item.line} has the label {item.label!r:.40}, which is not declared",
                nearest(item.label, declared),
            )
    return tuple(dict.fromkeys(declared)) or tuple(sorted(found))


def _metrics(file: YamlFile, kind: Kind, judged: list[str]) -> tuple[str, tuple[str, ...]]:
    primary: str = file.take("primary", str, PRIMARY[kind])
    names: list[str] = list(file.take("metrics", list, list(DEFAULTS[kind]))) + judged
    for key, name in [("primary", primary), *(("metrics", name) for name in names)]:
        if name not in METRICS and ":" not in str(name):
            raise file.error((key,), f"unknown metric {name!r:.60}", nearest(str(name), METRICS))
        if kind not in metric_named(name).kinds:
            raise file.error((key,), f"{name!r} is no metric for kind '{kind}'", f"known: {', '.join(DEFAULTS[kind])}")
    chosen = metric_named(primary)
    if chosen.unit != "fraction" or not chosen.higher_is_better or chosen.searches:
        raise file.error(("primary",), f"{primary!r} cannot decide: it must judge answers", f"try {PRIMARY[kind]!r}")
    return primary, tuple(dict.fromkeys([primary, *names, *EFFICIENCY]))


def _trials(file: YamlFile, names: set[str]) -> dict[str, int]:
    trials = file.take("trials", dict, {})
    for name, count in trials.items():
        if name not in names:
            raise file.error(("trials", str(name)), "no such variant in this suite", nearest(str(name), names))
        if not isinstance(count, int) or isinstance(count, bool) or count < 1:
            raise file.error(("trials", name), f"expected a number of at least 1, got {count!r:.40}")
    return dict(trials)


def _approaches(file: YamlFile) -> dict[str, Approach]:
    """Take ``approach:`` out of the variants: the file's own word on who is tuned and who searches."""
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


def _variants(
    file: YamlFile, kind: Kind, collection: str, examples: tuple[Shot, ...]
) -> tuple[tuple[Variant, ...], dict[str, str]]:
    entries = file.take("variants", (dict, list), needed=True)
    if isinstance(entries, list):
        entries = {str(name): None for name in entries}
    if not entries:
        raise file.error(("variants",), "there are none", f"known: {', '.join(PRESETS[kind])}")
    uses: dict[str, str] = {}
    specs: list[Variant] = []
    for name, entry in entries.items():
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
        raise file.error(where, "needs 'adapter' (or 'model')", "joyul adapters list shows what there is")
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
