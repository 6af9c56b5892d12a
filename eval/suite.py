"""A suite file: YAML -> :class:`eval.schema.Suite`, strictly.

The smallest useful one (see also data/demo/suites)::

    suite: my-domain
    kind: qa                     # or label
    items: questions.jsonl       # question, reference, group, language a line
    documents: documents/        # what RAG searches; without it, the app's own documents
    examples: train.jsonl        # where few-shot examples come from
    training: train.jsonl        # what adapters were trained on; items found in it are marked
    primary: token_f1            # the one figure that decides
    variants:
      zero-shot:
      few-shot: {shots: 4}
      rag:
      tuned: {adapters: [mine-1, mine-2, mine-3]}   # one recipe, three training seeds; or adapter: mine
      rag-tuned: {adapter: my-rag-adapter}

The five names above bring their usual recipe; any other name needs ``recipe:`` or ``use: NAME`` of a
variant that the app already has. Paths are relative to the suite file.
"""

import re
from pathlib import Path
from typing import Any

from assistant.lazy import nearest
from assistant.schema import Shot, digest
from eval.items import read_examples, read_items
from eval.judge.suite import read_plan
from eval.leaks import find_leaks, near_copies, training_wordings, wording
from eval.metrics import DEFAULTS, EFFICIENCY, METRICS, metric_named
from eval.schema import Item, Kind, Suite
from eval.strict import YamlFile, read_yaml
from eval.suite_variants import approach_of, read_approaches, read_replicates, read_variants

__all__ = ["approach_of", "load_suite"]

KEYS = {
    *("suite", "title", "kind", "items", "validation", "documents", "collection", "examples", "labels"),
    *("system", "primary", "margin", "alpha", "seed", "metrics", "variants", "trials", "sampling", "judge"),
    *("training", "training_seeds"),
}
PRIMARY = {"qa": "token_f1", "label": "accuracy"}
SHOWN = 5
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
    leaks, told = _leaks(file, items, examples)
    warnings = (*warnings, *told)
    documents = str(_path(file, "documents", folder=True)) if "documents" in file.values else ""
    collection = file.take("collection", str, "")
    if not collection and (documents or (kind == "label" and examples)):
        # Solved examples are always worth showing: the name's ending switches the score floor off.
        ending = "" if documents else "-examples"
        collection = f"eval-{name}-{digest(str(path.resolve()), 6)}{ending}"
    plan, judged = read_plan(file, kind)
    primary, metrics = _metrics(file, kind, judged)
    approaches, replicates = read_approaches(file), read_replicates(file)
    specs, uses = read_variants(file, kind, collection, examples)
    return Suite(
        name=name,
        kind=kind,
        items=items,
        variants=specs,
        primary=primary,
        metrics=metrics,
        path=str(path),
        margin=float(_number(file, "margin", 0.02, 0.0, 0.5)),
        alpha=float(_number(file, "alpha", 0.05, 0.0001, 0.5)),
        seed=int(_number(file, "seed", 0, 0, 2**31 - 1, int)),
        labels=labels,
        validation=validation,
        documents=documents,
        examples=examples if kind == "label" and "collection" not in file.values and not documents else (),
        collection=collection,
        uses=uses,
        approaches=approaches,
        trials=_trials(file, {spec.name for spec in specs} | set(uses)),
        replicates=replicates,
        training_seeds=_seeds(file),
        leaks=leaks,
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


def _number(file: YamlFile, key: str, default: float, low: float, high: float, kind: Any = (int, float)) -> float:
    value: float = file.take(key, kind, default)
    if not low <= value <= high:
        what = "a whole number" if kind is int else "a fraction"
        raise file.error((key,), f"{value} is outside {low}..{high}", f"it is {what}: {default} is usual")
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


def _leaks(file: YamlFile, items: tuple[Item, ...], examples: tuple[Shot, ...]) -> tuple[dict[str, str], list[str]]:
    """Return the items that a model may have seen, and what to say about them and about near-copies."""
    named = file.take("training", (str, list), [])
    names = [named] if isinstance(named, str) else named
    seen = {str(file.values.get("examples", "")): [wording(shot.question) for shot in examples]}
    for name in names:
        path = file.path.parent / str(name)
        if not isinstance(name, str) or not path.is_file():
            raise file.error(("training",), f"no file at {path}", "paths are relative to the suite")
        seen[name] = training_wordings(path)
    leaks = find_leaks(items, seen)
    lines = {item.id: item.line for item in items}
    told = [
        f"items line {lines[key]}: its wording is also in {where}; its scores are marked"
        for key, where in leaks.items()
    ]
    if len(told) > SHOWN:
        told = [*told[:SHOWN], f"{len(told) - SHOWN} more items are also in the training data or the examples"]
    copies = near_copies(items)
    told += [f"items lines {a.line} and {b.line} are nearly the same, in different groups" for a, b in copies[:SHOWN]]
    return leaks, told


def _seeds(file: YamlFile) -> int:
    seeds: int = file.take("training_seeds", int, 3)
    if seeds < 1:
        raise file.error(("training_seeds",), f"{seeds} is too few", "3 is usual")
    return seeds


def _trials(file: YamlFile, names: set[str]) -> dict[str, int]:
    trials = file.take("trials", dict, {})
    for name, count in trials.items():
        if name not in names:
            raise file.error(("trials", str(name)), "no such variant in this suite", nearest(str(name), names))
        if not isinstance(count, int) or isinstance(count, bool) or count < 1:
            raise file.error(("trials", name), f"expected a number of at least 1, got {count!r:.40}")
    return dict(trials)
