"""Both languages say the same things, and Korean particles follow how a word is read."""

import re
from pathlib import Path

import pytest
import yaml

from assistant.locales import LANGUAGES, keys, text, texts
from assistant.locales.particles import PAIRS, josa

UI = Path("assistant/ui")
FIELD = re.compile(r"\{(\w+)\}")


def _tree(language: str) -> dict[str, object]:
    return dict(yaml.safe_load(Path(f"assistant/locales/{language}.yaml").read_text(encoding="utf-8")))


def _flat(tree: dict[str, object], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in tree.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return flat


def test_languages_have_the_same_keys() -> None:
    assert keys("ko") == keys("en")


def test_lists_are_equally_long_and_placeholders_agree() -> None:
    ko, en = _flat(_tree("ko")), _flat(_tree("en"))
    for key, value in en.items():
        other = ko[key]
        assert isinstance(value, list) == isinstance(other, list), key
        if isinstance(value, list):
            assert len(value) == len(other), key  # type: ignore[arg-type]
        elif key != "day.month":  # a name in English, a number in Korean
            assert set(FIELD.findall(str(value))) == set(FIELD.findall(str(other))), key


def test_korean_is_korean() -> None:
    same = {
        "language.own_en",
        "settings.top_p",
        "status.cpu",
        "status.cuda",
        "status.mps",
        "evaluate.badge_rag",
    }
    for key, value in _flat(_tree("ko")).items():
        for line in value if isinstance(value, list) else [value]:
            words = re.sub(r"\{\w+\}", "", str(line))
            assert key in same or not re.search("[A-Za-z]", words) or re.search("[가-힣]", words), key


def test_every_key_that_the_page_uses_exists() -> None:
    used = set()
    for file in UI.glob("*.py"):
        used |= set(re.findall(r'words(?:\.all)?\("([a-z_]+\.[a-z_]+)"', file.read_text(encoding="utf-8")))
    assert len(used) > 80
    assert used <= keys("en")


def test_unknown_keys_and_missing_values_are_errors() -> None:
    with pytest.raises(KeyError):
        text("chat.no_such", "en")
    with pytest.raises(KeyError):
        text("chat.tokens", "en")


def test_values_are_not_templates() -> None:
    assert text("documents.removed", "en", name="{name}(을/를)") == "Removed {name}(을/를)."


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_are_three_examples(language: str) -> None:
    assert len(texts("welcome.examples", language)) == 3  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("word", "pair", "expected"),
    [
        ("책", "을/를", "책을"),
        ("문서", "을/를", "문서를"),
        ("서울", "으로/로", "서울로"),
        ("부산", "으로/로", "부산으로"),
        ("대구", "으로/로", "대구로"),
        ("English", "으로/로", "English로"),
        ("한국어", "으로/로", "한국어로"),
        ("minilm", "으로/로", "minilm으로"),
        ("rag", "이/가", "rag가"),
        ("tuned", "이/가", "tuned가"),
        ("zero-shot", "이/가", "zero-shot이"),
        ("model", "이에요/예요", "model이에요"),
        ("RAG", "은/는", "RAG는"),
        ("LLM", "은/는", "LLM은"),
        ("3", "이/가", "3이"),
        ("2", "이/가", "2가"),
        ("8", "으로/로", "8로"),
        ("10", "을/를", "10을"),
        ("notes.md", "을/를", "notes.md를"),
        ("보고서(최종)", "을/를", "보고서(최종)을"),
        ("‘규정’", "과/와", "‘규정’과"),
        ("漢", "을/를", "漢을(를)"),
        ("", "을/를", "을(를)"),
    ],
)
def test_particles(word: str, pair: str, expected: str) -> None:
    assert josa(word, pair) == expected


def test_particles_are_filled_in_sentences() -> None:
    assert text("documents.removed", "ko", name="안내문") == "안내문을 뺐어요."
    assert text("documents.removed", "ko", name="규칙.txt") == "규칙.txt를 뺐어요."


def test_every_pair_in_the_texts_is_known() -> None:
    for value in _flat(_tree("ko")).values():
        for pair in re.findall(r"\}\((\S+?/\S+?)\)", str(value)):
            assert pair in PAIRS
