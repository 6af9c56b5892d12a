"""Finished answers on disk: one append-only SQLite file beside the runs, shared by all of them.

An answer's key is (what answers, what is asked, seed): the variant's fingerprint with the content it
searches, the item, the generation seed. A finished answer is therefore never asked twice, whether the
run was killed or another suite asks the same. Failures belong to their run only: resuming that run
does not repeat them, a new run does.
"""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

from assistant.errors import DamagedError, ResourceError
from assistant.schema import Passage
from eval.schema import Answer

_TABLE = """
CREATE TABLE IF NOT EXISTS answers (
    variant TEXT NOT NULL, item TEXT NOT NULL, seed INTEGER NOT NULL, run TEXT NOT NULL,
    answer TEXT NOT NULL, PRIMARY KEY (variant, item, seed, run)
) WITHOUT ROWID
"""
# Which runs have looked at which test items; it outlives the runs' folders.
_READS = """
CREATE TABLE IF NOT EXISTS reads (
    run TEXT PRIMARY KEY, declared TEXT NOT NULL, items TEXT NOT NULL
) WITHOUT ROWID
"""


class AnswerCache:
    """The answers file of a runs folder; safe to use from several threads and processes.

    Raises:
        DamagedError: the file is no database.
        ResourceError: it cannot be written.
    """

    def __init__(self, runs: Path) -> None:
        runs.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path = runs / "answers.sqlite"
        self._lock = threading.Lock()
        try:
            self._connection = sqlite3.connect(self.path, timeout=10, isolation_level=None, check_same_thread=False)
            # NORMAL in WAL mode: a commit survives kill -9; after power loss the newest answers are asked again.
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._connection.execute(_TABLE)
            self._connection.execute(_READS)
        except sqlite3.DatabaseError as error:
            raise _explained(error, self.path) from error

    def get(self, variant: str, seed: int, run: str) -> dict[str, Answer]:
        """Return what is finished for a variant, by item id: answers of any run, failures of this one."""
        with self._lock, closing(self._connection.cursor()) as cursor:
            rows = cursor.execute(
                "SELECT item, answer FROM answers WHERE variant = ? AND seed = ? AND run IN ('', ?) ORDER BY run DESC",
                (variant, seed, run),
            )
            return dict(_read(rows))

    def put(self, variant: str, item: str, seed: int, run: str, answer: Answer) -> None:
        """Store a finished answer or, for this run only, a failure. The first one stays.

        Raises:
            ResourceError: the disk is full or read-only.
        """
        text = json.dumps(asdict(answer), ensure_ascii=False)
        try:
            with self._lock:
                self._connection.execute(
                    "INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?, ?)",
                    (variant, item, seed, run if answer.error else "", text),
                )
        except sqlite3.DatabaseError as error:
            raise _explained(error, self.path) from error

    def note_read(self, run: str, declared: str, items: str) -> dict[str, int]:
        """Note that a run has looked at its test items, once; return how often that happened by now.

        Args:
            run: the run's name.
            declared: fingerprint of everything that was declared.
            items: fingerprint of the test items alone.

        Returns:
            ``declared``: runs under this very declaration; ``items``: runs on these items in all.

        Raises:
            ResourceError: the disk is full or read-only.
        """
        try:
            with self._lock, closing(self._connection.cursor()) as cursor:
                cursor.execute("INSERT OR IGNORE INTO reads VALUES (?, ?, ?)", (run, declared, items))
                query = "SELECT COALESCE(SUM(declared = ?), 0), COUNT(*) FROM reads WHERE items = ?"
                same, every = cursor.execute(query, (declared, items)).fetchone()
        except sqlite3.DatabaseError as error:
            raise _explained(error, self.path) from error
        return {"declared": int(same), "items": int(every)}

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()


def _read(rows: Iterator[tuple[str, str]]) -> Iterator[tuple[str, Answer]]:
    for item, text in rows:
        yield item, answer_from(json.loads(text))


def answer_from(values: dict[str, object]) -> Answer:
    """Return the answer that ``dataclasses.asdict`` made ``values`` of."""
    fields = dict(values)
    passages = fields.pop("passages", ())
    notices = fields.pop("notices", ())
    assert isinstance(passages, list | tuple) and isinstance(notices, list | tuple)
    return Answer(
        passages=tuple(Passage(**passage) for passage in passages),
        notices=tuple(str(notice) for notice in notices),
        **fields,  # type: ignore[arg-type]
    )


def _explained(error: sqlite3.DatabaseError, path: Path) -> Exception:
    text = str(error)
    if "full" in text or "readonly" in text or "unable to open" in text or "I/O" in text:
        return ResourceError(f"{path}: cannot be written: {text}", "free disk space or check the folder's rights")
    if isinstance(error, sqlite3.OperationalError):
        return ResourceError(f"{path}: {text}", "try again")
    return DamagedError(f"{path}: damaged: {text}", "delete the file; its answers will be asked again")
