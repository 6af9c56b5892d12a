"""Votes in files: what goes out comes back, spreadsheets run nothing, and every bad row is named with its line."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.errors import InputError, UsageError
from assistant.operations.vote_files import read_votes, write_votes
from assistant.records import Vote

VOTE = Vote(
    "a1", "주차비는?", "ko", ["rag", "tuned"], ["하나", "둘"], [{"fingerprint": "f1"}, {}], "rag", True, "me", 1.5
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
RISKY = st.sampled_from(["=1+1", "+82-2", "-1", "@SUM(A1)", "'=x", "''", "\t=x", "\r\n", "a\nb", '"', ",", "﻿", "\x00"])
ANY = TEXT | RISKY
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | ANY, lambda inner: st.dictionaries(ANY, inner, max_size=2)
)


@st.composite
def _votes(draw: st.DrawFn) -> list[Vote]:
    found = []
    for number in range(draw(st.integers(0, 4))):
        names = draw(
            st.lists(ANY.filter(lambda t: t not in ("", "tie", "both_bad")), min_size=2, max_size=4, unique=True)
        )
        choice = draw(st.sampled_from([*names, "tie", "both_bad"]))
        receipts = [draw(st.dictionaries(ANY, JSON, max_size=2)) for _ in names]
        seen = (names, [draw(ANY) for _ in names], receipts, choice, draw(st.booleans()), draw(ANY))
        question = draw(ANY.filter(str.strip))
        created = draw(st.floats(0, 4e9))
        where = (draw(ANY), draw(ANY), draw(ANY))
        found.append(Vote(f"v-{number}", question, draw(st.sampled_from(["ko", "en"])), *seen, created, *where))
    return found


@pytest.mark.parametrize("ending", ["jsonl", "csv"])
@settings(deadline=None, max_examples=1000 if settings.get_current_profile_name() == "thorough" else 120)
@given(votes=_votes())
def test_what_goes_out_comes_back(ending: str, votes: list[Vote]) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / f"votes.{ending}"
        write_votes(file, votes)
        assert read_votes(file) == (votes, 0)
        assert read_votes(file, votes) == ([], len(votes))


def test_a_spreadsheet_runs_nothing_of_it_and_reads_korean(tmp_path: Path) -> None:
    file = tmp_path / "votes.csv"
    write_votes(file, [replace(VOTE, answers=["=HYPERLINK(1)", "@x"], question="+1?")])
    assert file.read_bytes().startswith(b"\xef\xbb\xbf")
    cells = file.read_text(encoding="utf-8-sig").splitlines()[1].split(",")
    assert not [cell for cell in cells if cell.strip('"')[:1] in tuple("=+-@")]
    assert file.stat().st_mode & 0o077 == 0


BAD_ROWS = [
    ({"choice": "few-shot"}, "choice: 'few-shot' was not compared"),
    ({"variants": ["rag"]}, "variants: expected two to four"),
    ({"answers": ["one"]}, "answers, receipts: expected one of each"),
    ({"answers": [1, 2]}, "answers: expected a list of texts"),
    ({"receipts": [[], {}]}, "receipts: expected a list of objects"),
    ({"blind": 1}, "blind: expected true or false"),
    ({"created": "noon"}, "created: expected seconds"),
    ({"created": -1}, "created: expected seconds"),
    ({"created": 10**400}, "created: expected seconds"),
    ({"language": "fr"}, "language: expected one of ko, en"),
    ({"language": ["ko"]}, "language: expected one of ko, en"),
    ({"id": "../x"}, "id: expected"),
    ({"id": 7}, "id: expected text"),
    ({"author": "x" * 65}, "author: has 65 characters"),
    ({"question": "  "}, "question: is empty"),
    ({"question": "\ud800"}, "question: holds half"),
    ({"surprise": 1}, "'surprise': unknown key"),
    ({"question": None}, "question: expected text"),
]


@pytest.mark.parametrize(("change", "problem"), BAD_ROWS, ids=[problem[:30] for _, problem in BAD_ROWS])
def test_a_bad_row_is_named_with_its_line_and_nothing_is_taken(tmp_path: Path, change: dict, problem: str) -> None:
    file = tmp_path / "votes.jsonl"
    rows = [asdict(VOTE), asdict(replace(VOTE, id="a2")) | change]
    file.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    with pytest.raises(InputError) as refused:
        read_votes(file)
    assert refused.value.message.startswith(f"votes.jsonl:2: {problem}")


@pytest.mark.parametrize(
    ("line", "problem"),
    [("{", "not JSON"), ("[1]", "one JSON object"), ('{"id": "a", "id": "b"}', "twice"), ("{}", "id: missing")],
)
def test_what_is_no_row_is_named(tmp_path: Path, line: str, problem: str) -> None:
    file = tmp_path / "votes.jsonl"
    file.write_text(f"\n{line}\n", encoding="utf-8")
    with pytest.raises(InputError, match=problem) as refused:
        read_votes(file)
    assert refused.value.message.startswith("votes.jsonl:2: ")


def test_bad_tables_are_named_with_the_line_a_row_begins_on(tmp_path: Path) -> None:
    file = tmp_path / "votes.csv"
    write_votes(file, [replace(VOTE, question="two\nlines"), replace(VOTE, id="a2")])
    text = file.read_text(encoding="utf-8-sig")
    for change, problem in (
        (text.replace("a2,", "a2,extra,"), "votes.csv:4: 23 cells under 22 columns"),
        (text.replace("choice", "chosen", 1), "votes.csv:1: expected the columns id,"),
        (text.replace("true", "maybe", 1), "votes.csv:2: blind: expected true or false"),
        (text.replace("1.5", "nan", 1), "votes.csv:2: created: expected seconds"),
        (text.replace("{}", "[]", 1), "votes.csv:2: receipt_2: expected one JSON object"),
        (text + '"open', "votes.csv:5: not readable as CSV"),
    ):
        file.write_text(change, encoding="utf-8", newline="")
        with pytest.raises(InputError) as refused:
            read_votes(file)
        assert refused.value.message.startswith(problem)


def test_all_problems_come_at_once_up_to_fifty(tmp_path: Path) -> None:
    file = tmp_path / "votes.jsonl"
    file.write_text("\n".join(json.dumps(asdict(VOTE) | {"choice": str(n)}) for n in range(80)), encoding="utf-8")
    with pytest.raises(InputError) as refused:
        read_votes(file)
    problems = refused.value.details["problems"]
    assert isinstance(problems, list) and len(problems) == 50 and problems[49].startswith("votes.jsonl:50: ")


def test_history_is_never_changed_by_a_file(tmp_path: Path) -> None:
    file = tmp_path / "votes.jsonl"
    write_votes(file, [replace(VOTE, choice="tuned")])
    with pytest.raises(InputError, match="kept already, with other content"):
        read_votes(file, [VOTE])
    write_votes(file, [VOTE, VOTE])
    with pytest.raises(InputError, match="already on line 1"):
        read_votes(file)


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="JSONL or CSV"):
        write_votes(tmp_path / "votes.xlsx", [])
    with pytest.raises(InputError, match="cannot be read"):
        read_votes(tmp_path / "none.csv")
    (tmp_path / "old.csv").write_bytes("주차".encode("cp949"))
    with pytest.raises(InputError, match="not UTF-8"):
        read_votes(tmp_path / "old.csv")
