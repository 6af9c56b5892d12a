"""``joyul backup`` beside the running app, ``joyul restore`` into a new folder, and their exit codes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from assistant.paths import Home


def test_backup_while_the_app_runs_and_restore(processes: Any, demo_home: Home, tmp_path: Path) -> None:
    server = processes.serve(demo_home)
    file, new = tmp_path / "all.tar.gz", Home(tmp_path / "new")
    done = processes.run(demo_home, "backup", str(file), "--json")
    assert done.code == 0 and done.document["bytes"] == file.stat().st_size and done.document["files"] > 50
    back = processes.run(new, "restore", str(file), "--json")
    assert back.code == 0 and back.document["files"] == done.document["files"]
    assert server.stop() in (0, 143)
    rebuilt = processes.run(
        new, "docs", "rebuild", "--model", "scripted", "--set", "retrieval.embedder=hashing", "--json"
    )
    assert rebuilt.code == 0, rebuilt.err
    file.write_bytes(file.read_bytes()[:-20_000])
    assert processes.run(Home(tmp_path / "other"), "restore", str(file)).code == 7
    assert not (tmp_path / "other" / "joyul.sqlite").exists()


def test_what_cannot_be_done_says_why(joyul: Callable[..., Any], tmp_path: Path) -> None:
    file = tmp_path / "all.tar.gz"
    assert joyul("backup", str(file)).code == 0
    again = joyul("backup", str(file))
    assert again.code == 3 and "is there already" in again.err
    full = joyul("restore", str(file))
    assert full.code == 3 and "is not empty" in full.err and "--home" in full.err
    assert joyul("restore", str(tmp_path / "none.tar.gz")).code == 3
