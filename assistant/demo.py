"""The demo domain: put into an empty state folder once, and again where a newer one ships."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from assistant.adapters import list_adapters
from assistant.paths import Home, data_root
from assistant.retrieval.library import Library
from assistant.schema import digest

DOCUMENTS = "documents"
EXAMPLES = "triage-examples"
MARKER = "demo.json"


def is_installed(home: Home) -> bool:
    """Return whether some demo was put into this state folder, an older one too."""
    return (home.root / MARKER).is_file()


def install_demo(home: Home, library: Library) -> bool:
    """Install the demo's documents, labelled examples and adapters; return whether anything was done.

    A marker remembers what was installed: an adapter that a person removed stays removed, one that
    they replaced stays theirs, and one that is still the demo's gives way to a newer demo's.
    """
    source = data_root() / "demo"
    marker = home.root / MARKER
    known = json.loads(marker.read_text(encoding="utf-8")) if marker.is_file() else {}
    version = _version(source)
    if known.get("version") == version:
        return False
    library.add([source / "documents"], DOCUMENTS)
    library.add([_examples(source / "triage" / "train.jsonl", home)], EXAMPLES)
    adapters = _install_adapters(source / "adapters", home, known.get("adapters", {}))
    marker.write_text(json.dumps({"version": version, "adapters": adapters}), encoding="utf-8")
    return True


def _install_adapters(source: Path, home: Home, known: Mapping[str, str]) -> dict[str, str]:
    """Copy adapters by rename, so a kill leaves a whole one or none; return name -> hash of what shipped."""
    have = {adapter.manifest.name: adapter.manifest.weights_hash for adapter in list_adapters(home)}
    shipped = {}
    for folder in sorted(path.parent for path in source.glob("*/manifest.json")):
        name, target = folder.name, home.adapters / folder.name
        shipped[name] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["weights_hash"]
        if have.get(name) == shipped[name] or have.get(name) != known.get(name):
            continue
        staging = home.adapters / f".{name}.partial"
        shutil.rmtree(staging, ignore_errors=True)
        shutil.copytree(folder, staging)
        shutil.rmtree(target, ignore_errors=True)
        staging.rename(target)
    return shipped


def _version(source: Path) -> str:
    files = sorted(path for path in source.rglob("*") if path.suffix in {".md", ".jsonl", ".json"} and path.is_file())
    return digest([(str(path.relative_to(source)), digest(path.read_text(encoding="utf-8"))) for path in files])


def _examples(train: Path, home: Home) -> Path:
    """Write each labelled ticket as a small document, so that retrieval finds solved examples."""
    folder = home.root / "triage-examples"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    words = {"ko": ("메시지", "답"), "en": ("Message", "Answer")}
    for line in train.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        ask, answer = words[row["language"]]
        text = f"{ask}: {row['question']}\n{answer}: {row['answer']}"
        (folder / f"{row['id']}.txt").write_text(text, encoding="utf-8")
    return folder
