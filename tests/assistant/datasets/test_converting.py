"""A -> B -> A is A: exactly for what B holds, through the kept file for the rest; nothing is lost silently."""

import csv
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assistant.datasets.cells import TRIGGERS, neutral, restored
from assistant.datasets.converting import convert, kept_file
from assistant.datasets.options import ReadOptions
from assistant.errors import InputError, UsageError
from assistant.schema import normalise

EXAMPLES = 100 if settings.get_current_profile_name() == "thorough" else 12  # of each pair of formats
PLAIN = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=20).map(normalise)
TEXT = st.one_of(
    PLAIN, st.sampled_from(["=1+1", "'=x", "''", "a\r\nb", "\tx", "＝x", '"', ",", "[1]", "{}", "true", "요."])
)
SOLID = TEXT.filter(str.strip)
EXTRA = st.dictionaries(
    st.sampled_from(["n", "topic", "answer", "question", "label2", "group", "id", "kept", "messages", "tie"]),
    st.one_of(TEXT, st.integers(-(2**40), 2**40), st.booleans(), st.lists(TEXT, max_size=2), st.none()),
    max_size=2,
)
WEIGHTS = st.one_of(st.just({}), st.fixed_dictionaries({"weight": st.sampled_from([0, 1])}))


def chats(draw):
    turns = []
    if draw(st.booleans()):
        turns.append({"role": "system", "content": draw(SOLID)})
    for _ in range(draw(st.integers(1, 3))):
        turns.append({"role": "user", "content": draw(SOLID)})
        turns.append({"role": "assistant", "content": draw(SOLID), **draw(WEIGHTS)})
    return turns


CHAT = st.composite(chats)()


def with_extra(strategy, allowed=True):
    merged = st.tuples(strategy, EXTRA if allowed else st.just({})).map(lambda pair: {**pair[1], **pair[0]})
    return st.lists(merged, min_size=1, max_size=4)


def message(role):
    return SOLID.map(lambda text: [{"role": role, "content": text}])


FORMS = {
    "alpaca": with_extra(
        st.fixed_dictionaries({"instruction": SOLID, "output": SOLID}, optional={"input": TEXT, "system": SOLID})
    ),
    "sharegpt": with_extra(
        CHAT.map(
            lambda turns: {
                "conversations": [
                    {"from": {"user": "human", "assistant": "gpt"}.get(t["role"], t["role"]), "value": t["content"]}
                    for t in turns
                ]
            }
        )
    ),
    "openai": st.lists(CHAT.map(lambda turns: {"messages": turns}), min_size=1, max_size=4),
    "prompt-completion": with_extra(
        st.one_of(
            st.fixed_dictionaries({"prompt": SOLID, "completion": SOLID}),
            st.fixed_dictionaries({"prompt": message("user"), "completion": message("assistant")}),
        )
    ),
    "preference": with_extra(
        st.one_of(
            st.fixed_dictionaries(
                {"prompt": SOLID, "chosen": SOLID, "rejected": SOLID}, optional={"tie": st.booleans()}
            ),
            st.fixed_dictionaries(
                {"prompt": message("user"), "chosen": message("assistant"), "rejected": message("assistant")}
            ),
        ).map(lambda row: row)
    ),
    "unpaired": with_extra(st.fixed_dictionaries({"prompt": SOLID, "completion": SOLID, "label": st.booleans()})),
}
TARGETS = [
    "joyul",
    "alpaca",
    "sharegpt",
    "openai",
    "prompt-completion",
    "preference",
    "unpaired",
    "csv",
    "tsv",
    "parquet",
]


def usable(name, row):
    """A key of another format in a row would make it one of that format, or is checked by its own."""
    if "messages" in row and name != "openai":
        return False
    return name != "preference" or isinstance(row.get("tie", False), bool)


def write(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8", newline="\n")


def load(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


@pytest.mark.parametrize("to", TARGETS)
@pytest.mark.parametrize("form", FORMS)
def test_there_and_back_is_the_same(form, to, tmp_path_factory):
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(FORMS[form])
    def check(rows):
        rows = [row for row in rows if usable(form, row)]
        if not rows:
            return
        folder = tmp_path_factory.mktemp("way")
        start, middle, end = (
            folder / "a.jsonl",
            folder / f"b.{to if to in ('csv', 'tsv', 'parquet') else 'jsonl'}",
            folder / "c.jsonl",
        )
        write(start, rows)
        try:
            there = convert(start, middle, to, ReadOptions(format=form))
        except InputError as error:
            assert "no row fits" in error.message and error.details["lost_total"]
            assert not middle.exists() and not kept_file(middle).exists()
            return
        target = to if to not in ("csv", "tsv", "parquet") else "joyul"
        back = convert(middle, end, form, ReadOptions(format=target))
        assert load(end) == rows
        assert not [each for each in back["lost"] if "not put back" in each["why"]]
        if not there["lost_total"]:  # nothing was said to be lost, so the way back needs no help
            kept_file(middle).unlink(missing_ok=True)
            convert(middle, end, form, ReadOptions(format=target))
            bare = load(end)
            assert [{k: v for k, v in row.items() if k in given} for row, given in zip(bare, rows, strict=True)] == rows
        first = middle.read_bytes()
        if to != "parquet":
            convert(start, middle, to, ReadOptions(format=form))
            assert middle.read_bytes() == first

    check()


def test_what_a_format_cannot_hold_is_listed_by_row_and_key(tmp_path):
    rows = [{"instruction": "a", "input": "b", "output": "c", "n": 1}, {"instruction": "x", "input": "", "output": "y"}]
    write(tmp_path / "a.jsonl", rows)
    report = convert(tmp_path / "a.jsonl", tmp_path / "b.jsonl", "openai", ReadOptions())
    assert {(each["row"], each["key"]) for each in report["lost"]} == {(1, "instruction"), (1, "input"), (1, "n")}
    assert report["kept"] and report["written"] == 2
    assert load(tmp_path / "b.jsonl")[1] == {
        "messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]
    }


def test_a_bad_answer_never_becomes_a_target_and_comes_back_in_its_place(tmp_path):
    rows = [{"prompt": str(n), "completion": "c", "label": n % 2 == 0} for n in range(4)]
    write(tmp_path / "a.jsonl", rows)
    with pytest.raises(InputError, match="no row fits alpaca"):
        convert(tmp_path / "a.jsonl", tmp_path / "b.json", "alpaca", ReadOptions())
    mixed = [
        {"question": "s", "answer": "t"},
        {"question": "q", "chosen": "a", "rejected": "b"},
        {"question": "u", "answer": "v"},
    ]
    write(tmp_path / "m.jsonl", mixed)
    report = convert(tmp_path / "m.jsonl", tmp_path / "b.json", "alpaca", ReadOptions())
    assert report["written"] == 2 and report["lost"][0] == {
        "row": 2, "key": "preference", "why": "Alpaca rows are one question and its answer",
    }  # fmt: skip
    convert(tmp_path / "b.json", tmp_path / "back.jsonl", "joyul", ReadOptions())
    assert load(tmp_path / "back.jsonl") == mixed


def test_a_row_edited_meanwhile_keeps_its_edit_and_is_named(tmp_path):
    write(
        tmp_path / "a.jsonl",
        [{"instruction": "a", "input": "b", "output": "c"}, {"instruction": "d", "input": "e", "output": "f"}],
    )
    convert(tmp_path / "a.jsonl", tmp_path / "b.jsonl", "openai", ReadOptions())
    edited = load(tmp_path / "b.jsonl")
    edited[0]["messages"][1]["content"] = "better"
    write(tmp_path / "b.jsonl", edited)
    report = convert(tmp_path / "b.jsonl", tmp_path / "c.jsonl", "alpaca", ReadOptions())
    first, second = load(tmp_path / "c.jsonl")
    assert first["output"] == "better" and second == {"instruction": "d", "input": "e", "output": "f"}
    assert "row was changed" in report["lost"][0]["why"]


def test_bad_rows_stop_a_conversion_unless_told(tmp_path):
    write(tmp_path / "a.jsonl", [{"instruction": "a", "output": "b"}, {"instruction": 3, "output": "b"}])
    with pytest.raises(InputError, match=r"a.jsonl:2: instruction"):
        convert(tmp_path / "a.jsonl", tmp_path / "b.jsonl", "openai", ReadOptions())
    assert [file.name for file in tmp_path.iterdir()] == ["a.jsonl"]
    report = convert(tmp_path / "a.jsonl", tmp_path / "b.jsonl", "openai", ReadOptions(), skip_bad=True)
    assert report["written"] == 1 and len(report["problems"]) == 1
    for to in ("faq", "chatgpt", "yaml"):
        with pytest.raises(UsageError):
            convert(tmp_path / "a.jsonl", tmp_path / "c.jsonl", to, ReadOptions())


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(blacklist_categories=("Cs",)), max_size=12) | TEXT)
def test_a_neutral_cell_is_no_formula_and_comes_back(text):
    cell = neutral(text)
    assert restored(cell) == text
    assert cell.strip(" \u00a0\u3000\ufeff\u200b")[:1] not in TRIGGERS or not cell.strip()


def test_no_cell_of_an_exported_table_is_a_formula(tmp_path):
    starts = [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "＝1",
        "＋1",
        "－1",
        "＠A",
        " =1",
        "|cmd",
        "%0",
        "'=1",
        "\ufeff=1",
    ]
    rows = [{"question": f"{start} {n}", "answer": start} for n, start in enumerate(starts)]
    write(tmp_path / "a.jsonl", rows)
    convert(tmp_path / "a.jsonl", tmp_path / "b.csv", "csv", ReadOptions())
    with (tmp_path / "b.csv").open(encoding="utf-8-sig", newline="") as stream:
        cells = [cell for line in csv.reader(stream) for cell in line]
    assert not [cell for cell in cells if cell.lstrip()[:1] in set(TRIGGERS)]
    convert(tmp_path / "b.csv", tmp_path / "c.jsonl", "joyul", ReadOptions())
    assert load(tmp_path / "c.jsonl") == rows
    convert(tmp_path / "a.jsonl", tmp_path / "b.xlsx", "xlsx", ReadOptions())
    import openpyxl

    book = openpyxl.load_workbook(tmp_path / "b.xlsx")
    assert {cell.data_type for line in book.active for cell in line} == {"s"}
    convert(tmp_path / "b.xlsx", tmp_path / "c.jsonl", "joyul", ReadOptions())
    assert load(tmp_path / "c.jsonl") == rows
