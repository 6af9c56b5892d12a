"""Evaluating and tuning from the command line, alone and beside a running app, on the real embedded model."""

import json
from pathlib import Path
from urllib.request import urlopen

import pytest

LIGHT = ("--set", "retrieval.embedder=hashing")
ROW_KEYS = {"metrics", "prompt_tokens", "completion_tokens", "seconds"}
VERDICT_KEYS = {"choice", "against", "metric", "delta", "low", "high", "n", "text"}
TUNE_KEYS = {"adapter", "status", "seconds", "peak_memory_mb", "first_loss", "final_loss", "tokens_per_second"}

RECIPE = """\
name: kiln
data: train.jsonl
recipe: grounded
retrieval: {collection: documents, k: 1, wrong_share: 0.0, missed: keep}
params: {r: 2, alpha: 4, dropout: 0.0, target_modules: all-linear}
epochs: 1
learning_rate: 1.0e-3
batch_size: 4
seed: 0
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """Return a suite on the demo's documents."""
    rows = [
        {"question": "Where is the car park?", "reference": ["behind the building"], "group": "a", "language": "en"},
        {"question": "주차장은 몇 대를 댈 수 있어요?", "reference": ["94대"], "group": "b", "language": "ko"},
    ]
    (tmp_path / "items.jsonl").write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    file = tmp_path / "suite.yaml"
    file.write_text("suite: mini\nitems: items.jsonl\nvariants: {zero-shot: , rag: }\n", encoding="utf-8")
    return file


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """Return a recipe of two steps that retrieves."""
    rows = [
        {"question": f"How many vehicles fit, question {n}?", "reference": ["94"], "answer": "94 vehicles."}
        for n in range(8)
    ]
    full = [row | {"group": f"g{n}", "language": "en"} for n, row in enumerate(rows)]
    (tmp_path / "train.jsonl").write_text("\n".join(json.dumps(row) for row in full), encoding="utf-8")
    file = tmp_path / "kiln.yaml"
    file.write_text(RECIPE, encoding="utf-8")
    return file


def test_an_evaluation_prints_its_document_and_leaves_its_reports(joyul, demo_home, suite) -> None:
    done = joyul("eval", "run", str(suite), "--json")
    assert done.code == 0
    document = done.document
    assert (document["suite"], document["base"][:9]) == ("mini", "scripted@")
    assert set(document["variants"]) == {"zero-shot", "rag"}
    for row in document["variants"].values():
        assert set(row) >= ROW_KEYS
        assert set(row["metrics"]["token_f1"]) >= {"mean", "low", "high", "n", "unscored"}
    assert set(document["verdict"]) >= VERDICT_KEYS
    assert set(document["verdict"]["text"]) == {"ko", "en"}
    folder = demo_home.runs / document["run"]
    assert (folder / "report.html").is_file() and (folder / "report.md").is_file()


def test_an_evaluation_is_readable_on_the_terminal(joyul, suite) -> None:
    done = joyul("eval", "run", str(suite))
    assert done.code == 0
    assert "zero-shot" in done.out and "rag" in done.out
    assert "report.html" in done.err and "2/2" not in done.out


def test_a_broken_suite_is_named_with_its_line(joyul, tmp_path: Path) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text("suite: x\nitmes: items.jsonl\n", encoding="utf-8")
    done = joyul("eval", "run", str(file), "--json")
    assert done.code == 3
    assert "broken.yaml" in done.document["error"]["message"] and "itmes" in done.document["error"]["message"]


def test_tuning_beside_the_app_offers_the_adapter_at_once(processes, joyul, demo_home, recipe) -> None:
    app = processes.serve(demo_home)
    done = processes.run(
        demo_home, *LIGHT, "tune", "run", str(recipe), "--model", "embedded", "--no-forgetting", "--json"
    )
    assert done.code == 0, done.err
    assert set(done.document) >= TUNE_KEYS and "forgetting" not in done.document
    assert (done.document["adapter"], done.document["status"]) == ("kiln", "succeeded")
    with urlopen(f"{app.url}/v1/models") as answer:
        assert "kiln" in {model["id"] for model in json.load(answer)["data"]}
    assert app.stop() == 143

    asked = joyul(*LIGHT, "ask", "Where is the car park?", "--variant", "kiln", "--json", light=False)
    assert asked.code == 0
    assert asked.document["receipt"]["adapter"] == "kiln"
    assert asked.document["receipt"]["base"].startswith("embedded@")

    manifest = demo_home.adapters / "kiln" / "manifest.json"
    changed = json.loads(manifest.read_text(encoding="utf-8")) | {"base": "other@12345678", "base_hash": "1" * 64}
    manifest.write_text(json.dumps(changed), encoding="utf-8")
    refused = joyul(*LIGHT, "ask", "hi", "--variant", "kiln", "--json", light=False)
    assert (refused.code, refused.document["error"]["kind"]) == (3, "input")
    assert "other@12345678" in refused.document["error"]["message"]


def test_nothing_is_installed_from_a_broken_recipe(joyul, demo_home, recipe) -> None:
    recipe.write_text(RECIPE.replace("learning_rate", "lerning_rate"), encoding="utf-8")
    done = joyul("tune", "run", str(recipe), "--json")
    assert done.code in (2, 3)
    assert "lerning_rate" in done.document["error"]["message"]
    assert not (demo_home.adapters / "kiln").exists()
