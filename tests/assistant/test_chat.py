"""Chat and compare on real parts: stored turns, branches, receipts, stop, failure."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.chat import ChatService, Options, title_of
from assistant.compare import compare
from assistant.errors import InputError, ResourceError, UsageError
from assistant.models.pool import ModelPool
from assistant.paths import Home
from assistant.retrieval.library import Library
from assistant.schema import Message, Sampling, collect
from assistant.settings import Settings
from assistant.store import Store
from assistant.variants import VariantFactory

VARIANTS = """
variants:
  bare: {recipe: zero_shot}
  read: {recipe: grounded, k: 2}
  lost: {recipe: zero_shot, adapter: not-there}
"""


class Parts:
    def __init__(self, settings: Settings, home: Home) -> None:
        self.store = Store(home.database)
        self.library = Library(home, self.store, settings.retrieval)
        self.pool = ModelPool(settings)
        self.variants = VariantFactory(settings, home, self.pool, self.library)
        self.chat = ChatService(self.store, self.variants)

    def close(self) -> None:
        self.pool.close()
        self.library.close()
        self.store.close()


@pytest.fixture
def parts(settings: Settings, home: Home, tmp_path: Path) -> Iterator[Parts]:
    (home.root / "variants.yaml").write_text(VARIANTS, encoding="utf-8")
    note = tmp_path / "locker.md"
    note.write_text("# 보관함\n\n보관함 열쇠는 1층 안내대에서 빌려요. 보증금은 1,000원이에요.\n", encoding="utf-8")
    opened = Parts(settings, home)
    opened.library.add([note])
    yield opened
    opened.close()


def last(stream):
    update = None
    for update in stream:  # noqa: B007 - only the end matters
        pass
    return update


def test_an_answer_is_stored_with_its_receipt_and_passages(parts: Parts):
    chat = parts.store.create_conversation()
    update = last(parts.chat.answer(chat, "보관함 열쇠는 어디에서 빌려요?", "read"))
    assert update.status == "done" and update.receipt.recipe == "grounded"
    question, answer = parts.store.messages(chat)
    assert question.content == "보관함 열쇠는 어디에서 빌려요?"
    assert answer.status == "done" and "안내대" in answer.content
    assert answer.passages[0]["document"] == "locker.md"
    assert answer.receipt["base"].startswith("scripted@") and answer.receipt["query"] == question.content
    assert parts.store.conversations()[0].title == question.content


def test_the_question_is_committed_before_anything_is_generated(parts: Parts):
    chat = parts.store.create_conversation()
    stream = parts.chat.answer(chat, "첫 질문", "bare")
    next(stream)
    assert [(m.role, m.status) for m in parts.store.messages(chat)] == [("user", "done"), ("assistant", "streaming")]
    stream.close()
    assert parts.store.messages(chat)[-1].status == "stopped"


def test_a_send_that_fails_has_stored_nothing_so_that_sending_again_doubles_nothing(parts: Parts):
    chat = parts.store.create_conversation()
    last(parts.chat.answer(chat, "첫 질문", "bare"))
    with parts.store.engine.begin() as raw:  # the disk fills up between the question and the answer's row
        raw.exec_driver_sql(
            "CREATE TRIGGER full BEFORE INSERT ON messages WHEN NEW.role = 'assistant' AND NEW.content = '' "
            "BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
        )
    with pytest.raises((ResourceError, InputError)):
        next(parts.chat.answer(chat, "둘째 질문", "bare"))
    assert [m.content for m in parts.store.messages(chat) if m.role == "user"] == ["첫 질문"]
    assert parts.store.counts()["messages"] == 2


def test_regenerating_keeps_the_first_answer_as_a_sibling(parts: Parts):
    chat = parts.store.create_conversation()
    first = last(parts.chat.answer(chat, "다시 말해 줘", "bare")).message_id
    second = last(parts.chat.regenerate(chat, first, "bare")).message_id
    branch = parts.store.messages(chat)
    assert branch[-1].id == second and branch[-1].siblings == [first, second]
    third = last(parts.chat.answer(chat, "이어서", "bare"))
    assert [m.role for m in parts.store.messages(chat)] == ["user", "assistant", "user", "assistant"]
    assert third.status == "done"


def test_a_revised_question_is_a_sibling_and_the_newest_branch_through_it_opens(parts: Parts):
    chat = parts.store.create_conversation()
    last(parts.chat.answer(chat, "첫 질문", "bare"))
    last(parts.chat.answer(chat, "둘째 질문", "bare"))
    first = parts.store.messages(chat)[0]
    last(parts.chat.revise(chat, first.id, "고친 질문", "bare"))
    question, _ = parts.store.messages(chat)
    assert question.siblings == [first.id, question.id] and parts.store.conversation(chat).title == "고친 질문"
    parts.store.show_branch(chat, first.id)
    assert [m.content for m in parts.store.messages(chat) if m.role == "user"] == ["첫 질문", "둘째 질문"]


def test_a_finished_answer_waits_for_a_full_disk_to_give_way(parts: Parts, monkeypatch):
    monkeypatch.setattr("assistant.chat.SAVE_PAUSE", 0.0)
    written, refusals = parts.store.update_message, iter([True, True, False])

    def update_message(*args, **kwargs):
        if next(refusals):
            raise ResourceError("disk full", "free some space")
        written(*args, **kwargs)

    monkeypatch.setattr(parts.store, "update_message", update_message)
    chat = parts.store.create_conversation()
    updates = list(parts.chat.answer(chat, "안녕", "bare"))
    assert [n.key for u in updates[-2:] for n in u.generation.notices] == ["unsaved", "unsaved"]
    assert parts.store.messages(chat)[-1].status == "done" and parts.store.messages(chat)[-1].notices == []


def test_a_failing_variant_leaves_a_failed_turn_and_the_chat_goes_on(parts: Parts):
    chat = parts.store.create_conversation()
    update = last(parts.chat.answer(chat, "안녕", "lost"))
    assert update.status == "failed" and "not-there" in update.error
    assert parts.store.messages(chat)[-1].status == "failed"
    assert last(parts.chat.answer(chat, "안녕", "bare")).generation.text.startswith("안녕하세요")
    seen = [m.content for m in parts.store.messages(chat)]
    assert seen[0] == seen[2] == "안녕"


def test_an_empty_message_is_refused_and_nothing_is_stored(parts: Parts):
    chat = parts.store.create_conversation()
    with pytest.raises(InputError):
        next(parts.chat.answer(chat, "  \n", "bare"))
    assert parts.store.messages(chat) == []


def test_options_change_the_fingerprint(parts: Parts):
    chat = parts.store.create_conversation()
    plain = last(parts.chat.answer(chat, "하나 둘 셋 넷", "bare")).receipt
    options = Options(sampling=Sampling(max_tokens=2))
    short = last(parts.chat.answer(chat, "하나 둘 셋 넷", "bare", options))
    assert short.receipt.fingerprint != plain.fingerprint
    assert short.generation.text == "하나 둘" and short.receipt.finish == "length"


def test_a_question_without_passages_says_so(parts: Parts):
    made = collect(parts.variants.build("read").stream([Message("user", "zebra quantum xylophone?")]))
    assert made.passages == () and [notice.key for notice in made.notices] == ["nothing_found"]


def test_an_unknown_variant_names_the_nearest(parts: Parts):
    with pytest.raises(UsageError) as caught:
        parts.variants.spec("baer")
    assert "'bare'" in caught.value.hint


def test_compare_streams_all_columns_and_a_broken_one_does_not_stop_the_rest(parts: Parts):
    states = last(compare(parts.variants, "안녕", ["bare", "lost", "read"]))
    assert [state.status for state in states] == ["done", "failed", "done"]
    assert states[0].receipt is not None and states[1].error


def test_a_changed_document_changes_the_fingerprint_of_variants_that_read_it(parts: Parts, tmp_path: Path):
    read, bare = (parts.variants.fingerprint(parts.variants.spec(name)) for name in ("read", "bare"))
    other = tmp_path / "other.md"
    other.write_text("# 요금\n\n입장료는 없어요.\n", encoding="utf-8")
    parts.library.add([other])
    assert parts.variants.fingerprint(parts.variants.spec("read")) != read
    assert parts.variants.fingerprint(parts.variants.spec("bare")) == bare


def test_titles_are_one_short_line():
    assert title_of(" 첫 줄\n둘째 줄 ") == "첫 줄 둘째 줄"
    assert len(title_of("가" * 200)) == 48
