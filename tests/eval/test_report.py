"""Reports: the JSON document's shape, escaping, no outside requests, both languages."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.schema import Passage, Variant
from eval.report import to_html, to_markdown, to_terminal
from eval.report_html import colours, forest
from eval.result import RunResult, assemble
from eval.schema import Answer, Comparison, Item, Suite
from eval.sentence import points
from eval.words import _METRICS, _WORDS

EVIL = "<script>alert(1)</script><img src=http://evil.example/x.png onerror=alert(2)>\"'{{ 7*7 }} | `x` \n# head"
Judge = Callable[..., RunResult]


def label_result(texts: dict[str, list[str]], errors: bool = False) -> RunResult:
    items = tuple(
        Item(
            f"ticket {at} {EVIL}",
            (json.dumps({"label": label, "urgency": "low"}),),
            f"template {at}",
            "en",
            document="ko/a.md",
            label=label,
            fields={"urgency": "low"},
        )
        for at, label in enumerate(["loan", "room", "loan", "event"])
    )
    specs = {
        name: Variant(
            name, recipe="grounded" if "rag" in name else "classify", adapter="a" if "tuned" in name else None
        )
        for name in texts
    }
    suite = Suite(
        "tickets",
        "label",
        items,
        tuple(specs.values()),
        "accuracy",
        ("accuracy", "macro_precision", "macro_recall", "macro_f1", "json_validity", "field_accuracy", "hit_at_k"),
        labels=("loan", "room", "event"),
        warnings=(EVIL,),
    )
    answers = {
        name: {
            item.id: Answer(
                text,
                (Passage("1", EVIL, 0, EVIL, 0.5),) if "rag" in name else (),
                query=EVIL if "rag" in name else None,
                base=EVIL,
                error=EVIL if errors and at == 0 else "",
            )
            for at, (item, text) in enumerate(zip(items, texts[name], strict=True))
        }
        for name in texts
    }
    return assemble(suite, specs=specs, fingerprints=dict.fromkeys(specs, "f"), answers=answers)


RIGHT = ['{"label": "loan", "urgency": "low"}', '{"label": "room"}', '{"label": "loan"}', '{"label": "event"}']
MIXED = ['{"label": "loan"}', EVIL, '{"label": "cinema"}', '{"label": "loan"}']


class Page(HTMLParser):
    """Collects what a browser would act on."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text: list[str] = []
        self._inside = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        (self.scripts if self._inside == "script" else self.text).append(data)


@pytest.fixture(scope="module")
def hostile() -> RunResult:
    return label_result({"zero-shot": MIXED, "rag": MIXED, "tuned": RIGHT, 'a<b>&"c': MIXED}, errors=True)


def test_html_escapes_what_models_and_documents_say(hostile: RunResult) -> None:
    page = Page(to_html(hostile))
    names = [tag for tag, _ in page.tags]
    assert names.count("script") == 1
    assert "alert" not in page.scripts[0]
    assert "img" not in names
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert any(EVIL.splitlines()[0] in text for text in page.text)


def test_html_asks_nobody_for_anything(hostile: RunResult) -> None:
    html = to_html(hostile)
    page = Page(html)
    for tag, attributes in page.tags:
        assert tag not in ("link", "iframe", "object", "embed", "base", "form", "a"), tag
        assert not {"src", "href", "srcset", "action", "background", "data", "poster"} & set(attributes), (
            tag,
            attributes,
        )
    style = re.search(r"<style>(.*?)</style>", html, re.S)
    assert style and "url(" not in style[1] and "@import" not in style[1]
    assert "default-src 'none'" in html


def test_html_holds_both_languages_and_every_part(judged: Judge) -> None:
    right = {"zero-shot": lambda at: at % 4 == 0, "rag": lambda at: at % 2 == 0, "tuned": lambda at: True}
    result = judged(right, count=24)
    html = to_html(result)
    page = Page(html)
    verdict = result.verdict.text
    assert any(verdict["ko"] in text for text in page.text)
    assert any(verdict["en"] in text for text in page.text)
    flags = [attributes["data-flags"] or "" for tag, attributes in page.tags if "data-flags" in attributes]
    assert len(flags) == 24
    assert sum("differ" in each for each in flags) == 18
    assert html.index("</header>") < html.index(verdict["ko"]) < html.index("<svg") < html.index("data-filter")


def test_long_sets_are_cut_in_the_browser_and_said(judged: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eval.report_html.SHOWN_ITEMS", 5)
    html = to_html(judged({"zero-shot": lambda _: True, "rag": lambda _: True, "tuned": lambda _: True}, count=24))
    assert html.count("data-flags=") == 5
    assert "The first 5 of 24 are shown." in html


def test_markdown_stays_markdown(hostile: RunResult) -> None:
    text = to_markdown(hostile)
    assert not re.search(r"<[a-z]", text)
    assert text.startswith("# tickets: not_enough_evidence\n")
    for line in text.splitlines():
        if line.startswith("|"):
            cells = re.split(r"(?<!\\)\|", line)
            assert len(cells) in (8, 7, 9)


def test_terminal_shows_both_sentences_and_no_markup(hostile: RunResult) -> None:
    text = to_terminal(hostile, "ko")
    assert hostile.verdict.text["ko"].split(".")[0] in text
    assert hostile.verdict.text["en"] in text
    assert "[bold]" not in text


def test_confusion_counts_every_scored_answer_and_shows_unparsable() -> None:
    result = label_result({"zero-shot": MIXED, "rag": MIXED, "tuned": RIGHT})
    table = result.scored.confusions["zero-shot"]
    assert table == {
        "loan": {"loan": 1, "(outside the labels)": 1},
        "room": {"(unparsable)": 1},
        "event": {"loan": 1},
    }
    assert result.scored.estimates["zero-shot"]["accuracy"].mean == 0.25
    assert result.scored.classes["tuned"]["room"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0}
    assert result.scored.classes["zero-shot"]["loan"] == {
        "precision": pytest.approx(0.5),
        "recall": pytest.approx(0.5),
        "f1": pytest.approx(0.5),
    }
    assert "(unparsable)" in to_html(result)


def test_search_metrics_stay_away_from_variants_that_do_not_search() -> None:
    result = label_result({"zero-shot": MIXED, "rag": MIXED, "tuned": RIGHT})
    assert "hit_at_k" in result.scored.estimates["rag"]
    assert "hit_at_k" not in result.scored.estimates["tuned"]


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_the_json_document(data: st.DataObject) -> None:
    """Whatever the answers: the keys of the promise, finite fractions, intervals round their means."""
    names = data.draw(
        st.lists(st.sampled_from(["zero-shot", "few-shot", "rag", "tuned", "rag-tuned"]), min_size=1, unique=True)
    )
    texts = {name: data.draw(st.lists(st.sampled_from([*RIGHT, *MIXED]), min_size=4, max_size=4)) for name in names}
    document = json.loads(json.dumps(label_result(texts, errors=data.draw(st.booleans())).to_json(), allow_nan=False))
    assert {"suite", "base", "variants", "verdict"} <= set(document)
    assert set(document["variants"]) == set(names)
    for variant in document["variants"].values():
        assert {"metrics", "prompt_tokens", "completion_tokens", "seconds"} <= set(variant)
        for metric in variant["metrics"].values():
            assert {"mean", "low", "high", "n", "unscored"} <= set(metric)
            if metric["n"]:
                assert 0 <= metric["mean"] <= 1
            if metric["low"] is not None:
                assert metric["low"] - 1e-9 <= metric["mean"] <= metric["high"] + 1e-9
            assert metric["n"] + metric["unscored"] == 4 or metric["n"] == metric["unscored"] == 0
    verdict = document["verdict"]
    assert {"choice", "against", "metric", "delta", "low", "high", "n", "text"} <= set(verdict)
    assert verdict["choice"] in ("prompt", "rag", "tune", "rag+tune", "not_enough_evidence")
    assert set(verdict["text"]) == {"ko", "en"} and all(verdict["text"].values())


def test_points() -> None:
    assert [points(0.061), points(-0.0612, signed=True), points(0.02, signed=True), points(None)] == [
        "6.1",
        "−6.1",
        "+2.0",
        "–",
    ]
    assert points(-0.0001, signed=True) == points(0.0) == "0.0"


def test_forest_geometry() -> None:
    pair = Comparison("tuned", "rag", "m", 0.05, 0.01, 0.09, 10, 10, 0.025)
    gone = replace(pair, delta=None, low=None, high=None)
    plot = forest([pair, gone], 0.02)
    first, second = plot.rows
    assert first.low is not None and first.x is not None and first.high is not None
    assert plot.band[0] < plot.zero < first.low < plot.band[1] < first.x < first.high < plot.width
    assert (second.x, second.low, second.high) == (None, None, None)
    assert first.y < second.y < plot.height


def test_colours_are_fixed_and_distinct() -> None:
    chosen = colours(["mine", "rag", "tuned", "other"])
    assert chosen["rag"] == "#2563eb" and chosen["tuned"] == "#7c3aed"
    assert len(set(chosen.values())) == 4


def test_every_word_has_both_languages() -> None:
    for korean, english in [*_WORDS.values(), *_METRICS.values()]:
        assert korean and english
