"""Edits, votes, thumbs and answers kept after another become typed rows; a bad answer never becomes a target."""

import pytest

from assistant.dataset import read_examples
from assistant.datasets.feedback import BuildOptions, build
from assistant.errors import InputError
from assistant.store import Store


@pytest.fixture
def store(tmp_path):
    opened = Store(tmp_path / "joyul.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def chat(store):
    """Return a conversation of two questions with the ids of its answers; the first was answered twice."""
    key = store.create_conversation("대화")
    ask = store.add_message(key, "user", "언제 열어요?")
    refused = store.add_message(key, "assistant", "몰라요.", parent=ask)
    kept = store.add_message(key, "assistant", "아홉 시에 열어요.", parent=ask)
    more = store.add_message(key, "user", "제 번호는 010-1234-5678이에요. 주차는요?", parent=kept)
    last = store.add_message(key, "assistant", "안 돼요.", parent=more)
    return {"id": key, "refused": refused, "kept": kept, "last": last}


def rows_of(datasets, store, votes=(), **options):
    build(datasets, store, votes, BuildOptions(**options))
    return list(datasets.get(options.get("name", "feedback")).rows())


def test_an_edit_is_a_target_and_a_pair(datasets, store, chat):
    store.add_feedback(chat["last"], "edit", text="버려질 글")
    store.add_feedback(chat["last"], "edit", text="두 시간까지 돼요.", reason="틀림", author="ann")
    store.add_feedback(chat["last"], "edit", text="세 시간까지 돼요.", reason="틀림", author="ann")
    target, pair = rows_of(datasets, store, origins=["edit"], without=["local"])
    assert target["answer"] == pair["chosen"] == "세 시간까지 돼요." and pair["rejected"] == "안 돼요."
    assert "answer" not in pair and target["group"] == chat["id"] and target["user"] == "ann"
    assert target["question"] == "제 번호는 [PHONE]이에요. 주차는요?"
    assert [turn["content"] for turn in target["history"]] == ["언제 열어요?", "아홉 시에 열어요."]
    read = read_examples(datasets.get("feedback").rows_file)
    assert [example.answer for example in read] == ["세 시간까지 돼요.", ""]


def test_an_edit_that_changes_nothing_gives_nothing(datasets, store, chat):
    store.add_feedback(chat["last"], "edit", text=" 안 돼요. ")
    with pytest.raises(InputError, match="no feedback"):
        rows_of(datasets, store, origins=["edit", "thumb", "vote"])
    assert datasets.names() == []


def test_the_newest_thumb_is_a_label_and_never_a_target(datasets, store, chat):
    store.add_feedback(chat["kept"], "down")
    store.add_feedback(chat["kept"], "up", tags=["clear"])
    store.add_feedback(chat["last"], "down", reason="틀림")
    good, bad = rows_of(datasets, store, origins=["thumb"])
    assert (good["completion"], good["label"], good["tags"]) == ("아홉 시에 열어요.", True, ["clear"])
    assert (bad["label"], bad["reason"]) == (False, "틀림") and "answer" not in good
    with pytest.raises(InputError, match="answer: missing"):
        read_examples(datasets.get("feedback").rows_file, need_answer=True)


def test_an_answer_the_chat_went_on_with_is_a_weak_pair(datasets, store, chat):
    (pair,) = rows_of(datasets, store, origins=["regenerate"])
    assert (pair["chosen"], pair["rejected"], pair["weak"]) == ("아홉 시에 열어요.", "몰라요.", True)
    other = store.create_conversation()
    ask = store.add_message(other, "user", "q")
    store.add_message(other, "assistant", "one", parent=ask)
    store.add_message(other, "assistant", "two", parent=ask)  # nobody went on from it
    assert len(rows_of(datasets, store, origins=["regenerate"])) == 1


def test_votes_keep_ties_and_bad_answers_apart(datasets, store):
    for choice, answers in (("a", ["하나", "둘"]), ("tie", ["셋", "넷"]), ("both_bad", ["다섯", "여섯"])):
        store.add_vote(f"물음 {choice}", ["a", "b"], answers, [{}, {}], choice, blind=True, language="ko", author="bob")
    won, tie, *bad = rows_of(datasets, store, votes=store.votes(), origins=["vote"])
    assert (won["chosen"], won["rejected"], won["variants"]) == ("하나", "둘", ["a", "b"]) and "tie" not in won
    assert tie["tie"] is True and {tie["chosen"], tie["rejected"]} == {"셋", "넷"}
    assert [(row["completion"], row["label"]) for row in bad] == [("다섯", False), ("여섯", False)]
    with pytest.raises(InputError, match="no feedback"):
        rows_of(datasets, store, votes=store.votes(), origins=["vote"], without=["bob"])


def test_what_was_deleted_is_not_in_the_next_version(datasets, store, chat):
    store.add_feedback(chat["last"], "up")
    other = store.create_conversation()
    ask = store.add_message(other, "user", "q")
    store.add_feedback(store.add_message(other, "assistant", "a", parent=ask), "up")
    assert len(rows_of(datasets, store)) == 3
    store.delete_conversation(chat["id"])
    assert len(rows_of(datasets, store)) == 1
    first, second = datasets.versions("feedback")
    assert second.manifest.parent == first.manifest.version and len(second.manifest.sources) == 1
