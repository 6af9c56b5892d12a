"""One small suite through the real parts: embedded model, engine, documents, retrieval."""

import json
from pathlib import Path

import pytest

from assistant.errors import InputError
from assistant.models.pool import ModelPool
from assistant.paths import Home, data_root
from assistant.retrieval.library import Library
from assistant.settings import Settings
from assistant.store import Store
from assistant.variants import VariantFactory
from eval.runner import run_suite
from eval.suite import load_suite

SUITE = """\
suite: bakery
kind: qa
items: items.jsonl
documents: documents
examples: train.jsonl
sampling: {max_tokens: 12}
variants:
  zero-shot:
  few-shot: {shots: 1}
  rag: {k: 1}
"""
DOCUMENTS = {
    "ko/bread.md": "# 식빵\n\n식빵은 아침 8시에 나옵니다. 가격은 4,000원이에요.",
    "ko/cake.md": "# 케이크\n\n케이크는 이틀 전에 예약해 주세요.",
    "en/bread.md": "# Bread\n\nThe bread is ready at eight. It costs four dollars.",
    "en/cake.md": "# Cakes\n\nPlease order cakes two days ahead.",
}
ITEMS = [
    ("식빵은 몇 시에 나와요?", ["8시", "아침 8시"], "ko/bread.md"),
    ("케이크는 언제 예약해요?", ["이틀 전"], "ko/cake.md"),
    ("When is the bread ready?", ["eight", "at eight"], "en/bread.md"),
    ("How far ahead must cakes be ordered?", ["two days"], "en/cake.md"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in DOCUMENTS.items():
        path = tmp_path / "documents" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    rows = [{"question": q, "reference": r, "document": d, "group": d} for q, r, d in ITEMS]
    (tmp_path / "items.jsonl").write_text("\n".join(map(json.dumps, rows)))
    train = [{"question": "가게 이름이 뭐예요?", "answer": "달빵"}, {"question": "What is the name?", "answer": "Moon"}]
    (tmp_path / "train.jsonl").write_text("\n".join(map(json.dumps, train)))
    (tmp_path / "suite.yaml").write_text(SUITE)
    return tmp_path


def test_a_suite_of_ones_own_on_the_embedded_model(folder: Path) -> None:
    settings = Settings(home=folder / "home")
    home = Home(settings.home).create()
    store = Store(home.database)
    library = Library(home, store, settings.retrieval)
    pool = ModelPool(settings)
    variants = VariantFactory(settings, home, pool, library)
    try:
        suite = load_suite(folder / "suite.yaml")
        result = run_suite(suite, variants=variants, library=library, runs=home.runs)
        document = result.to_json()
        assert document["base"].startswith("embedded@")
        assert document["variants"]["rag"]["metrics"]["hit_at_k"]["mean"] >= 0.5
        assert document["variants"]["rag"]["prompt_tokens"] > document["variants"]["zero-shot"]["prompt_tokens"] > 0
        assert document["verdict"]["choice"] == "not_enough_evidence"
        assert document["verdict"]["reason"] == "no_tuned_row"
        assert document["costs"]["rag"]["memory_mb"] > 0
        found = {item.document: result.answers["rag"][item.id].passages[0].document for item in suite.items}
        assert any(wanted == got for wanted, got in found.items()), found
        assert run_suite(suite, variants=variants, library=library, runs=home.runs).asked == 0

        # Another document under the same questions: what was searched differs, so RAG is asked again.
        (folder / "documents" / "ko" / "tea.md").write_text("# 차\n\n차는 무료예요.", encoding="utf-8")
        assert run_suite(suite, variants=variants, library=library, runs=home.runs).asked == len(suite.items)

        missing = SUITE.replace("  rag: {k: 1}\n", "  tuned: {adapter: gone}\n")
        (folder / "suite.yaml").write_text(missing)
        with pytest.raises(InputError, match="gone"):
            run_suite(load_suite(folder / "suite.yaml"), variants=variants, library=library, runs=home.runs)
    finally:
        pool.close()
        library.close()
        store.close()


def test_the_shipped_suites_load() -> None:
    folder = data_root() / "demo" / "suites"
    usual = ["zero-shot", "few-shot", "rag", "tuned", "rag-tuned"]
    for name, kind, least in (("handbook", "qa", 150), ("triage", "label", 150)):
        suite = load_suite(folder / f"{name}.yaml")
        assert (suite.name, suite.kind) == (name, kind)
        assert len(suite.items) >= least
        assert [spec.name for spec in suite.variants] == usual
        assert {item.language for item in suite.items} == {"ko", "en"}
        assert len({item.group for item in suite.items}) >= 20
        assert suite.validation and not suite.warnings
        few = next(spec for spec in suite.variants if spec.name == "few-shot")
        assert {shot.language for shot in few.shots} == {"ko", "en"}


def test_the_example_of_ones_own_domain_loads() -> None:
    suite = load_suite(data_root() / "demo" / "suites" / "example-own-domain" / "suite.yaml")
    assert [spec.name for spec in suite.variants] == ["zero-shot", "few-shot", "rag"]
    assert sum(item.unanswerable for item in suite.items) == 1
    assert not suite.warnings
