"""The state database: branches, search, append-only judgements, migrations, kill -9."""

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import event

from assistant.errors import DamagedError, InputError, ResourceError, UsageError
from assistant.retrieval.registry import Registry
from assistant.store import Store
from assistant.tables import metadata


@pytest.fixture
def store(tmp_path: Path):
    opened = Store(tmp_path / "joyul.sqlite")
    yield opened
    opened.close()


def test_a_branch_is_read_root_first_and_siblings_are_kept(store: Store):
    chat = store.create_conversation("첫 대화")
    question = store.add_message(chat, "user", "질문")
    first = store.add_message(chat, "assistant", "하나", parent=question)
    second = store.add_message(chat, "assistant", "둘", parent=question)
    assert [m.content for m in store.messages(chat)] == ["질문", "둘"]
    assert store.messages(chat)[-1].siblings == [first, second]
    store.show_branch(chat, first)
    assert [m.content for m in store.messages(chat)] == ["질문", "하나"]


def test_search_looks_in_titles_and_messages_and_takes_wildcards_literally(store: Store):
    chat = store.create_conversation("요금 안내")
    store.add_message(chat, "user", "할인은 50% 인가요?")
    other = store.create_conversation("hours")
    assert [c.id for c in store.conversations("50%")] == [chat]
    assert [c.id for c in store.conversations("hours")] == [other]
    assert store.conversations("5_%") == []


def test_decomposed_hangul_is_found_by_composed(store: Store):
    chat = store.create_conversation("\u1112\u1161\u11ab\u1100\u1173\u11af")
    assert [c.id for c in store.conversations("한글")] == [chat]


def test_deleting_a_conversation_takes_messages_and_feedback_with_it(store: Store):
    chat = store.create_conversation()
    message = store.add_message(chat, "assistant", "답")
    store.add_feedback(message, "up")
    store.delete_conversation(chat)
    assert store.counts() == {"conversations": 0, "messages": 0, "feedback": 0, "votes": 0}


def test_deleted_text_is_gone_from_the_disk(tmp_path: Path):
    store = Store(tmp_path / "joyul.sqlite")
    chat = store.create_conversation()
    store.add_message(chat, "user", "xyzzy-plugh " * 500)
    store.close()
    store = Store(tmp_path / "joyul.sqlite")
    store.delete_conversation(chat)
    store.close()
    assert not [file for file in tmp_path.iterdir() if b"xyzzy-plugh" in file.read_bytes()]


@pytest.mark.parametrize(("kind", "text"), [("love", ""), ("edit", "  ")])
def test_feedback_that_means_nothing_is_refused(store: Store, kind: str, text: str):
    message = store.add_message(store.create_conversation(), "assistant", "답")
    with pytest.raises(InputError):
        store.add_feedback(message, kind, text=text)


def test_a_vote_must_name_a_compared_variant_or_a_tie(store: Store):
    store.add_vote("질문", ["rag", "tuned"], ["가", "나"], [{}, {}], "tie", blind=True, language="ko")
    with pytest.raises(InputError):
        store.add_vote("질문", ["rag", "tuned"], ["가", "나"], [{}, {}], "few-shot", blind=True, language="ko")
    assert [vote.choice for vote in store.votes()] == ["tie"]


def test_the_migrations_build_what_the_tables_say(store: Store):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with store.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_a_damaged_file_is_named_not_overwritten(tmp_path: Path):
    file = tmp_path / "joyul.sqlite"
    file.write_bytes(b"not a database" * 1000)
    with pytest.raises(DamagedError, match=r"joyul\.sqlite"):
        Store(file)
    assert file.read_bytes().startswith(b"not a database")


@pytest.fixture
def held(store: Store, monkeypatch: pytest.MonkeyPatch):
    """Return the store while another program holds its file, so that not even reading is possible."""
    store.engine.dispose()
    monkeypatch.setattr("assistant.store.BUSY_SECONDS", 0.01)
    with sqlite3.connect(store.path, isolation_level=None) as other:
        other.execute("PRAGMA journal_mode=DELETE")
        other.execute("BEGIN EXCLUSIVE")
        yield store
        other.execute("ROLLBACK")
    store.create_conversation("free again")


@pytest.mark.parametrize(
    "work",
    [
        lambda store: store.create_conversation("x"),
        lambda store: store.conversations(),
        lambda store: store.messages("x"),
        lambda store: store.feedback(),
        lambda store: store.interrupt_open_answers(),
        lambda store: Registry(store.engine).documents(),
        lambda store: Registry(store.engine).drop(["x"]),
    ],
    ids=["write", "list", "read", "feedback", "open", "documents", "drop"],
)
def test_a_file_that_another_program_holds_is_said_to_be_busy(held: Store, work):
    with pytest.raises(ResourceError, match="storage busy"):
        work(held)


def test_a_branch_is_whole_while_somebody_appends_to_it(store: Store):
    chat = store.create_conversation()
    question = store.add_message(chat, "user", "질문")
    appended: list[str] = []

    def append(*_: object) -> None:
        if not appended:
            appended.append("")
            appended[0] = store.add_message(chat, "assistant", "답", parent=question)

    event.listen(store.engine, "after_cursor_execute", append)
    assert [m.content for m in store.messages(chat)][:1] == ["질문"]
    assert [m.content for m in store.messages(chat)] == ["질문", "답"]


def test_many_threads_wait_for_the_file_and_none_for_a_connection(store: Store):
    """Thirty answers that are saved while the file is held must not use up a pool of connections."""
    taken = [store.engine.connect() for _ in range(30)]
    assert store.conversations() == []
    for connection in taken:
        connection.close()


def test_a_file_damaged_under_the_running_app_is_named(store: Store):
    store.create_conversation("x")
    store.engine.dispose()
    for journal in store.path.parent.glob("*-*"):
        journal.unlink()
    data = bytearray(store.path.read_bytes())
    data[100:] = bytes(len(data) - 100)
    store.path.write_bytes(bytes(data))
    with pytest.raises(DamagedError, match=r"joyul\.sqlite is damaged"):
        store.conversations()


def test_a_newer_database_is_left_alone(tmp_path: Path):
    file = tmp_path / "joyul.sqlite"
    Store(file).close()
    with sqlite3.connect(file) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(UsageError, match="newer version"):
        Store(file)


def test_an_acknowledged_message_survives_kill_9(tmp_path: Path):
    code = (
        "import sys; from pathlib import Path; from assistant.store import Store\n"
        "s = Store(Path(sys.argv[1])); c = s.create_conversation('x'); q = s.add_message(c, 'user', 'kept')\n"
        "s.add_message(c, 'assistant', 'half', parent=q, status='streaming')\n"
        "print(c, flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "joyul.sqlite")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert child.stdout is not None
    chat = child.stdout.readline().strip()
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    store = Store(tmp_path / "joyul.sqlite")
    assert store.interrupt_open_answers() == 1
    assert [(m.content, m.status) for m in store.messages(chat)] == [("kept", "done"), ("half", "interrupted")]
    store.close()
