"""The folder of one run: found again after a kill, complete or invisible when finished."""

import json
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.errors import InputError, ResourceError
from assistant.files import write_whole
from assistant.lazy import nearest
from assistant.schema import digest
from eval.cache import AnswerCache
from eval.record import RECORD, RESULT
from eval.schema import Suite

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assistant.retrieval.library import Library
    from eval.result import RunResult

PLAN, ABANDONED = "plan.json", "abandoned"


@dataclass(frozen=True)
class RunFolder:
    """``<runs>/<suite>-<time>-<plan hash>``: the plan when it starts, result and reports when it ends."""

    path: Path

    @property
    def name(self) -> str:
        """The run's name."""
        return self.path.name

    @classmethod
    def open(cls, suite: Suite, keys: "Mapping[str, str]", runs: Path) -> "RunFolder":
        """Return the unfinished run of this very plan, else a new one."""
        mark = digest([suite.fingerprint, dict(keys)], 8)
        for path in sorted(runs.glob(f"{suite.name}-*-{mark}"), reverse=True):
            if (path / PLAN).is_file() and not (path / RESULT).exists() and not (path / ABANDONED).exists():
                return cls(path)
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
        path, number = runs / f"{suite.name}-{stamp}-{mark}", 1
        while path.exists():
            number += 1
            path = runs / f"{suite.name}-{stamp}.{number}-{mark}"
        path.mkdir(parents=True, mode=0o700)
        folder = cls(path)
        plan = {
            "suite": suite.name,
            "path": suite.path,
            "fingerprint": suite.fingerprint,
            "primary": suite.primary,
            "margin": suite.margin,
            "alpha": suite.alpha,
            "seed": suite.seed,
            "variants": dict(keys),
            "items": len(suite.items),
        }
        folder.write(PLAN, [json.dumps(plan, ensure_ascii=False, indent=2)])
        return folder

    def finish(self, result: "RunResult") -> "RunResult":
        """Count the read of the test items and write record, reports and result document.

        The document is last: its presence says that the run is finished. A rescored run reads nothing anew.

        Returns:
            the result with its ``reads``.
        """
        from eval.record import lines, record_of
        from eval.reports.file import to_html
        from eval.reports.markdown import to_markdown

        if not result.reads:
            result = replace(result, reads=self._note_read(result.suite))
        record = record_of(result)
        self.write(RECORD, (f"{line}\n" for line in lines(record)))
        self.write("report.html", [to_html(record)])
        for language, name in (("en", "report.md"), ("ko", "report.ko.md")):
            self.write(name, [to_markdown(record.document, language)])
        self.write(RESULT, [json.dumps(record.document, ensure_ascii=False, indent=2)])
        return result

    def _note_read(self, suite: Suite) -> dict[str, int]:
        cache = AnswerCache(self.path.parent)
        try:
            items = digest(sorted(item.id for item in suite.items))
            return cache.note_read(self.name, suite.fingerprint, items)
        finally:
            cache.close()

    def abandon(self) -> None:
        """Mark the run as given up: the next start is a new one, which asks the failed items again."""
        self.write(ABANDONED, [])

    def write(self, name: str, pieces: Iterable[str]) -> None:
        """Write a file by temporary name, fsync and rename.

        Raises:
            ResourceError: the disk is full or read-only.
        """
        try:
            write_whole(self.path / name, pieces)
        except OSError as error:
            problem = f"{self.path / name}: cannot be written: {error.strerror}"
            raise ResourceError(problem, "free disk space") from error


@dataclass(frozen=True)
class Unfinished:
    """A run that was killed or cancelled: its name, the suite's name and path, and when it began."""

    run: str
    suite: str
    path: str
    started: float


def finished_runs(runs: Path) -> list[dict[str, Any]]:
    """Return every finished run, newest first: ``{"run", "path", "report", "result"}``."""
    found = []
    for path in runs.glob(f"*/{RESULT}"):
        try:
            result = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        report = path.parent / "report.html"
        found.append({"run": path.parent.name, "path": str(path.parent), "report": str(report), "result": result})
    return sorted(found, key=lambda run: (str(run["result"].get("created", "")), run["run"]), reverse=True)


def unfinished_runs(runs: Path) -> list[Unfinished]:
    """Return every run that can be taken up again, newest first."""
    found = []
    for path in runs.glob(f"*/{PLAN}"):
        if (path.parent / RESULT).exists() or (path.parent / ABANDONED).exists():
            continue
        try:
            plan = json.loads(path.read_text(encoding="utf-8"))
            found.append(Unfinished(path.parent.name, plan["suite"], plan["path"], path.stat().st_mtime))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return sorted(found, key=lambda run: run.started, reverse=True)


def find_run(runs: Path, name: str) -> Path:
    """Return the folder of a finished run, ``latest`` for the newest; a name is looked up, never joined to a path.

    Raises:
        InputError: there is none of that name; the nearest is suggested.
    """
    known = {path.parent.name: path.parent for path in runs.glob(f"*/{RESULT}")}
    if name == "latest" and known:
        return known[finished_runs(runs)[0]["run"]]
    if name not in known:
        hint = nearest(name, known) if known else "joyul eval run SUITE makes the first one"
        raise InputError(f"no finished run {name!r:.120}", hint)
    return known[name]


def prepare_collection(suite: Suite, library: "Library", runs: Path) -> list[str]:
    """Index the suite's documents, or a label task's solved examples, into the suite's own collection.

    Returns one warning for each document that could not be read.

    Raises:
        InputError: none could be read.
    """
    if suite.documents:
        report = library.add([Path(suite.documents)], suite.collection)
        unread = [f"{failure.path}: {failure.reason}" for failure in report.failed]
        if unread and not library.documents(suite.collection):
            raise InputError(f"{suite.documents}: no document could be read; {unread[0]}", "check the folder")
        return unread
    if suite.examples:
        folder = runs / "collections" / suite.collection
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        for shot in suite.examples:
            ask, answer = ("메시지", "답") if shot.language == "ko" else ("Message", "Answer")
            text = f"{ask}: {shot.question}\n{answer}: {shot.answer}"
            (folder / f"{digest(text)}.txt").write_text(text, encoding="utf-8")
        library.add([folder], suite.collection)
    return []
