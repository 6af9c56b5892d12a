"""Several tabs and no tab at all: answers go on, tabs converge, a queue has an end."""

import threading
from collections.abc import Generator
from dataclasses import replace
from typing import Any

import pytest

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
