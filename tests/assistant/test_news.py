"""What a page is told of: its own conversation at once, the order of the list now and then."""

import math
from pathlib import Path

import pytest

from assistant import news
from assistant.news import News
from assistant.store import Store


def test_an_order_is_told_at_once_then_at_most_now_and_then_but_never_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(news, "ORDER_SECONDS", math.inf)
    told = News()
    first = told.of("x")
    told.moved()
    second = told.of("x")
    assert second > first
    told.moved()
    assert told.of("x") == second
    monkeypatch.setattr(news, "ORDER_SECONDS", 0.0)
    third = told.of("x")
    assert third > second and told.of("x") == third


def test_every_change_is_told_to_those_who_see_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(news, "ORDER_SECONDS", math.inf)
    store = Store(tmp_path / "joyul.sqlite")
    mine, other = store.create_conversation("mine"), store.create_conversation("other")

    def seen() -> tuple[int, int, int]:
        (listed, here), (_, there) = store.news.of(mine), store.news.of(other)
        return listed, here, there

    store.news.moved()
    steps = [seen()]

    def change() -> tuple[bool, bool, bool]:
        steps.append(seen())
        listed, here, there = (now != before for now, before in zip(steps[-1], steps[-2], strict=True))
        return listed, here, there

    question, answer = store.add_turn(mine, "?")
    assert change() == (False, True, False)
    store.update_message(answer, "half", "streaming")
    assert change() == (False, False, False)
    store.update_message(answer, "whole", "done")
    assert change() == (False, True, False)
    store.add_feedback(answer, "up")
    assert change() == (False, True, False)
    store.add_message(other, "user", "!")
    assert change() == (False, False, True)
    store.show_branch(mine, question)
    assert change() == (False, True, False)
    store.rename_conversation(mine, "renamed")
    assert change() == (True, False, False)
    store.add_turn(other, "titled", title="titled")
    assert change() == (True, False, True)
    store.delete_conversation(other)
    assert change() == (True, False, True)
    assert store.changes == 10, "the review page counts all of it but the half answer"
    store.close()
