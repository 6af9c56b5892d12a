"""Reports: the JSON document's shape, escaping, no outside requests, both languages."""

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.errors import DamagedError
from assistant.schema import Passage, Variant
from eval.record import Record, lines, load_record, record_of
from eval.reports import sections_of
from eval.reports.axis import axis_for
from eval.reports.blocks import Difference, Forest
from eval.reports.browser import browser_data
from eval.reports.file import to_html
from eval.reports.look import kind_of
from eval.reports.markdown import to_markdown
from eval.reports.terminal import to_terminal
from eval.result import RunResult, assemble
from eval.schema import Answer, Item, Suite
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
def hostile() -> Record:
    result = label_result({"zero-shot": MIXED, "rag": MIXED, "tuned": RIGHT, 'a<b>&"c': MIXED}, errors=True)
    return record_of(result)


def test_html_escapes_what_models_and_documents_say(hostile: Record) -> None:
    html = to_html(hostile)
    page = Page(html)
    names = [tag for tag, _ in page.tags]
    assert names.count("script") == 2 and "img" not in names
    data, code = page.scripts[0], page.scripts[1]
    assert "alert" not in code and "<" not in data
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    item = json.loads(data)["items"][0]
    assert item["q"].endswith(EVIL) and EVIL in item["a"][0][1]
    assert any(EVIL.splitlines()[0] in text for text in page.text)
    assert "innerHTML" not in code and "insertAdjacent" not in code


def test_html_asks_nobody_for_anything(hostile: Record) -> None:
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
    assert not re.search(r"fetch\(|XMLHttpRequest|WebSocket|import\(", page.scripts[1])


def test_html_holds_both_languages_and_every_part(judged: Judge) -> None:
    right = {"zero-shot": lambda at: at % 4 == 0, "rag": lambda at: at % 2 == 0, "tuned": lambda at: True}
    record = record_of(judged(right, count=24))
    html = to_html(record)
    page = Page(html)
    for text in record.document["verdict"]["text"].values():
        assert text in "".join(page.text)
    for section in sections_of(record.document):
        assert f'data-section="{section.key}"' in html
        assert not isinstance(section.title, str) and section.title.ko in html and section.title.en in html
    verdict = record.document["verdict"]["text"]["ko"].partition(". ")[0]
    assert html.index("</header>") < html.index(verdict) < html.index('class="forest"') < html.index('id="items"')


def test_the_browser_flags_what_its_filters_look_for(judged: Judge) -> None:
    right = {"zero-shot": lambda at: at % 4 == 0, "rag": lambda at: at % 2 == 0, "tuned": lambda at: at > 7}
    data = browser_data(record_of(judged(right, errors={"rag": lambda at: at == 3}, count=24)))
    flags = [item["f"] for item in data["items"]]
    assert [at for at, each in enumerate(flags) if "w" in each] == [1, 3, 5, 7]
    assert [at for at, each in enumerate(flags) if "f" in each] == [3]
    assert [at for at, each in enumerate(flags) if "u" in each] == [3]
    differ = [at for at, each in enumerate(flags) if "d" in each]
    assert differ == [0, 2, 4, 6, *(at for at in range(8, 24) if at % 4)]
    answer = data["items"][3]["a"][1]
    assert (answer[0], answer[1], answer[4][0]) == ("", "it broke", None)
    assert data["metrics"][0] == {"name": "exact_match", "ko": "정확 일치", "en": "exact match"}


def test_figures_lead_to_their_items(hostile: Record) -> None:
    shown = {attributes["data-show"] for _, attributes in Page(to_html(hostile)).tags if "data-show" in attributes}
    assert "variant=zero-shot&true=event&said=loan" in shown
    assert "variant=tuned&other=zero-shot&only=differ" in shown
    assert any(each and each.startswith("variant=tuned&metric=accuracy") for each in shown)
    assert any(each and "part=language" in each for each in shown)


def test_markdown_stays_markdown(hostile: Record) -> None:
    for language, title in (("en", "# tickets: not enough evidence\n"), ("ko", "# tickets: 증거 부족\n")):
        text = to_markdown(hostile.document, language)
        assert not re.search(r"<[a-z]", text)
        assert text.startswith(title)
        lines = text.splitlines()
        for at, line in enumerate(lines):
            if line.startswith("| ---"):
                cells = [len(re.split(r"(?<!\\)\|", each)) for each in lines[at - 1 : at + 3] if each.startswith("|")]
                assert len(set(cells)) == 1, lines[at - 1 : at + 3]


def test_terminal_shows_both_sentences_and_no_markup(hostile: Record) -> None:
    text = to_terminal(hostile.document, "ko")
    verdict = hostile.document["verdict"]["text"]
    assert verdict["ko"].split(".")[0] in text
    assert verdict["en"].split(".")[0] in text
    assert "[bold]" not in text and "정답률" in text and "제로샷" in text


def test_a_record_comes_back_whole(hostile: Record, tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text(json.dumps(hostile.document), encoding="utf-8")
    text = "".join(f"{line}\n" for line in lines(hostile))
    (tmp_path / "record.jsonl").write_text(text, encoding="utf-8")
    again = load_record(tmp_path)
    assert again.rows == hostile.rows and again.declaration == hostile.declaration
    assert again.suite.fingerprint == hostile.suite.fingerprint
    assert to_html(again) == to_html(hostile)
    assert len(json.loads(text.splitlines()[0])["passages"]) == 1
    (tmp_path / "record.jsonl").write_text(text[: len(text) // 2], encoding="utf-8")
    with pytest.raises(DamagedError, match=r"record\.jsonl"):
        load_record(tmp_path)


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
    assert "(unparsable)" in to_html(record_of(result))


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


def test_forest_axis_holds_everything_on_round_ticks() -> None:
    rows = (Difference("tuned", "rag", 0.05, 0.01, 0.09), Difference("zero-shot", "rag", None, None, None))
    axis = axis_for(Forest(rows, 0.02))
    assert axis.low <= -0.02 and axis.high >= 0.09
    assert 0 <= axis.at(-0.02) < axis.at(0.0) < axis.at(0.01) < axis.at(0.05) < axis.at(0.09) <= 100
    assert "0" in [text for _, text in axis.ticks] and len(axis.ticks) <= 9
    wide = axis_for(Forest((Difference("a", "b", -1.0, -1.0, 1.0),), 0.02))
    assert (wide.low, wide.high) == (-1.0, 1.0)


def test_variants_keep_their_looks() -> None:
    assert kind_of("rag") == "rag" and kind_of("mine", {"approach": "rag+tune"}) == "rag-tuned"
    assert kind_of("gpt", {"approach": "prompt", "model": "big"}) == "remote"
    assert kind_of("mine", {"approach": "prompt", "shots": 3}) == "few-shot" and kind_of("mine") == "zero-shot"


def test_a_korean_report_says_how_its_intervals_were_made_in_korean(judged: Judge) -> None:
    right = {"zero-shot": lambda at: at % 4 == 0, "rag": lambda at: at % 2 == 0, "tuned": lambda at: at % 9 > 0}
    text = to_markdown(record_of(judged(right, count=40)).document, "ko")
    assert re.search("부트스트랩|묶음 t 구간", text) and "맥니마" in text
    assert not re.search("bootstrap|McNemar|cluster t|permutation", text)


def test_every_word_has_both_languages() -> None:
    for korean, english in [*_WORDS.values(), *_METRICS.values()]:
        assert korean and english
