"""The chat page's handlers: what is stored, what is shown, what stays when something fails."""

from dataclasses import replace

import pytest

from assistant.chat import Options
from assistant.errors import InputError, UsageError
from assistant.ui.chat_view import ChatPage, Knobs, View
from assistant.ui.context import Page

QUESTION = "How much is parking?"


@pytest.fixture
def chat(page: Page) -> ChatPage:
    return ChatPage(page)


def _send(chat: ChatPage, text: str = QUESTION, conversation: str = "", variant: str = "rag") -> tuple[str, list[View]]:
    views = list(chat.send(text, conversation, variant, chat.knobs(variant)))
    return views[-1].conversation or "", views


def _answer(chat: ChatPage, conversation: str) -> str:
    return chat.store.messages(conversation)[-1].id


def test_first_visit_says_what_this_is_and_offers_three_questions(chat: ChatPage, korean: Page) -> None:
    assert chat.thread("").count('data-act="ask"') == 3
    assert "scripted model" in chat.thread("")
    assert "도서관" in ChatPage(korean).thread("")


def test_an_answer_is_streamed_stored_and_carries_its_receipt(chat: ChatPage) -> None:
    conversation, views = _send(chat)
    assert views[0].busy is True and views[0].composer == "" and QUESTION in (views[0].thread or "")
    assert views[-1].busy is False and views[-1].live == ""
    stored = chat.store.messages(conversation)
    assert [m.role for m in stored] == ["user", "assistant"] and stored[1].status == "done"
    thread = views[-1].thread or ""
    for part in ('class="receipt"', "scripted@", 'data-act="source"', 'data-act="up"', 'data-local="correct"'):
        assert part in thread
    assert QUESTION in (views[-1].chats or "")


def test_a_message_is_stored_before_anything_is_shown(chat: ChatPage) -> None:
    stream = chat.send(QUESTION, "", "rag", chat.knobs("rag"))
    first = next(stream)
    assert [m.content for m in chat.store.messages(first.conversation or "")] == [QUESTION, ""]
    stream.close()
    assert chat.store.messages(first.conversation or "")[-1].status == "stopped"
    assert not chat.page.running.busy(first.conversation or "")


def test_stop_ends_the_answer_and_says_so(chat: ChatPage) -> None:
    stream = chat.send(QUESTION, "", "rag", chat.knobs("rag"))
    first = next(stream)
    chat.stop(first.conversation or "")
    last = list(stream)[-1]
    assert chat.store.messages(first.conversation or "")[-1].status == "stopped"
    assert "Stopped." in (last.thread or "") and "Retry" in (last.thread or "") and last.busy is False


def test_an_empty_message_does_nothing(chat: ChatPage) -> None:
    assert list(chat.send("  \n", "", "rag", chat.knobs("rag"))) == []
    assert chat.store.conversations() == []


def test_an_unknown_variant_keeps_the_text_in_the_composer(chat: ChatPage) -> None:
    with pytest.raises(UsageError):
        list(chat.send(QUESTION, "", "no-such", Knobs()))
    assert chat.store.conversations() == []


def test_a_failed_answer_says_why_and_can_be_retried(chat: ChatPage) -> None:
    broken = replace(chat.variants.spec("zero-shot"), name="broken", adapter="gone")
    (chat.page.services.home.root / "variants.yaml").write_text(
        f"variants:\n  broken: {{recipe: {broken.recipe}, adapter: gone}}\n", encoding="utf-8"
    )
    conversation, views = _send(chat, variant="broken")
    thread = views[-1].thread or ""
    assert "This answer failed" in thread and "gone" in thread and "Retry" in thread and "Traceback" not in thread
    assert chat.store.messages(conversation)[0].content == QUESTION
    again = list(chat.regenerate(_answer(chat, conversation), conversation, "rag", chat.knobs("rag")))
    assert chat.store.messages(conversation)[-1].status == "done" and again[-1].busy is False


def test_regenerating_keeps_the_earlier_answer_one_click_away(chat: ChatPage) -> None:
    conversation, _ = _send(chat)
    first = _answer(chat, conversation)
    views = list(chat.regenerate(first, conversation, "zero-shot", chat.knobs("zero-shot")))
    second = _answer(chat, conversation)
    assert second != first and "2/2" in (views[-1].thread or "")
    back = chat.branch(first, conversation)
    assert "1/2" in (back.thread or "") and _answer(chat, conversation) == first


def test_a_thumb_is_kept_and_shown(chat: ChatPage) -> None:
    conversation, _ = _send(chat)
    view = chat.thumb(_answer(chat, conversation), "down", conversation)
    assert [f.kind for f in chat.store.feedback()] == ["down"]
    assert 'aria-pressed="true"' in (view.thread or "")


def test_a_correction_is_kept_with_the_difference_shown(chat: ChatPage) -> None:
    conversation, _ = _send(chat)
    answer = _answer(chat, conversation)
    before = chat.store.messages(conversation)[-1].content
    view = chat.correct(answer, "Parking is <free> today", conversation)
    (kept,) = chat.store.feedback(answer)
    assert kept.kind == "edit" and kept.text == "Parking is <free> today"
    assert chat.store.messages(conversation)[-1].content == before
    assert "Kept as a training example" in (view.thread or "") and "<ins>" in (view.thread or "")
    assert "<free>" not in (view.thread or "")


@pytest.mark.parametrize("better", ["", "   "])
def test_an_empty_correction_is_refused(chat: ChatPage, better: str) -> None:
    conversation, _ = _send(chat)
    with pytest.raises(InputError):
        chat.correct(_answer(chat, conversation), better, conversation)
    with pytest.raises(InputError):
        chat.correct(_answer(chat, conversation), chat.store.messages(conversation)[-1].content, conversation)
    assert chat.store.feedback() == []


def test_the_page_touches_only_messages_it_shows(chat: ChatPage) -> None:
    conversation, _ = _send(chat)
    other, _ = _send(chat, "Where are the lockers?")
    with pytest.raises(InputError):
        chat.thumb(_answer(chat, conversation), "up", other)
    with pytest.raises(InputError):
        chat.correct(_answer(chat, conversation), "x", "")
    with pytest.raises(InputError):
        list(chat.regenerate(_answer(chat, conversation), other, "rag", chat.knobs("rag")))


def test_history_is_listed_found_opened_and_deleted(chat: ChatPage) -> None:
    conversation, _ = _send(chat)
    other, _ = _send(chat, "Where are the lockers?")
    assert "Today" in chat.list_chats() and chat.list_chats().count('data-act="open"') == 2
    assert chat.list_chats(search="lockers").count('data-act="open"') == 1
    assert "No conversation matches" in chat.list_chats(search="zebra%")
    assert QUESTION in (chat.open(conversation).thread or "")
    assert chat.default_variant(conversation) == "rag"
    view = chat.delete(conversation, conversation)
    assert view.conversation == "" and conversation not in (view.chats or "")
    assert chat.delete(other, "").thread is None
    assert chat.store.conversations() == []


def test_an_unknown_conversation_opens_an_empty_page(chat: ChatPage) -> None:
    view = chat.open("../../etc/passwd")
    assert view.conversation == "" and 'data-act="ask"' in (view.thread or "")


def test_an_untouched_drawer_changes_nothing(chat: ChatPage) -> None:
    spec = chat.variants.spec("rag")
    assert Knobs.of(spec).options(spec) == Options()
    changed = Knobs.of(spec)._replace(temperature=0.7, seed=3, k=4, system=" Be short. ").options(spec)
    assert changed.sampling and changed.sampling.temperature == 0.7 and changed.sampling.seed == 3
    assert changed.k == 4 and changed.system == "Be short."
    with pytest.raises(InputError):
        Knobs.of(spec)._replace(seed=None).options(spec)  # type: ignore[arg-type]


def test_hostile_titles_and_messages_stay_text(chat: ChatPage) -> None:
    attack = '"><img src=x onerror=alert(1)><script>alert(1)</script>'
    conversation, views = _send(chat, attack, variant="zero-shot")
    shown = (views[-1].thread or "") + (views[-1].chats or "")
    assert "<img" not in shown and "<script" not in shown and attack in chat.store.messages(conversation)[0].content
