"""The demo's settings chosen again: every approach gets the same number of trials, all on the validation split.

``python data/demo/trials.py --out build/trials`` trains each tuned trial of ``trials.yaml`` by its recipe, asks
every trial the validation items, and says which values won: the highest primary metric, then the shorter prompts.
The test items are never read. ``--ship`` puts the winning adapters, with what they forgot, into ``data/demo/adapters``;
the winning values are written into suites/ and tune/ by hand.
"""

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import yaml
from evidence import HERE, PATHS, SUITES, joyul

from eval.suite_variants import PRESETS

TRIALS = HERE / "trials.yaml"
RECIPE_KEYS = {"learning_rate", "epochs"}


def train(home: Path, name: str, number: int, values: dict[str, Any]) -> str:
    """Train one trial of a shipped recipe, unless it is there; return the adapter's name."""
    trial = f"{name}-t{number}"
    if not (home / "adapters" / trial / "manifest.json").is_file():
        # Beside the original, since its paths are relative to it.
        copy = HERE / "tune" / f".{trial}.yaml"
        recipe = yaml.safe_load((HERE / "tune" / f"{name}.yaml").read_text("utf-8"))
        changes = {"name": trial, "after": {"forgetting": False}}
        copy.write_text(yaml.safe_dump(recipe | changes | values, allow_unicode=True), "utf-8")
        try:
            joyul(home, "tune", "run", str(copy))
        finally:
            copy.unlink()
    return trial


def validation_suite(
    suite: str, trials: dict[str, list[dict[str, Any]]], home: Path, out: Path
) -> tuple[Path, dict[str, Any]]:
    """Write a suite whose items are the validation items and whose variants are the trials.

    Returns:
        Its file, and what each of its variants tries: ``{variant: {"approach", "values", "adapter"}}``.
    """
    content = yaml.safe_load((HERE / "suites" / f"{suite}.yaml").read_text("utf-8"))
    content |= {"suite": f"{suite}-trials", "items": content.pop("validation"), "trials": {}}
    for key in PATHS:
        if key in content:
            content[key] = str((HERE / "suites" / content[key]).resolve())
    tried, variants = {}, {}
    for approach, choices in trials.items():
        own = content["variants"][approach] or {}
        for number, values in enumerate(choices):
            adapter = train(home, own["adapter"], number, values) if "adapter" in own else None
            shown = {key: value for key, value in values.items() if key not in RECIPE_KEYS}
            base = {} if approach == "zero-shot" else own
            name = f"{approach}-t{number}"
            own_adapter = {"adapter": adapter} if adapter else {}
            variants[name] = base | shown | own_adapter | {"recipe": PRESETS[content["kind"]][approach]}
            tried[name] = {"approach": approach, "values": values, "adapter": adapter}
    content["variants"] = variants
    path = out / f"{suite}-trials.yaml"
    path.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return path, tried


def ranked(document: dict[str, Any], tried: dict[str, Any], metric: str) -> dict[str, list[dict[str, Any]]]:
    """Return every approach's trials, the best first."""
    found: dict[str, list[dict[str, Any]]] = {}
    for name, each in tried.items():
        measured = document["variants"][name]
        row = each | measured["metrics"][metric] | {"name": name, "prompt_tokens": measured["prompt_tokens"]}
        found.setdefault(each["approach"], []).append(row)
    return {key: sorted(rows, key=lambda row: (-row["mean"], row["prompt_tokens"])) for key, rows in found.items()}


def ship(home: Path, trial: str, name: str) -> None:
    """Put a trial's adapter into the demo under the name that suites use."""
    if (home / "adapters" / name).is_dir():
        joyul(home, "adapters", "delete", name)
    joyul(home, "adapters", "rename", trial, name)
    joyul(home, "eval", "forgetting", name)
    target = HERE / "adapters" / name
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(home / "adapters" / name, target)


def main() -> None:
    """Train, ask, rank, and ship where that is wanted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/trials"))
    parser.add_argument("--suites", nargs="*", default=list(SUITES), choices=SUITES)
    parser.add_argument("--ship", action="store_true", help="put the winning adapters into data/demo/adapters")
    options = parser.parse_args()
    out: Path = options.out.resolve()
    home = out / "home"
    out.mkdir(parents=True, exist_ok=True)
    every = yaml.safe_load(TRIALS.read_text("utf-8"))
    joyul(home, "adapters", "list")
    for suite in options.suites:
        path, tried = validation_suite(suite, every[suite], home, out)
        document = joyul(home, "eval", "run", str(path))
        shipped = yaml.safe_load((HERE / "suites" / f"{suite}.yaml").read_text("utf-8"))
        table = ranked(document, tried, shipped["primary"])
        (out / f"{suite}.json").write_text(json.dumps(table, ensure_ascii=False, indent=1) + "\n", "utf-8")
        for approach, rows in table.items():
            for row in rows:
                print(f"{suite:9} {approach:10} {100 * row['mean']:5.1f}  {row['values']}", flush=True)
            if options.ship and rows[0]["adapter"]:
                ship(home, rows[0]["adapter"], shipped["variants"][approach]["adapter"])


if __name__ == "__main__":
    main()
