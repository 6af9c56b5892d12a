"""Votes in the state database: what is kept, what is refused, and votes from before a column was added."""

import sqlite3
from pathlib import Path

import pytest

from assistant.errors import InputError, UsageError
from assistant.records import Vote
from assistant.store import Store

PAIR = (["rag", "tuned"], ["하나", "둘"], [{"fingerprint": "f1"}, {"fingerprint": "f2"}])


@pytest.fixture
def store(tmp_path: Path):
    opened = Store(tmp_path / "joyul.sqlite")
    yield opened
    opened.close()


def test_a_vote_keeps_what_was_seen_and_where_it_belongs(store: Store) -> None:
    key = store.add_vote(
        "주차비는?", *PAIR, "rag", blind=True, language="ko", author="jimin", task="qa", suite="handbook", item="h-7"
    )
    (vote,) = store.votes()
    assert vote == Vote(key, "주차비는?", "ko", *PAIR, "rag", True, "jimin", vote.created, "qa", "handbook", "h-7")


@pytest.mark.parametrize(
    ("variants", "choice"),
    [
        (["rag"], "rag"),
        (["rag", "rag"], "rag"),
        (["a", "b", "c", "d", "e"], "a"),
        (["rag", "tie"], "tie"),
        (["rag", "tuned"], "few-shot"),
    ],
)
def test_what_is_no_vote_is_refused(store: Store, variants: list[str], choice: str) -> None:
    with pytest.raises(InputError, match="cannot be kept"):
        store.add_vote("q", variants, [""] * len(variants), [{}] * len(variants), choice, blind=True, language="en")
    assert store.votes() == []


def test_whole_votes_are_kept_all_or_none(store: Store) -> None:
    good = Vote("a" * 16, "q", "en", *PAIR, "tie", True, "local", 1.0)
    with pytest.raises(InputError, match="one of each"):
        store.add_votes([good, Vote("b" * 16, "q", "en", ["x", "y"], ["1"], [{}, {}], "tie", True, "local", 2.0)])
    assert store.votes() == []
    store.add_votes([good])
    assert store.votes() == [good]


def test_votes_from_before_the_columns_are_still_there(tmp_path: Path) -> None:
    file = tmp_path / "joyul.sqlite"
    store = Store(file)
    store.add_vote("q", *PAIR, "tie", blind=True, language="en")
    store.close()
    with sqlite3.connect(file) as raw:
        for name in ("task", "suite", "item"):
            raw.execute(f"ALTER TABLE votes DROP COLUMN {name}")
        raw.execute("UPDATE alembic_version SET version_num = '0001'")
    store = Store(file)
    (vote,) = store.votes()
    store.close()
    assert (vote.choice, vote.task, vote.suite, vote.item) == ("tie", "", "", "")
    assert list(tmp_path.glob("joyul.before-*.sqlite")), "the database is copied before it is changed"


def test_an_older_joyul_leaves_the_votes_alone(tmp_path: Path) -> None:
    file = tmp_path / "joyul.sqlite"
    Store(file).close()
    with sqlite3.connect(file) as raw:
        raw.execute("UPDATE alembic_version SET version_num = 'from-the-future'")
    with pytest.raises(UsageError, match="created by a newer version"):
        Store(file)
