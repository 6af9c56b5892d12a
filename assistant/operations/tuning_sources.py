"""What a training can start from: shipped and own recipes, and the datasets of the state folder."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from assistant.errors import InputError, JoyulError
from assistant.lazy import nearest
from assistant.paths import Home, data_root
from assistant.schema import Language

if TYPE_CHECKING:
    from assistant.services import Services
    from tuning.schema import TuneRecipe

OWN = "tune"
SHIPPED_KIND, OWN_KIND, DATASET_KIND = "shipped", "own", "dataset"
# What a dataset starts with, where no recipe says better: the demo's own settings, chosen on its validation splits;
# passes and batch go by the number of rows, because a handful of rows learns nothing in the demo's three passes.
STARTING: Mapping[str, Any] = {
    "method": "lora",
    "params": {"r": 16, "alpha": 32, "dropout": 0.0, "target_modules": "all-linear"},
    "learning_rate": 2e-3,
    "seed": 0,
}
REPLAY_RATIO = 0.3
_NAME = re.compile(r"[^a-z0-9._-]+")


def recipe_files(home: Home) -> dict[str, Path]:
    """Return every recipe file by its key, ``shipped:NAME`` or ``own:NAME``; own ones lie in ``<home>/tune``."""
    folders = {SHIPPED_KIND: data_root() / "demo" / "tune", OWN_KIND: home.root / OWN}
    return {f"{kind}:{path.stem}": path for kind, folder in folders.items() for path in sorted(folder.glob("*.yaml"))}


def sources(services: "Services") -> list[dict[str, Any]]:
    """Return everything to start from: key, kind, name and, for a dataset, its rows; own things come first."""
    from assistant.datasets.store import DatasetStore

    store = DatasetStore(services.home.datasets)
    datasets = [(name, store.versions(name)[-1].manifest) for name in store.names()]
    found: list[dict[str, Any]] = [
        {"key": f"{DATASET_KIND}:{name}", "kind": DATASET_KIND, "name": name, "rows": manifest.rows}
        for name, manifest in datasets
    ]
    files = [
        {"key": key, "kind": key.partition(":")[0], "name": path.stem}
        for key, path in recipe_files(services.home).items()
    ]
    return [*(each for each in files if each["kind"] == OWN_KIND), *found, *(e for e in files if e["kind"] != OWN_KIND)]


def document_of(services: "Services", key: str) -> dict[str, Any]:
    """Return the recipe that a source stands for, every path absolute, its name one that is free.

    Raises:
        InputError: there is no such source.
        UsageError: the recipe file is wrong; names its line.
    """
    kind, _, name = key.partition(":")
    document = _dataset_document(services, name) if kind == DATASET_KIND else _file_document(services.home, key)
    return document | {"name": free_name(services.home, str(document["name"]))}


def _dataset_document(services: "Services", name: str) -> dict[str, Any]:
    from assistant.datasets.store import DatasetStore
    from tuning.methods.auto import Facts, settle
    from tuning.schema import TuneRecipe

    version = DatasetStore(services.home.datasets).get(name)
    plain = _NAME.sub("-", version.manifest.name.lower()).strip("-._")[:40]
    document = {"name": plain or "tuned", "data": str(version.rows_file), **STARTING}
    recipe, _ = settle(TuneRecipe(**document), Facts(version.manifest.rows, 0, False))
    document |= {"epochs": recipe.epochs, "batch_size": recipe.batch_size}
    # The small base forgets reading and refusing within minutes where nothing reminds it.
    if services.settings.model.name == "embedded":
        document["replay"] = {"path": replay_path(), "ratio": REPLAY_RATIO}
    return document


def replay_path() -> str:
    """Return the general rows that ship."""
    return str(data_root() / "replay" / "replay.jsonl")


def _file_document(home: Home, key: str) -> dict[str, Any]:
    files = recipe_files(home)
    path = files.get(key)
    if path is None:
        raise InputError(f"no recipe {key[:80]!r}", nearest(key, files))
    return file_document(path)


def file_document(path: Path) -> dict[str, Any]:
    """Return the recipe of a file, every path absolute.

    Raises:
        UsageError: the recipe file is wrong; names its line.
    """
    from tuning.schema import load_recipe

    recipe = load_recipe(path)
    document: dict[str, Any] = dict(yaml.safe_load(path.read_text(encoding="utf-8-sig")))
    return absolute(document, recipe)


def absolute(document: dict[str, Any], recipe: "TuneRecipe") -> dict[str, Any]:
    """Return a recipe's keys with its paths made absolute, so that it means the same wherever it is saved."""
    document = dict(document)
    for key in ("data", "validation", "shots"):
        if document.get(key):
            document[key] = str(recipe.path(str(document[key])))
    if document.get("replay"):
        document["replay"] = {**document["replay"], "path": str(recipe.path(str(document["replay"]["path"])))}
    return document


def free_name(home: Home, wanted: str) -> str:
    """Return an adapter name that neither an adapter nor a job has: the wanted one, or it with a number."""
    from assistant.jobs.record import jobs_of

    taken = {path.name for path in home.adapters.iterdir()} if home.adapters.is_dir() else set()
    for job in jobs_of(home):
        try:
            taken.add(job.stored().name)
        except JoyulError:
            continue  # a folder without a readable record holds no name
    numbered = (f"{wanted}-{number}" for number in range(2, len(taken) + 3))
    return wanted if wanted not in taken else next(name for name in numbered if name not in taken)


def read_recipe(text: str, home: Home, language: Language = "en") -> "TuneRecipe":
    """Return the recipe that a YAML text says; relative paths are seen from ``<home>/tune``.

    Raises:
        UsageError: as :func:`tuning.schema.load_recipe`, with lines of this text; bounds and their reasons are said
            in the language.
    """
    import tempfile

    from tuning.schema import load_recipe

    with tempfile.TemporaryDirectory(prefix="joyul-recipe-") as folder:
        path = Path(folder) / "recipe.yaml"
        path.write_text(text, encoding="utf-8")
        recipe = load_recipe(path, language)
    return recipe.model_copy(update={"file": home.root / OWN / "recipe.yaml"})


def to_yaml(document: Mapping[str, Any]) -> str:
    """Return a recipe as YAML that ``joyul tune run`` takes."""
    return str(yaml.safe_dump(dict(document), allow_unicode=True, sort_keys=False, width=100))
