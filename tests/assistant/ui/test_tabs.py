"""Several tabs and no tab at all: answers go on, tabs converge, a queue has an end."""

import math
import threading
from collections.abc import Generator
from dataclasses import replace
from typing import Any

import pytest

from assistant import news
from assistant.chat import ChatUpdate
from assistant.errors import InputError
from assistant.schema import Generation
from assistant.ui.chat_view import ChatPage, View
from assistant.ui.context import Page
from assistant.ui.tab import Tab

QUESTION = "How much is parking?"


@pytest.fixture
def chat(page: Page) -> ChatPage:
    return ChatPage(page)


@pytest.fixture
def slow(chat: ChatPage, monkeypatch: pytest.MonkeyPatch) -> ChatPage:
    """A page whose model goes on until it is stopped."""
    written = chat.chat._written

    def endless(*args: Any) -> Generator[ChatUpdate, None, None]:
        update = next(written(*args))
        wait = threading.Event()
        while True:
            yield replace(update, status="streaming", generation=Generation("Parking"))
            wait.wait(0.01)

    monkeypatch.setattr(chat.chat, "_written", endless)
    return chat


def _settle(chat: ChatPage, tab: Tab) -> View:
    """Follow the answer under way to its end."""
    list(chat.follow(tab))
    return chat.state(tab)


def _send(chat: ChatPage, text: str = QUESTION, tab: Tab | None = None, variant: str = "rag") -> tuple[Tab, View]:
    tab = tab or Tab()
    chat.send(tab, text, variant, chat.knobs(variant))
    return tab, _settle(chat, tab)


def test_an_answer_goes_on_when_its_tab_closes(chat: ChatPage) -> None:
    tab = Tab()
    chat.send(tab, QUESTION, "rag", chat.knobs("rag"))
    live = chat.page.running.live(tab.conversation)
    watching = chat.follow(tab)
    next(watching, None)
    watching.close()
    assert live is None or live.over.wait(10)
    (_, answer) = chat.store.messages(tab.conversation)
    assert answer.status == "done" and answer.content
    again = Tab()
    assert answer.content[:10] in (chat.open(again, tab.conversation).thread or "")


def test_another_tab_sees_it_grow_and_both_end_alike(slow: ChatPage) -> None:
    first, second = Tab(), Tab()
    slow.send(first, QUESTION, "rag", slow.knobs("rag"))
    opened = slow.open(second, first.conversation)
    assert opened.busy is True and opened.live and slow.sync(second, second.conversation).live
    slow.stop(second)
    ends = [_settle(slow, tab) for tab in (first, second)]
    assert ends[0] == ends[1] and "Stopped." in (ends[0].thread or "") and "Retry" in (ends[0].thread or "")
    assert slow.store.messages(first.conversation)[-1].status == "stopped"


def test_a_second_question_waits_its_turn_and_keeps_its_text(slow: ChatPage) -> None:
    tab = Tab()
    slow.send(tab, QUESTION, "rag", slow.knobs("rag"))
    other = Tab()
    slow.open(other, tab.conversation)
    with pytest.raises(InputError, match="still being written"):
        slow.send(other, "And bikes?", "rag", slow.knobs("rag"))
    assert len(slow.store.messages(tab.conversation)) == 2
    slow.stop(tab)
    _settle(slow, tab)


def test_a_full_queue_says_how_many_are_ahead_and_leaves_nothing(slow: ChatPage) -> None:
    slow.page.running._most = 2
    tabs = [Tab(), Tab()]
    for tab in tabs:
        slow.send(tab, QUESTION, "rag", slow.knobs("rag"))
    late = Tab()
    with pytest.raises(InputError, match="2 other answers"):
        slow.send(late, "Too much?", "rag", slow.knobs("rag"))
    assert len(slow.store.conversations()) == 2 and late.conversation == ""
    for tab in tabs:
        slow.stop(tab)
        _settle(slow, tab)


def test_opening_another_chat_ends_the_view_of_the_first(slow: ChatPage) -> None:
    tab = Tab()
    slow.send(tab, QUESTION, "rag", slow.knobs("rag"))
    first = tab.conversation
    watching = slow.follow(tab)
    next(watching)
    slow.open(tab, "")
    assert list(watching) == [] and slow.page.running.live(first) is not None
    slow.page.running.stop(first)


def test_tabs_on_one_chat_converge_and_a_quiet_one_is_left_alone(chat: ChatPage) -> None:
    first, _ = _send(chat)
    second = Tab()
    chat.open(second, first.conversation)
    assert chat.sync(second, second.conversation) == View()
    _send(chat, "Where are the lockers?", first)
    seen = chat.sync(second, second.conversation)
    assert "Where are the lockers?" in (seen.thread or "") and seen.composer is None
    assert chat.sync(second, second.conversation) == View()
    chat.store.create_conversation("Elsewhere")
    other = chat.sync(second, second.conversation)
    assert other.thread is None and "Elsewhere" in (other.chats or "")
    chat.delete(first, first.conversation)
    assert 'data-act="ask"' in (chat.sync(second, second.conversation).thread or "") and second.conversation == ""


def test_a_page_that_outlived_the_app_finds_its_conversation(chat: ChatPage) -> None:
    tab, _ = _send(chat)
    fresh = Tab()
    assert QUESTION in (chat.sync(fresh, tab.conversation).thread or "") and fresh.conversation == tab.conversation


def test_what_others_write_elsewhere_is_no_news_here(chat: ChatPage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(news, "ORDER_SECONDS", math.inf)
    mine, _ = _send(chat)
    theirs, _ = _send(chat, "Where are the lockers?")
    chat.sync(mine, mine.conversation)
    _send(chat, "And at night?", theirs)
    assert chat.sync(mine, mine.conversation) == View()
    chat.rename(theirs, theirs.conversation, "Lockers")
    told = chat.sync(mine, mine.conversation)
    assert "Lockers" in (told.chats or "") and told.thread is None


def test_a_tab_that_follows_is_told_the_end_once_and_one_whose_stream_broke_off_asks(slow: ChatPage) -> None:
    follower, broken = Tab(), Tab()
    slow.send(follower, QUESTION, "rag", slow.knobs("rag"))
    slow.open(broken, follower.conversation)
    watching, breaking = slow.follow(follower), slow.follow(broken)
    assert "data-followed" in next(watching) and "data-followed" in next(breaking)
    for tab in (follower, broken):
        assert slow.sync(tab, tab.conversation) == View()
    slow.stop(follower)
    list(watching)
    breaking.close()
    end = slow.settle(follower)
    assert "Stopped." in (end.thread or "") and end.live == "" and end.busy is False
    assert slow.settle(follower) == View() == slow.sync(follower, follower.conversation)
    assert slow.sync(broken, broken.conversation).thread == end.thread


def test_an_answer_that_was_over_before_anybody_followed_it_is_shown(chat: ChatPage, slow: ChatPage) -> None:
    tab = Tab()
    slow.send(tab, QUESTION, "rag", slow.knobs("rag"))
    live = slow.page.running.live(tab.conversation)
    slow.stop(tab)
    assert live is not None and live.over.wait(10)
    assert list(slow.follow(tab)) == [] and "Stopped." in (slow.settle(tab).thread or "")


def test_a_turn_is_drawn_once_and_anew_when_it_changes(chat: ChatPage, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    draw = chat._draw

    def counted(message: Any, newest: bool, judged: Any) -> str:
        drawn.append(message.id)
        return draw(message, newest, judged)

    monkeypatch.setattr(chat, "_draw", counted)
    tab, _ = _send(chat)
    question, answer = chat.store.messages(tab.conversation)
    drawn.clear()
    chat.thread(tab.conversation)
    assert drawn == []
    chat.thumb(tab, answer.id, "up")
    assert drawn == [answer.id]
    _send(chat, "Where are the lockers?", tab)
    assert question.id not in drawn
