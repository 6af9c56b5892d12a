"""The model card: complete, in both languages, and not led astray by a manifest from elsewhere."""

from pathlib import Path

import pytest

from assistant.adapters import Adapter, Manifest
from assistant.model_card import card, curve_svg, write_card

CURVE = {"loss": [[1, 4.0], [2, 2.0], [3, 1.0]], "validation": [[3, 1.5]]}


def made(folder: Path, **changes: object) -> Adapter:
    facts = {
        "name": "tower",
        "base": "embedded@1234",
        "base_hash": "1234" * 16,
        "method": "lora",
        "params": {"r": 4, "run": {"data": "rows.jsonl"}, "data": {"rows": 7, "tokens": 1234}},
        "data_hash": "abcd",
        "cost": {"seconds": 12.5},
        "metrics": {"first_loss": 4.0},
        "dataset": "facts@99be",
        "licences": {"base": "apache-2.0", "data": ""},
        "curve": CURVE,
        "description": {"ko": "탑을 알아요.", "en": "Knows the tower."},
    }
    return Adapter(Manifest(**(facts | changes)), folder)  # type: ignore[arg-type]


def test_both_languages_say_everything(tmp_path: Path) -> None:
    (tmp_path / "data.ko.md").write_text("카드", encoding="utf-8")
    english, korean = card(made(tmp_path), "en"), card(made(tmp_path), "ko")
    assert english.count("\n|") == korean.count("\n|")
    assert "Knows the tower." in english and "탑을 알아요." in korean and "탑" not in english
    assert "| Licence of the base | apache-2.0 |" in english and "| 데이터의 라이선스 | 밝히지 않음 |" in korean
    assert "facts@99be, 내용 abcd, 행 7, 토큰 1,234, [데이터 카드](data.ko.md)" in korean
    assert "general rows" not in english and "| Parity (equal next tokens" in english


def test_what_nobody_looked_at_is_not_recorded(tmp_path: Path) -> None:
    text = card(made(tmp_path, licences={}), "en")
    assert "| Licence of the base | not recorded |" in text and "| Licence of the data | not recorded |" in text


def test_the_readme_shows_the_curve_beside_it(tmp_path: Path) -> None:
    write_card(made(tmp_path), tmp_path)
    text = (tmp_path / "README.md").read_text("utf-8")
    assert text.count("](curve.svg)") == 2 and text.index("Base model") < text.index("기반 모델")
    drawing = (tmp_path / "curve.svg").read_text("utf-8")
    assert drawing.count("<circle") == 1 and drawing.count(",") >= 3 and ">4.00<" in drawing and ">3<" in drawing


@pytest.mark.parametrize(
    "curve",
    [{}, {"loss": [[1, 2.0]]}, {"loss": "x"}, {"loss": [[1, "<script>"], [2, 3.0]]}, {"loss": [1, 2]}, {"loss": None}],
)
def test_without_a_curve_nothing_is_drawn(curve: dict[str, object], tmp_path: Path) -> None:
    assert curve_svg(curve) == ""
    write_card(made(tmp_path, curve=curve), tmp_path)
    assert not (tmp_path / "curve.svg").exists() and "curve.svg" not in (tmp_path / "README.md").read_text("utf-8")
