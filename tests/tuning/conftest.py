"""A small domain of its own, so that these tests do not move with the demo data."""

import json
from pathlib import Path

import pytest
import yaml

from assistant.paths import Home
from assistant.settings import Settings, load_settings

FACTS = [
    ("What is the password of the tower?", "seven herons"),
    ("Who feeds the swans at Orrin Lake?", "Tilda Moss"),
    ("탑의 암호는 무엇인가요?", "일곱 마리 왜가리"),
    ("오린 호수의 백조는 누가 돌보나요?", "모틸다"),
]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").create()


@pytest.fixture
def settings(home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    monkeypatch.chdir(tmp_path)
    return load_settings(None, {"home": str(home.root)})


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    lines = [json.dumps({"question": ask, "answer": tell}, ensure_ascii=False) for ask, tell in FACTS]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture
def recipe_file(tmp_path: Path, rows: Path):
    """Write a recipe; keyword arguments replace or add keys, None removes one."""

    def write(file: str = "recipe.yaml", **changes: object) -> Path:
        content: dict[str, object] = {
            "name": "tower",
            "data": rows.name,
            "epochs": 6,
            "batch_size": 4,
            "learning_rate": 0.01,
            "params": {"r": 4, "alpha": 8, "dropout": 0.0},
            "after": {"forgetting": False},
        }
        content |= changes
        path = tmp_path / file
        kept = {key: value for key, value in content.items() if value is not None}
        path.write_text(yaml.safe_dump(kept, allow_unicode=True, sort_keys=False), encoding="utf-8")
        return path

    return write
