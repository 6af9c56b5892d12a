"""The state database: chats, feedback and votes in SQLite, one row a message, append-only.

WAL with ``synchronous=FULL``: what was acknowledged survives kill -9 and power loss (promise P1).
"""

import math
import shutil
import sqlite3
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, ExceptionContext, Row, create_engine, delete, event, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from assistant.errors import DamagedError, InputError, ResourceError
from assistant.judgements import Judgements
from assistant.migrations import upgrade
from assistant.news import News
from assistant.records import Conversation, StoredMessage, new_id
from assistant.schema import normalise
from assistant.tables import conversations, feedback, messages, votes

BUSY_SECONDS = 5.0


class Store(Judgements):
    """One state database; safe to use from many threads of one process."""

    def __init__(self, path: Path) -> None:
        """Open, create or migrate the database at ``path``.

        Raises:
            DamagedError: the file is not a database any more.
            ResourceError: the disk is full or read-only.
            UsageError: the database was written by a newer version.
        """
        self.path = path
        self.changes = 0  # of anything that anybody would see
        self.news = News()
        # As many connections as threads ask for: one that is waited for while the file is locked would fail otherwise.
        self.engine: Engine = create_engine(
            f"sqlite:///{path}", connect_args={"timeout": BUSY_SECONDS}, max_overflow=-1
        )
        event.listen(self.engine, "connect", _prepare)
        event.listen(self.engine, "handle_error", self._explained, retval=True)
        upgrade(self.engine, path)
        path.chmod(0o600)

    def close(self) -> None:
        """Release every connection."""
        self.engine.dispose()

    def _explained(self, context: ExceptionContext) -> BaseException | None:
        """Turn what SQLite says of its file, at whichever statement, into what a person can mend."""
        cause = context.original_exception
        if isinstance(cause, sqlite3.OperationalError):
            return _resource(self.path, cause)
        if type(cause) is sqlite3.DatabaseError:  # its other kinds are mistakes of ours
            return DamagedError(
                f"{self.path} is damaged: {cause}", "restore a backup, or move the file away to start anew"
            )
        return None

    def _write(self, *statements: Any, news: bool = True) -> None:
        try:
            with self.engine.begin() as connection:
                for statement in statements:
                    connection.execute(statement)
        except IntegrityError as error:
            raise InputError("the conversation was deleted meanwhile", "start a new one") from error
        self.changes += news

    def create_conversation(self, title: str = "", variant: str = "", owner: str = "local") -> str:
        """Start a conversation and return its id."""
        key, now = new_id(), time.time()
        row = {"id": key, "owner": owner, "title": normalise(title), "variant": variant, "created": now, "updated": now}
        self._write(insert(conversations).values(row))
        self.news.list_anew()
        return key

    def conversations(self, search: str = "", owner: str = "local", most: int | None = None) -> list[Conversation]:
        """Return an owner's conversations, newest first; ``search`` looks in titles and messages."""
        query = select(conversations).where(conversations.c.owner == owner)
        if search:
            like = f"%{_escape(normalise(search))}%"
            inside = select(messages.c.conversation).where(messages.c.content.like(like, escape="\\"))
            query = query.where(or_(conversations.c.title.like(like, escape="\\"), conversations.c.id.in_(inside)))
        with self.engine.connect() as connection:
            rows = connection.execute(query.order_by(conversations.c.updated.desc()).limit(most)).all()
        return [Conversation(row.id, row.title, row.variant, row.created, row.updated) for row in rows]

    def conversation(self, conversation: str, owner: str = "local") -> Conversation:
        """Return one conversation.

        Raises:
            InputError: there is none of that id for this owner.
        """
        found = (conversations.c.id == conversation, conversations.c.owner == owner)
        with self.engine.connect() as connection:
            row = connection.execute(select(conversations).where(*found)).first()
        if row is None:
            raise InputError(f"no conversation {conversation!r}", "choose one from the list")
        return Conversation(row.id, row.title, row.variant, row.created, row.updated)

    def rename_conversation(self, conversation: str, title: str) -> None:
        """Give a conversation another title."""
        self._write(update(conversations).where(conversations.c.id == conversation).values(title=normalise(title)))
        self.news.list_anew()

    def delete_conversation(self, conversation: str) -> None:
        """Remove a conversation with its messages and their feedback, for good."""
        self._write(delete(conversations).where(conversations.c.id == conversation))
        self.news.list_anew()
        self.news.tell(conversation)

    def add_message(
        self,
        conversation: str,
        role: str,
        content: str,
        *,
        parent: str | None = None,
        status: str = "done",
    ) -> str:
        """Append a message below ``parent`` and make it the end of the active branch; return its id."""
        key, now = new_id(), time.time()
        row = {"id": key, "conversation": conversation, "parent": parent, "role": role, "content": normalise(content)}
        self._write(
            insert(messages).values(**row, status=status, created=now),
            update(conversations).where(conversations.c.id == conversation).values(leaf=key, updated=now),
        )
        self._appended(conversation)
        return key

    def add_turn(self, conversation: str, text: str, *, parent: str | None = None, title: str = "") -> tuple[str, str]:
        """Append a question and the empty answer to it, in one transaction; return both ids.

        Whoever is told that this failed may send the text again: nothing of it is stored.
        """
        question, answer, now = new_id(), new_id(), time.time()
        after = math.nextafter(now, math.inf)  # branches are read in the order of time
        change = {"leaf": answer, "updated": now} | ({"title": normalise(title)} if title else {})
        asked = {"id": question, "parent": parent, "role": "user", "status": "done", "created": now}
        open_ = {"id": answer, "parent": question, "role": "assistant", "status": "streaming", "created": after}
        self._write(
            insert(messages).values(**asked, conversation=conversation, content=normalise(text)),
            insert(messages).values(**open_, conversation=conversation, content=""),
            update(conversations).where(conversations.c.id == conversation).values(**change),
        )
        if title:
            self.news.list_anew()
        self._appended(conversation)
        return question, answer

    def _appended(self, conversation: str) -> None:
        self.news.moved()
        self.news.tell(conversation)

    def update_message(
        self,
        message: str,
        content: str,
        status: str,
        *,
        receipt: Mapping[str, Any] | None = None,
        passages: Sequence[Mapping[str, Any]] = (),
        notices: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """Write how far an answer has come; its place in the conversation never changes."""
        values = {"content": normalise(content), "status": status, "receipt": dict(receipt) if receipt else None}
        listed = {"passages": [dict(p) for p in passages], "notices": [dict(n) for n in notices]}
        statement = update(messages).where(messages.c.id == message).values(**values, **listed)
        progress = status == "streaming"  # is no news
        self._write(statement, news=not progress)
        if not progress:
            self._changed(message)

    def _changed(self, message: str) -> None:
        with self.engine.connect() as connection:
            query = select(messages.c.conversation).where(messages.c.id == message)
            self.news.tell(str(connection.execute(query).scalar() or ""))

    def interrupt_open_answers(self) -> int:
        """Mark answers that a dead process left streaming as interrupted; return how many."""
        with self.engine.begin() as connection:
            done = connection.execute(
                update(messages).where(messages.c.status == "streaming").values(status="interrupted")
            )
        return int(done.rowcount)

    def messages(self, conversation: str, leaf: str | None = None) -> list[StoredMessage]:
        """Return the branch that ends at ``leaf`` (by default the active one), root first."""
        with self.engine.connect() as connection:
            # The end first: a message that is appended between the two reads must not be an end without its row.
            active = select(conversations.c.leaf).where(conversations.c.id == conversation)
            end = leaf or connection.execute(active).scalar()
            rows = connection.execute(
                select(messages).where(messages.c.conversation == conversation).order_by(messages.c.created)
            ).all()
        by_id = {row.id: row for row in rows}
        children: dict[str | None, list[str]] = {}
        for row in rows:
            children.setdefault(row.parent, []).append(row.id)
        branch: list[StoredMessage] = []
        while end in by_id:
            row = by_id[end]
            branch.append(_stored(row, children[row.parent]))
            end = row.parent
        return branch[::-1]

    def message(self, message: str) -> StoredMessage:
        """Return one message without its branch.

        Raises:
            InputError: there is none of that id.
        """
        with self.engine.connect() as connection:
            row = connection.execute(select(messages).where(messages.c.id == message)).first()
        if row is None:
            raise InputError(f"no message {message!r}", "reload the conversation")
        return _stored(row, [row.id])

    def show_branch(self, conversation: str, message: str) -> None:
        """Make the newest branch through ``message`` the active one."""
        query = select(messages.c.id, messages.c.parent).where(messages.c.conversation == conversation)
        with self.engine.connect() as connection:
            rows = connection.execute(query.order_by(messages.c.created)).all()
        below, leaf = {message}, message
        for row in rows:  # a parent is older than its children
            if row.parent in below:
                below.add(row.id)
                leaf = row.id
        self._write(update(conversations).where(conversations.c.id == conversation).values(leaf=leaf))
        self.news.tell(conversation)

    def counts(self) -> dict[str, int]:
        """Return how many rows each kind has, for ``joyul doctor``."""
        tables = {"conversations": conversations, "messages": messages, "feedback": feedback, "votes": votes}
        with self.engine.connect() as connection:
            return {
                name: int(connection.execute(select(func.count()).select_from(table)).scalar_one())
                for name, table in tables.items()
            }


def _stored(row: Row[Any], siblings: list[str]) -> StoredMessage:
    return StoredMessage(
        row.id,
        row.parent,
        row.role,
        row.content,
        row.status,
        row.receipt,
        row.passages or [],
        row.notices or [],
        row.created,
        siblings,
    )


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _prepare(connection: Any, _record: Any) -> None:
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "secure_delete=ON",
        f"busy_timeout={int(BUSY_SECONDS * 1000)}",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _resource(path: Path, error: sqlite3.OperationalError) -> ResourceError:
    cause = str(error)
    if "full" in cause:
        free = shutil.disk_usage(path.parent).free / 1e6
        return ResourceError(f"disk full: {free:.1f} MB free in {path.parent}", "free some space and try again")
    if "locked" in cause or "busy" in cause:
        return ResourceError("storage busy: another program holds the database", "try again in a moment")
    return ResourceError(f"cannot write {path}: {cause}", "check the folder's rights")
