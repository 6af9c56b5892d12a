"""The demo domain: put into an empty state folder once, and again where a newer one ships."""

import json
import shutil
from pathlib import Path

from assistant.adapters import list_adapters
from assistant.paths import Home, data_root
from assistant.retrieval.library import Library
from assistant.schema import digest

DOCUMENTS = "documents"
EXAMPLES = "triage-examples"


def install_demo(home: Home, library: Library) -> bool:
    """Install the demo's documents, labelled examples and adapters; return whether anything was done.

    What a person removed stays removed: a marker remembers which demo was installed. Adapters are
    copied by rename, so a kill leaves a whole one or none, and the next start goes on.
    """
    source = data_root() / "demo"
    marker = home.root / "demo.json"
    version = _version(source)
    if marker.is_file() and json.loads(marker.read_text(encoding="utf-8")).get("version") == version:
        return False
    library.add([source / "documents"], DOCUMENTS)
    library.add([_examples(source / "triage" / "train.jsonl", home)], EXAMPLES)
    have = {adapter.manifest.name for adapter in list_adapters(home)}
    for folder in sorted((source / "adapters").glob("*/")):
        if folder.name not in have:
            staging = home.adapters / f".{folder.name}.partial"
            shutil.rmtree(staging, ignore_errors=True)
            shutil.copytree(folder, staging)
            staging.rename(home.adapters / folder.name)
    marker.write_text(json.dumps({"version": version}), encoding="utf-8")
    return True


def _version(source: Path) -> str:
    files = sorted(path for path in source.rglob("*") if path.is_file() and path.suffix in {".md", ".jsonl", ".json"})
    return digest([(str(path.relative_to(source)), path.stat().st_size) for path in files])


def _examples(train: Path, home: Home) -> Path:
    """Write each labelled ticket as a small document, so that retrieval finds solved examples."""
    folder = home.root / "triage-examples"
    folder.mkdir(exist_ok=True)
    words = {"ko": ("메시지", "답"), "en": ("Message", "Answer")}
    for line in train.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        ask, answer = words[row["language"]]
        text = f"{ask}: {row['question']}\n{answer}: {row['answer']}"
        (folder / f"{row['id']}.txt").write_text(text, encoding="utf-8")
    return folder
