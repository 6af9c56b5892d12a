"""A job on disk: ``jobs/<id>`` with its state, its events, and what others wish of it.

Only the process that works on a job writes ``job.json`` and ``events.jsonl``; others read them, and
leave a wish (cancel, pause) beside them. A state of a process that is gone is never believed: a
process is known by its id and its start time together, since ids are used again.
"""

import json
import os
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from assistant.errors import InputError, ResourceError
from assistant.files import write_whole
from assistant.lazy import nearest
from assistant.paths import Home

State = Literal["validating_files", "queued", "running", "paused", "succeeded", "failed", "cancelled"]
Wish = Literal["cancel", "pause"]
GRID = "grid.json"  # in the folder of a job that runs others: which, and what they vary
LIVE: tuple[State, ...] = ("validating_files", "queued", "running")
SETTLED: tuple[State, ...] = ("succeeded", "failed", "cancelled")
RECORD, EVENTS, WISH, HEARTBEAT, LOG, PROCESS = (
    *("job.json", "events.jsonl", "wish", "heartbeat", "log.txt", "process.json"),
)
GONE = "its process is gone (killed, or out of memory)"
# A process may say a little later when it began than the one that started it noticed.
SAME_START_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Process:
    """A process that can be told from a later one with the same id; ``started`` is in epoch seconds."""

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> "Process":
        """Return the identity of a running process."""
        import psutil

        return cls(pid, psutil.Process(pid).create_time())

    def alive(self) -> bool:
        """Return whether this very process still runs."""
        import psutil

        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < SAME_START_SECONDS
            return bool(same and process.status() != psutil.STATUS_ZOMBIE)
        except psutil.Error:
            return False


@dataclass(frozen=True, slots=True)
class Record:
    """How a job stands; times are epoch seconds, 0 where it did not come to that.

    ``error`` and ``hint`` say why it failed and what to do, ``error_kind`` is a key of
    :data:`assistant.errors.KINDS`; ``result`` is what it came to. ``parent`` is the job that takes it in turn with
    others; until then it is ``queued`` since 0, stands in no line, and shares its parent's fate.
    """

    id: str
    kind: str
    name: str
    state: State = "validating_files"
    device: str = "cpu"
    created: float = 0.0
    queued: float = 0.0
    started: float = 0.0
    ended: float = 0.0
    error: str = ""
    hint: str = ""
    error_kind: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)
    parent: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


class JobFolder:
    """The folder of one job."""

    def __init__(self, home: Home, key: str) -> None:
        self.home = home
        self.id = key
        self.path = home.jobs / key

    @classmethod
    def create(cls, home: Home, kind: str, name: str) -> "JobFolder":
        """Make a job that this process is preparing.

        Raises:
            ResourceError: the folder cannot be written.
        """
        job = cls(home, f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{name}-{uuid.uuid4().hex[:6]}")
        with job._writing():
            job.path.mkdir(mode=0o700, parents=True)
        job.claim(os.getpid())
        job.write(Record(job.id, kind, name, created=time.time()))
        return job

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Say in one line that the job's folder cannot be written, whoever tries."""
        try:
            yield
        except OSError as error:
            hint = "free some space or choose --home"
            raise ResourceError(f"cannot write job {self.id}: {error.strerror}", hint) from error

    def claim(self, pid: int) -> None:
        """Note which process works on the job from now on."""
        self.save(PROCESS, asdict(Process.of(pid)))

    def process(self) -> Process | None:
        """Return the process that works on the job, or did."""
        try:
            return Process(**json.loads((self.path / PROCESS).read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def stored(self) -> Record:
        """Return the record as it was last written.

        Raises:
            InputError: the folder is not a job's.
        """
        try:
            values = json.loads((self.path / RECORD).read_text("utf-8"))
            known = {item.name for item in fields(Record)}
            return Record(**{key: value for key, value in values.items() if key in known})
        except (OSError, ValueError, TypeError) as error:
            raise InputError(f"job {self.id!r} has no readable record", "its folder may be removed") from error

    def read(self) -> Record:
        """Return how the job stands, with the death of its process taken into account."""
        record = self.stored()
        if record.state not in LIVE:
            return record
        if record.parent and record.state == "queued" and not record.queued:
            return self._as_parent(record)
        process = self.process()
        if process is not None and process.alive():
            return record
        record = self.stored()  # it may have settled while we looked
        if record.state not in LIVE:
            return record
        return replace(record, state="failed", error=GONE, hint=f"joyul tune resume {self.id}", error_kind="resource")

    def _as_parent(self, record: Record) -> Record:
        """Return the record of a job whose turn has not come, as its parent stands."""
        try:
            above = JobFolder(self.home, record.parent).read()
        except InputError as error:
            return replace(record, state="failed", error=error.message, hint=error.hint, error_kind=error.kind)
        if above.state in LIVE:
            return record
        state = above.state if above.state in ("paused", "cancelled") else "failed"
        return replace(record, state=state, error=above.error, hint=above.hint, error_kind=above.error_kind)

    def write(self, record: Record) -> Record:
        """Store the record; readers see the old one or the new one."""
        self.save(RECORD, record.to_json())
        return record

    def update(self, **changes: Any) -> Record:
        """Change fields of the stored record and add the change of state to the events."""
        before = self.stored()
        after = self.write(replace(before, **changes))
        if after.state != before.state:
            self.event({"state": after.state, **({"error": after.error} if after.error else {})})
        return after

    def event(self, event: Mapping[str, Any]) -> None:
        """Append an event with its time."""
        with self._writing(), (self.path / EVENTS).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"time": round(time.time(), 3), **event}, ensure_ascii=False) + "\n")

    def events(self, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
        """Return the complete events from a byte offset on, and the offset after them."""
        try:
            with (self.path / EVENTS).open("rb") as file:
                file.seek(offset)
                data = file.read()
        except FileNotFoundError:
            return [], offset
        whole = data[: data.rfind(b"\n") + 1]
        return [json.loads(line) for line in whole.splitlines() if line.strip()], offset + len(whole)

    def save(self, name: str, value: Any) -> None:
        """Write a JSON file of the job by one rename.

        Raises:
            ResourceError: the disk is full, or the folder is gone.
        """
        with self._writing():
            write_whole(self.path / name, [json.dumps(value, ensure_ascii=False, indent=1) + "\n"])

    def load(self, name: str) -> Any:
        """Return a JSON file of the job."""
        return json.loads((self.path / name).read_text("utf-8"))

    def wish(self, wish: Wish | None) -> None:
        """Leave a wish for the process that works on the job; None takes it back."""
        with self._writing():
            if wish is None:
                (self.path / WISH).unlink(missing_ok=True)
            else:
                (self.path / WISH).write_text(wish, "utf-8")

    def wished(self) -> Wish | None:
        """Return what others wish of the job."""
        try:
            text = (self.path / WISH).read_text("utf-8").strip()
        except OSError:
            return None
        return "cancel" if text == "cancel" else "pause" if text == "pause" else None

    def silent_seconds(self) -> float | None:
        """Return how long the worker has given no sign of life; None before its first."""
        try:
            return max(0.0, time.time() - (self.path / HEARTBEAT).stat().st_mtime)
        except OSError:
            return None


def open_job(home: Home, key: str) -> JobFolder:
    """Return a job by its id, or by the name of its adapter where only one job has it.

    Raises:
        InputError: there is none; the nearest id is suggested.
    """
    jobs = list(jobs_of(home))
    found = [job for job in jobs if job.id == key]
    named = found or [job for job in jobs if job.stored().name == key]
    if not named:
        raise InputError(f"no job {key[:80]!r}", nearest(key, [job.id for job in jobs]) or "see: joyul tune list")
    if len(named) > 1:
        newest = named[-1].id
        raise InputError(f"{len(named)} jobs are named {key!r}", f"give an id; the newest is {newest}")
    return named[0]


def jobs_of(home: Home) -> Iterator[JobFolder]:
    """Yield all jobs, oldest first; what is not a job's folder is passed over."""
    if not home.jobs.is_dir():
        return
    for path in sorted(home.jobs.iterdir()):
        if (path / RECORD).is_file():
            yield JobFolder(home, path.name)


def children_of(job: JobFolder) -> list[JobFolder]:
    """Return the jobs that a job takes in turn, oldest first."""
    found = []
    for other in jobs_of(job.home):
        with suppress(InputError):
            if other.stored().parent == job.id:
                found.append(other)
    return found


def families(jobs: Iterable[JobFolder]) -> list[JobFolder]:
    """Return jobs in their order, but every child right after its parent where that is among them."""
    listed = list(jobs)
    records = {job.id: job.stored() for job in listed}
    places = {job.id: at for at, job in enumerate(listed)}

    def place(job: JobFolder) -> tuple[int, float]:
        record = records[job.id]
        return places.get(record.parent, places[job.id]), record.created if record.parent else 0.0

    return sorted(listed, key=place)


def folder_size(path: Path) -> int:
    """Return the bytes under a folder."""
    return sum(each.stat().st_size for each in path.rglob("*") if each.is_file())
