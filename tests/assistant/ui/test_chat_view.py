"""The chat page's handlers: what is stored, what is shown, what stays when something fails."""

import json
from dataclasses import replace

import pytest

from assistant.chat import Options
from assistant.collect import EXAMPLES, read
from assistant.errors import InputError, UsageError
from assistant.ui.chat_view import ChatPage, View
from assistant.ui.context import Page
from assistant.ui.knobs import Knobs
from assistant.ui.tab import Tab

QUESTION = "How much is parking?"


@pytest.fixture
def chat(page: Page) -> ChatPage:
    return ChatPage(page)


def _settle(chat: ChatPage, tab: Tab) -> View:
    """Follow the answer under way to its end."""
    list(chat.follow(tab))
    return chat.state(tab)


def _send(chat: ChatPage, text: str = QUESTION, tab: Tab | None = None, variant: str = "rag") -> tuple[Tab, View]:
    tab = tab or Tab()
    chat.send(tab, text, variant, chat.knobs(variant))
    return tab, _settle(chat, tab)


def _last(chat: ChatPage, tab: Tab) -> str:
    return chat.store.messages(tab.conversation)[-1].id


def test_first_visit_says_what_this_is_and_offers_three_questions(chat: ChatPage, korean: Page) -> None:
    assert chat.thread("").count('data-act="ask"') == 3
    assert "scripted model" in chat.thread("")
    assert "도서관" in ChatPage(korean).thread("")


def test_first_visit_asks_whether_tuning_pays_and_gives_the_newest_verdict(chat: ChatPage, korean: Page) -> None:
    assert 'data-to="evaluate"' in chat.thread("") and "Get a verdict" in chat.thread("")
    runs = chat.page.services.home.runs
    for name, choice, lead in (
        ("zoo-20260102T000000-aaaaaaaa", "rag", "RAG면 충분해요."),
        ("abc-20260103T000000-bbbbbbbb", "rag+tune", "튜닝까지 <제값>을 해요."),
    ):
        (runs / name).mkdir(parents=True)
        verdict = {"choice": choice, "text": {"ko": f"{lead} 나머지는 여기에. 또 있어요.", "en": "Tuning pays. More."}}
        document = {"suite": name[:3], "verdict": verdict}
        (runs / name / "result.json").write_text(json.dumps(document), encoding="utf-8")
    shown = ChatPage(korean).thread("")
    assert "RAG+튜닝" in shown and "<b>튜닝까지 &lt;제값&gt;을 해요.</b>" in shown and "abc" in shown
    assert "나머지" not in shown and "RAG면" not in shown
    (runs / "abc-20260103T000000-bbbbbbbb" / "result.json").write_text("{", encoding="utf-8")
    assert "판정 받기" in ChatPage(korean).thread("")


def test_an_answer_is_stored_and_carries_its_receipt(chat: ChatPage) -> None:
    tab = Tab()
    view = chat.send(tab, QUESTION, "rag", chat.knobs("rag"))
    assert view.busy is True and view.composer == "" and QUESTION in (view.thread or "")
    assert QUESTION in (view.chats or "")
    last = _settle(chat, tab)
    assert last.busy is False and last.live == ""
    stored = chat.store.messages(tab.conversation)
    assert [m.role for m in stored] == ["user", "assistant"] and stored[1].status == "done"
    for part in ('class="receipt"', "scripted@", 'data-act="source"', 'data-act="up"', 'data-form="save"'):
        assert part in (last.thread or "")


def test_an_empty_message_does_nothing(chat: ChatPage) -> None:
    assert chat.send(Tab(), "  \n", "rag", chat.knobs("rag")) == View()
    assert chat.store.conversations() == []


def test_an_unknown_variant_keeps_the_text_in_the_composer(chat: ChatPage) -> None:
    with pytest.raises(UsageError):
        chat.send(Tab(), QUESTION, "no-such", Knobs())
    assert chat.store.conversations() == []


def test_a_failed_answer_says_why_and_can_be_retried(chat: ChatPage) -> None:
    broken = replace(chat.variants.spec("zero-shot"), name="broken", adapter="gone")
    (chat.page.services.home.root / "variants.yaml").write_text(
        f"variants:\n  broken: {{recipe: {broken.recipe}, adapter: gone}}\n", encoding="utf-8"
    )
    tab, view = _send(chat, variant="broken")
    thread = view.thread or ""
    assert "This answer failed" in thread and "gone" in thread and "Retry" in thread and "Traceback" not in thread
    assert chat.store.messages(tab.conversation)[0].content == QUESTION
    chat.regenerate(tab, _last(chat, tab), "rag", chat.knobs("rag"))
    assert _settle(chat, tab).busy is False and chat.store.messages(tab.conversation)[-1].status == "done"


def test_regenerating_keeps_the_earlier_answer_one_click_away(chat: ChatPage) -> None:
    tab, _ = _send(chat)
    first = _last(chat, tab)
    chat.regenerate(tab, first, "zero-shot", chat.knobs("zero-shot"))
    assert "2/2" in (_settle(chat, tab).thread or "")
    second = _last(chat, tab)
    assert second != first
    back = chat.branch(tab, first)
    assert "1/2" in (back.thread or "") and _last(chat, tab) == first


def test_an_edited_question_is_a_branch_also_at_the_very_start(chat: ChatPage) -> None:
    tab, _ = _send(chat)
    _send(chat, "And on Sundays?", tab)
    root, _, follow_up, _ = chat.store.messages(tab.conversation)
    chat.revise(tab, root.id, "Where are the lockers?", "rag", chat.knobs("rag"))
    thread = _settle(chat, tab).thread or ""
    assert "2/2" in thread and "Where are the lockers?" in thread and "And on Sundays?" not in thread
    assert [m.role for m in chat.store.messages(tab.conversation)] == ["user", "assistant"]
    assert chat.store.conversation(tab.conversation).title == "Where are the lockers?"
    back = chat.branch(tab, root.id)
    assert "1/2" in (back.thread or "") and "And on Sundays?" in (back.thread or "")
    chat.revise(tab, follow_up.id, "And on Mondays?", "rag", chat.knobs("rag"))
    assert [m.content for m in chat.store.messages(tab.conversation) if m.role == "user"] == [
        QUESTION,
        "And on Mondays?",
    ]
    _settle(chat, tab)
    answer = chat.store.messages(tab.conversation)[1]
    with pytest.raises(InputError):
        chat.revise(tab, answer.id, "not mine", "rag", chat.knobs("rag"))


def test_a_thumb_is_kept_and_shown(chat: ChatPage) -> None:
    tab, _ = _send(chat)
    view = chat.thumb(tab, _last(chat, tab), "down")
    assert [f.kind for f in chat.store.feedback()] == ["down"]
    assert 'aria-pressed="true"' in (view.thread or "")


def test_a_correction_is_kept_with_the_difference_shown(chat: ChatPage) -> None:
    tab, _ = _send(chat)
    answer = chat.store.messages(tab.conversation)[-1]
    view = chat.correct(tab, answer.id, "Parking is <free> today")
    (kept,) = chat.store.feedback(answer.id)
    assert kept.kind == "edit" and kept.text == "Parking is <free> today"
    assert chat.store.messages(tab.conversation)[-1].content == answer.content
    assert "Kept as a training example" in (view.thread or "") and "<ins>" in (view.thread or "")
    assert "<free>" not in (view.thread or "")
    assert '"answer": "Parking is <free> today"' in read(chat.page.services.home, EXAMPLES)


@pytest.mark.parametrize("better", ["", "   "])
def test_an_empty_correction_is_refused(chat: ChatPage, better: str) -> None:
    tab, _ = _send(chat)
    with pytest.raises(InputError):
        chat.correct(tab, _last(chat, tab), better)
    with pytest.raises(InputError):
        chat.correct(tab, _last(chat, tab), chat.store.messages(tab.conversation)[-1].content)
    assert chat.store.feedback() == [] and read(chat.page.services.home, EXAMPLES) == ""


def test_the_page_touches_only_messages_it_shows(chat: ChatPage) -> None:
    tab, _ = _send(chat)
    other, _ = _send(chat, "Where are the lockers?")
    message = _last(chat, tab)
    knobs = chat.knobs("rag")
    for forbidden in (
        lambda: chat.thumb(other, message, "up"),
        lambda: chat.correct(Tab(), message, "x"),
        lambda: chat.regenerate(other, message, "rag", knobs),
        lambda: chat.revise(other, message, "x", "rag", knobs),
        lambda: chat.branch(other, message),
    ):
        with pytest.raises(InputError):
            forbidden()


def test_history_is_listed_found_renamed_opened_and_deleted(chat: ChatPage) -> None:
    tab, _ = _send(chat)
    other, _ = _send(chat, "Where are the lockers?")
    assert "Today" in chat.list_chats(tab) and chat.list_chats(tab).count('data-act="open"') == 2
    assert chat.list_chats(Tab(search="lockers")).count('data-act="open"') == 1
    assert "No conversation matches" in chat.list_chats(Tab(search="zebra%"))
    assert "Cars" in (chat.rename(tab, tab.conversation, "  Cars  and bikes ").chats or "")
    assert chat.store.conversation(tab.conversation).title == "Cars and bikes"
    chat.rename(tab, tab.conversation, "  ")
    assert chat.store.conversation(tab.conversation).title == "Cars and bikes"
    assert QUESTION in (chat.open(tab, tab.conversation).thread or "")
    assert chat.default_variant(tab.conversation) == "rag"
    gone = tab.conversation
    view = chat.delete(tab, gone)
    assert tab.conversation == "" and gone not in (view.chats or "")
    assert chat.delete(Tab(), other.conversation).thread is None
    assert chat.store.conversations() == []


def test_sending_to_a_deleted_conversation_says_so(chat: ChatPage) -> None:
    tab, _ = _send(chat)
    chat.store.delete_conversation(tab.conversation)
    with pytest.raises(InputError, match="deleted"):
        chat.send(tab, "Still there?", "rag", chat.knobs("rag"))


def test_an_unknown_conversation_opens_an_empty_page(chat: ChatPage) -> None:
    tab = Tab()
    view = chat.open(tab, "../../etc/passwd")
    assert tab.conversation == "" and 'data-act="ask"' in (view.thread or "")


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
    tab, view = _send(chat, attack, variant="zero-shot")
    shown = (view.thread or "") + (view.chats or "")
    assert "<img" not in shown and "<script" not in shown
    assert attack in chat.store.messages(tab.conversation)[0].content


def test_of_a_person_who_said_no_nothing_is_kept(chat: ChatPage) -> None:
    tab, _ = _send(chat)
    chat.store.set_consent("local", False)
    for judge in (
        lambda: chat.thumb(tab, _last(chat, tab), "up"),
        lambda: chat.correct(tab, _last(chat, tab), "Better"),
    ):
        with pytest.raises(InputError, match="Collecting is switched off"):
            judge()
    with pytest.raises(UsageError, match="'local' refused"):
        chat.store.add_feedback(_last(chat, tab), "up")
    chat.store.set_consent("local", True)
    assert chat.store.feedback() == [] and not read(chat.page.services.home, EXAMPLES)


def test_a_thumb_asks_why_and_keeps_reason_comment_and_tags(chat: ChatPage, korean: Page) -> None:
    tab, _ = _send(chat)
    answer = _last(chat, tab)
    assert 'data-form="why"' not in chat.thread(tab.conversation)
    asked = chat.thumb(tab, answer, "down").thread or ""
    assert asked.count('data-act="why"') == 6 and "Not in the sources" in asked
    assert chat.explain(tab, answer, "down", "", "  ").thread, "nothing said, nothing kept"
    said = chat.explain(tab, answer, "down", "wrong", "시간이 달라요 #시간 #hours").thread or ""
    kept = chat.store.feedback(answer)
    assert [(each.kind, each.reason, each.text, each.tags) for each in kept] == [
        ("down", "", "", []),
        ("down", "wrong", "시간이 달라요", ["시간", "hours"]),
    ]
    assert "It is wrong · 시간이 달라요 · #시간 #hours" in said and 'data-form="why"' not in said
    assert "내용이 틀려요" in ChatPage(korean).thread(tab.conversation)
    for kind, reason in (("edit", ""), ("up", "wrong"), ("down", "<b>")):
        with pytest.raises(InputError):
            chat.explain(tab, answer, kind, reason, "x")
