"""The demo's evidence again: every tuned variant with several training seeds, both suites, all reports.

``python data/demo/evidence.py --out build/evidence`` takes the shipped adapters as the first seed,
trains the others by the same recipes, runs each suite with all of them, and copies the reports to the
output folder. Everything goes through ``joyul``; a run that was stopped goes on where it was.
"""

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
SUITES = ("handbook", "triage")
PATHS = ("items", "validation", "documents", "examples")


def joyul(home: Path, *arguments: str) -> dict[str, Any]:
    """Run a command in the state folder and return its JSON document.

    Raises:
        SystemExit: it failed; what it said is shown.
    """
    print("joyul", *arguments, flush=True)
    command = [sys.executable, "-m", "assistant", "--home", str(home), *arguments, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stdout)
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def train(home: Path, recipe: Path, seed: int) -> str:
    """Train one more seed of a shipped recipe, unless it is there; return the adapter's name."""
    values = yaml.safe_load(recipe.read_text("utf-8"))
    name = f"{values['name']}-s{seed}"
    if not (home / "adapters" / name / "manifest.json").is_file():
        # Beside the original, since its paths are relative to it.
        copy = recipe.with_name(f".{name}.yaml")
        copy.write_text(yaml.safe_dump(values | {"name": name, "seed": seed}, allow_unicode=True), "utf-8")
        try:
            joyul(home, "tune", "run", str(copy))
        finally:
            copy.unlink()
    return name


def adapters_of(suite: str) -> list[str]:
    """Return the adapters that a shipped suite names; each has a recipe of its name."""
    values = yaml.safe_load((HERE / "suites" / f"{suite}.yaml").read_text("utf-8"))
    return [entry["adapter"] for entry in values["variants"].values() if entry and "adapter" in entry]


def with_seeds(suite: str, adapters: dict[str, list[str]], out: Path) -> Path:
    """Write the suite with every tuned variant's adapters listed; return its file."""
    values = yaml.safe_load((HERE / "suites" / f"{suite}.yaml").read_text("utf-8"))
    for key in PATHS:
        if key in values:
            values[key] = str((HERE / "suites" / values[key]).resolve())
    for entry in values["variants"].values():
        if entry and "adapter" in entry:
            entry["adapters"] = adapters[entry.pop("adapter")]
    path = out / f"{suite}.yaml"
    path.write_text(yaml.safe_dump(values, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return path


def main() -> None:
    """Train, evaluate, keep the reports."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/evidence"))
    parser.add_argument("--seeds", type=int, default=3, help="training seeds in all, the shipped one included")
    parser.add_argument("--suites", nargs="*", default=list(SUITES), choices=SUITES)
    options = parser.parse_args()
    out: Path = options.out.resolve()
    home = out / "home"
    out.mkdir(parents=True, exist_ok=True)
    joyul(home, "adapters", "list")
    for suite in options.suites:
        adapters = {
            name: [name, *(train(home, HERE / "tune" / f"{name}.yaml", seed) for seed in range(1, options.seeds))]
            for name in adapters_of(suite)
        }
        document = joyul(home, "eval", "run", str(with_seeds(suite, adapters, out)))
        (out / f"{suite}.json").write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", "utf-8")
        for name in ("report.html", "report.md"):
            shutil.copy(home / "runs" / document["run"] / name, out / f"{suite}-{name}")
        print(document["verdict"]["text"]["en"], flush=True)


if __name__ == "__main__":
    main()
