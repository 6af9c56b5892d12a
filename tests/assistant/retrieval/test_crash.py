"""kill -9 at every step of adding, updating, removing and rebuilding: the old state or the new one, never a mix."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from assistant.paths import Home

# Each step kills its own process just before or just after the real function runs.
CHILD = """
import os, signal, sys
from pathlib import Path
from assistant.paths import Home
from assistant.retrieval import chroma, originals, registry, keyword
from assistant.retrieval.library import Library
from assistant.settings import RetrievalSettings
from assistant.store import Store

home, action, step, when = Home(Path(sys.argv[1])), sys.argv[2], sys.argv[3], sys.argv[4]
holder, name = {
    "original": (originals.Originals, "write"),
    "vectors": (chroma.VectorStore, "upsert"),
    "registry": (registry.Registry, "put"),
    "drop": (registry.Registry, "drop"),
    "swap": (registry.Registry, "swap"),
    "delete": (chroma.VectorStore, "delete"),
    "words": (keyword.KeywordIndex, "_save"),
}[step]
real = getattr(holder, name)

def dying(*args, **kwargs):
    if when == "after":
        real(*args, **kwargs)
    os.kill(os.getpid(), signal.SIGKILL)

store = Store(home.database)
library = Library(home, store, RetrievalSettings(embedder="hashing"))
setattr(holder, name, dying)
if action == "add":
    library.add([Path(sys.argv[5])])
elif action == "remove":
    library.remove(["violin.md"])
else:
    library.rebuild()
"""
OLD, NEW = "45 dollars", "60 dollars"


@pytest.mark.parametrize(
    ("action", "step", "when"),
    [
        ("add", "original", "after"),
        ("add", "vectors", "before"),
        ("add", "vectors", "after"),
        ("add", "registry", "after"),
        ("add", "delete", "after"),
        ("add", "words", "before"),
        ("remove", "drop", "before"),
        ("remove", "drop", "after"),
        ("rebuild", "vectors", "after"),
        ("rebuild", "swap", "before"),
        ("rebuild", "swap", "after"),
    ],
)
def test_killed_in_the_middle(home: Home, open_library, folder: Path, action: str, step: str, when: str) -> None:  # type: ignore[no-untyped-def]
    library = open_library()
    library.add([folder])
    library.close()
    (folder / "violin.md").write_text(f"# Violin repair\n\nA new bridge costs {NEW}.\n", encoding="utf-8")
    command = [sys.executable, "-c", CHILD, str(home.root), action, step, when, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=Path.cwd())
    assert done.returncode == -signal.SIGKILL, done.stderr

    library = open_library()
    names = [info.name for info in library.documents()]
    found = [p.text for p in library.retriever().search("what does a violin bridge cost", 5)]
    near = [p.text for p in library.retriever(kind="meaning").search("what does a violin bridge cost", 5)]
    violin = [text for text in found + near if "dollars" in text]
    assert library.status().message == ""
    if "violin.md" in names:
        assert violin and (all(OLD in text for text in violin) or all(NEW in text for text in violin))
    else:
        assert action == "remove" and not violin
    assert len(list(home.originals.iterdir())) == len(names)

    # Doing it again ends well, from wherever the first attempt was cut off.
    library.add([folder])
    assert NEW in library.retriever().search("what does a violin bridge cost", 1)[0].text
    assert len(list(home.originals.iterdir())) == len(library.documents()) == 3
