"""Conversations taken out of the app: what was answered comes back as a dataset, everything can be read."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from assistant.datasets.importing import ImportOptions, import_file
from assistant.datasets.store import DatasetStore
from assistant.errors import InputError, UsageError
from assistant.operations import perform

if TYPE_CHECKING:
    from assistant.services import Services

SAID = [("언제 열어요?", "아홉 시에 열어요."), ("그럼 주말은?", '"쉬어요"\n# 정말로')]


def _talk(services: "Services") -> str:
    """Return a conversation with two answers, a failed one in between, and a question nobody answered."""
    store = services.store
    chat = store.create_conversation("시간")
    at: str | None = None
    for question, answer in SAID:
        at = store.add_message(chat, "assistant", answer, parent=store.add_message(chat, "user", question, parent=at))
        lost = store.add_message(chat, "user", "Lost?", parent=at)
        at = store.add_message(chat, "assistant", "", parent=lost, status="failed")
    store.add_message(chat, "user", "Still there?", parent=at)
    store.create_conversation("empty")
    return chat


def test_what_was_answered_is_imported_as_it_was(services: "Services", tmp_path: Path) -> None:
    chat = _talk(services)
    done = perform(services, "chats.export", {})
    assert (
        done["conversations"] == 1 and done["text"] == perform(services, "chats.export", {"conversation": chat})["text"]
    )
    file = tmp_path / "chats.jsonl"
    file.write_text(done["text"], encoding="utf-8")
    store = DatasetStore(services.home.datasets)
    report = import_file(store, file, ImportOptions("talk"))
    assert (report["format"], report["imported"], report["problems"]) == ("openai", 1, [])
    (row,) = store.get("talk").rows()
    told = [
        *row["history"],
        {"role": "user", "content": row["question"]},
        {"role": "assistant", "content": row["answer"]},
    ]
    assert [turn["content"] for turn in told] == [text for pair in SAID for text in pair]


def test_a_person_can_read_everything(services: "Services") -> None:
    _talk(services)
    text = perform(services, "chats.export", {"format": "markdown", "language": "ko"})["text"]
    assert text.startswith("# 시간\n") and "아홉 시에 열어요." in text and "Still there?" in text and "**나**" in text


def test_what_is_not_there_is_said(services: "Services") -> None:
    with pytest.raises(InputError, match="no conversation 'x'"):
        perform(services, "chats.export", {"conversation": "x"})
    with pytest.raises(UsageError, match="unknown format 'pdf'"):
        perform(services, "chats.export", {"format": "pdf"})
    assert perform(services, "chats.export", {}) == {"text": "", "conversations": 0, "format": "openai"}
