"""Costs in reports: every part in both languages, plots that stand alone, a checklist that invents nothing."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any

import pytest

from assistant.paths import data_root
from eval.breakeven import measure_use
from eval.checklist import checklist
from eval.cost_plots import cost_plot, curve_plot, ticks
from eval.cost_words import _WORDS
from eval.curve import Trial, fit_curve
from eval.forgetting import LANGUAGES, Change
from eval.price import mean_change, price_for, priced, stored_bill
from eval.prices import load_prices
from eval.probes import KINDS
from eval.report_costs import forgetting_section, money, sections
from eval.reports.blocks import Note, Picture, Table, text_of
from eval.reports.html import Writer
from eval.reports.markdown import section_lines
from eval.reports.terminal import sections_text
from eval.result import RunResult
from eval.schema import Price, Verdict

CHANGE = Change(4.9, 5.1, 0.0408, 0.03, 0.05, 100, 0, "cluster t").to_json()
PROBE = Change(0.0, 0.1, 0.1, -0.05, 0.3, 19, 1, "BCa bootstrap", True, "it broke").to_json()
LOST = {
    "adapter": "an-adapter",
    "base": "made-up@12345678",
    "full": False,
    "loss": dict.fromkeys(LANGUAGES, CHANGE),
    "probes": {kind: dict.fromkeys(LANGUAGES, PROBE) for kind in KINDS},
}
TRAINING = {"seconds": 60.0, "rows": 50, "method": "lora", "first_loss": 2.5, "final_loss": 0.5}


@pytest.fixture
def document(judged: Callable[..., RunResult]) -> dict[str, Any]:
    right = {"zero-shot": lambda at: at % 9 == 0, "rag": lambda at: at % 2 == 0, "tuned": lambda at: at % 10 != 0}
    result = judged(right, count=200)
    answers = {name: dict(row) for name, row in result.answers.items()}
    measured = measure_use(result.suite.items, answers, ["tuned"], ["zero-shot", "rag"], 8)
    stored = {"measured": measured, "training": {"tuned": TRAINING}, "chosen": {"tuned": "tuned", "rival": "rag"}}
    table = load_prices([data_root() / "prices.yaml"])
    costs = {"tuned": {"training": {"seconds": 60.0, "peak_memory_mb": 900.0}}}
    trials = [
        Trial(rows, 0, {str(i): (float(i < 10 + at * 10), 1.0) for i in range(50)}, {str(i): str(i) for i in range(50)})
        for at, rows in enumerate((25, 50, 100, 200))
    ]
    curve = fit_curve(trials, "exact_match", lambda sums: sums[..., 0] / sums[..., 1], 0.02).to_json()
    more = {"forgetting": {"tuned": LOST}, "break_even": priced(stored, table), "costs": costs, "curve": curve}
    whole: dict[str, Any] = json.loads(json.dumps(result.to_json() | more))
    whole["variants"]["tuned"]["replicates"] = [{"adapter": name} for name in ("a", "b", "c")]
    return whole


def test_every_part_is_there_in_both_languages(document: dict[str, Any]) -> None:
    found = sections(document)
    assert [section.key for section in found] == ["forgetting", "break-even", "data-curve", "checklist"]
    korean, english = sections_text(found, "ko"), sections_text(found, "en")
    assert "일반 한국어 글의 손실" in korean and "+4.1 %" in korean and "미채점 1개: it broke" in korean
    assert "Loss on general Korean" in english and "+3.0 … +5.0" in english
    assert "never" in english and "그런 지점이 없어요" in korean  # equal use: tuning saves nothing
    assert "data/prices.yaml" in english and "measured in this run" in english and "training record" in english
    for language in LANGUAGES:
        lines = section_lines(found, language)
        assert any(line.startswith("## ") for line in lines) and "{" not in "".join(lines)
    html = Writer(document, "both").sections(found)
    assert html.count("<svg") == 2 and "an-adapter" not in html.split("<svg")[1].split("</svg>")[0]


def test_what_was_not_measured_is_left_out_or_said(judged: Callable[..., RunResult]) -> None:
    right = {"zero-shot": lambda at: True, "rag": lambda at: True, "tuned": lambda at: True}
    plain = judged(right).to_json()
    found = sections(plain)
    assert [section.key for section in found] == ["checklist"]
    lines = {line.key: line for line in checklist(plain)}
    missing = ("tunability", "effort", "compute", "data", "tokens", "cost", "reuse", "generality")
    assert all(not lines[key].measured for key in missing)
    assert lines["effort"].answer.en == "not measured" and "not measured" in lines["reuse"].answer.en
    assert lines["use_case"].measured and lines["alternatives"].measured
    later = sections(plain | {"forgetting": {"tuned": None}})
    note = later[0].blocks[1]
    assert isinstance(note, Note) and "joyul eval forgetting an-adapter" in text_of(note.text, "en")
    assert not sections(judged({"zero-shot": lambda at: True, "rag": lambda at: True}).to_json())


def test_a_broken_price_table_is_said_and_the_rest_stays(document: dict[str, Any]) -> None:
    found = sections(document | {"break_even": {"error": "prices.yaml:3: no price"}})
    assert "prices.yaml:3" in sections_text(found, "ko") and found[0].key == "forgetting"


def test_the_checklist_is_filled_from_figures(document: dict[str, Any]) -> None:
    lines = {line.key: line for line in checklist(document)}
    assert "+40.0" in lines["quality"].answer.en and "n = 200" in lines["quality"].answer.en
    assert "2.50 → 0.50" in lines["tunability"].answer.ko
    assert "+4.1" in lines["generality"].answer.ko and "3" in lines["seeds"].answer.ko
    assert "zero-shot" in lines["alternatives"].answer.en and "RAG" in lines["alternatives"].answer.ko
    assert lines["data"].answer.en.startswith("tuned: 50 rows; ")
    assert [line for line in lines.values() if not line.measured] == [lines["reuse"]]


def test_unscored_probes_show_their_number(document: dict[str, Any]) -> None:
    table = next(block for block in sections(document)[0].blocks if isinstance(block, Table))
    assert len(table.rows) == 2 + 2 * len(KINDS)
    assert {text_of(row[-1].text, "en") for row in table.rows} == {"100", "19"}


@pytest.mark.parametrize("requests", [None, 5_432.0, 9e9])
def test_the_cost_plot_stands_alone(requests: float | None) -> None:
    crossing = {
        "tuned": "<b>tuned",
        "rival": "rag",
        "requests": requests,
        "once": 1000.0,
        "monthly": 50.0,
        "cost_rival": 0.3,
        "cost_tuned": 0.2,
    }
    svg = cost_plot(crossing, 10_000.0, 12.0)
    root = ET.fromstring(svg)
    texts = [element.text for element in root.iter() if element.tag.endswith("text")]
    assert "<b>tuned" in texts and "rag" in texts
    assert ("5,432" in texts) == (requests == 5_432.0)
    assert svg.replace("http://www.w3.org/2000/svg", "").count("http") == 0 and "#" not in svg


def test_the_curve_plot_holds_all_points_inside_its_box(document: dict[str, Any]) -> None:
    picture = next(block for block in sections(document)[2].blocks if isinstance(block, Picture))
    root = ET.fromstring(picture.svg)
    dots = [element for element in root.iter() if element.tag.endswith("circle")]
    assert len(dots) == 4
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    assert all(0 < float(dot.attrib["cx"]) < width and 0 < float(dot.attrib["cy"]) < height for dot in dots)
    assert curve_plot([], []) == ""


def test_ticks_are_round() -> None:
    assert ticks(0.0, 100.0) == [0, 20, 40, 60, 80, 100]
    assert ticks(0.0, 0.0) == [0.0]


def test_money_keeps_small_amounts() -> None:
    assert money(12345.6, "KRW") == "12,346 KRW" and money(0.00042, "USD") == "0.00042 USD"
    assert money(-3.5, "USD") == "−3.50 USD" and money(None, "USD") == "–" and money(0.0, "KRW") == "0.00 KRW"


def test_every_word_takes_the_same_values_in_both_languages() -> None:
    from string import Formatter

    for key, (ko, en) in _WORDS.items():
        assert ko and en, key
        named = [{name for _, name, _, _ in Formatter().parse(text) if name} for text in (ko, en)]
        assert named[0] == named[1], key


def test_a_stored_bill_follows_a_changed_verdict(document: dict[str, Any]) -> None:
    def chosen(first: str, second: str) -> Any:
        verdict = Verdict("tune", "beats_every_rival", "exact_match", 0.02, 0.05, chosen=first, against=second)
        return stored_bill(verdict, document)

    tuned, untuned = chosen("tuned", "zero-shot"), chosen("rag", "tuned")
    assert tuned.break_even["chosen"] == {"tuned": "tuned", "rival": "zero-shot"}
    assert untuned.break_even["chosen"] == {"tuned": "tuned", "rival": "rag"}
    assert tuned.price.break_even_known and tuned.price.break_even_requests_per_month is None
    assert tuned.price.forgetting == {"ko": 0.0408, "en": 0.0408}
    assert tuned.to_json()["curve"] == document["curve"]
    nothing = chosen("zero-shot", "rag")
    assert nothing.break_even["chosen"] is None and not nothing.price.break_even_known
    assert stored_bill(Verdict("tune", "r", "m", 0.02, 0.05), {}).to_json() == {}


def test_several_adapters_of_one_variant_are_averaged() -> None:
    lost = LOST | {"adapters": [{"ko": 0.1, "en": 0.2}, {"ko": 0.3, "en": None}]}
    assert mean_change(lost, "ko") == pytest.approx(0.2) and mean_change(lost, "en") == 0.2
    assert mean_change(LOST, "ko") == 0.0408 and mean_change(None, "ko") is None
    found = forgetting_section({"forgetting": {"tuned": lost}, "variants": {"tuned": {}}})
    assert found is not None and "+20.0 % (+10.0 … +30.0)" in sections_text([found], "ko")


def test_the_sentence_claims_no_volume_that_the_interval_does_not_hold() -> None:
    def price(low: float | None, high: float | None, requests: float | None) -> Price:
        pair = {"tuned": "tuned", "rival": "rag", "known": True, "requests": requests}
        pair |= {"saving_low": low, "saving_high": high}
        chosen = {"tuned": "tuned", "rival": "rag"}
        return price_for({"pairs": [pair], "chosen": chosen}, {})

    assert price(0.1, 0.3, 7_316_216.0) == Price(7_300_000.0, True)
    assert price(-0.3, -0.1, None) == Price(None, True)  # dearer for sure
    assert price(-0.1, 0.3, 7_316_216.0).break_even_known is False
    assert price(None, None, 12.0) == Price(12.0, True)
