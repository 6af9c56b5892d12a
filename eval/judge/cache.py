"""What the judge said, on disk beside the answers: a killed or paused run asks nothing twice."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from assistant.errors import DamagedError, ResourceError
from eval.schema import Score

_TABLE = """
CREATE TABLE IF NOT EXISTS judged (
    key TEXT NOT NULL, run TEXT NOT NULL, score TEXT NOT NULL, PRIMARY KEY (key, run)
) WITHOUT ROWID
"""


class JudgeCache:
    """``judged.sqlite`` of a runs folder; used by one thread at a time.

    A key is (metric with its version, judge, item, answer). Scores hold for every run; a reply that
    could not be read holds for its run only, so that resuming does not repeat it and a new run does.

    Raises:
        DamagedError: the file is no database.
        ResourceError: it cannot be written.
    """

    def __init__(self, runs: Path) -> None:
        runs.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path = runs / "judged.sqlite"
        try:
            self._connection = sqlite3.connect(self.path, timeout=10, isolation_level=None, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._connection.execute(_TABLE)
        except sqlite3.OperationalError as error:
            raise ResourceError(f"{self.path}: {error}", "free disk space or check the folder's rights") from error
        except sqlite3.DatabaseError as error:
            hint = "delete the file; its judgements will be asked again"
            raise DamagedError(f"{self.path}: damaged: {error}", hint) from error

    def get(self, key: str, run: str) -> Score | None:
        """Return what is known of a key: a score of any run, a failure of this one."""
        with closing(self._connection.cursor()) as cursor:
            row = cursor.execute(
                "SELECT score FROM judged WHERE key = ? AND run IN ('', ?) ORDER BY run", (key, run)
            ).fetchone()
        if row is None:
            return None
        value, reason, detail = json.loads(row[0])
        return Score(value, reason, detail)

    def put(self, key: str, run: str, score: Score) -> None:
        """Store a score or, for this run only, a failure.

        Raises:
            ResourceError: the disk is full or read-only.
        """
        text = json.dumps([score.value, score.reason, dict(score.detail)], ensure_ascii=False)
        try:
            self._connection.execute(
                "INSERT OR IGNORE INTO judged VALUES (?, ?, ?)", (key, run if score.value is None else "", text)
            )
        except sqlite3.DatabaseError as error:
            raise ResourceError(f"{self.path}: cannot be written: {error}", "free disk space") from error

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
