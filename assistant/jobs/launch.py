"""Starting a job's process, and watching one from outside."""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from assistant.errors import InputError, ResourceError
from assistant.jobs.record import GRID, LOG, SETTLED, JobFolder, Record, children_of, jobs_of
from assistant.jobs.worker import ahead_of
from assistant.paths import Home

POLL_SECONDS = 0.1


def enqueue(job: JobFolder) -> None:
    """Put a prepared, paused or failed job in line and start its process, which outlives this one.

    The process is ``joyul KIND work ID``, so a new kind of job brings that command.

    Raises:
        ResourceError: no process can be started.
    """
    job.wish(None)
    record = job.update(state="queued", queued=time.time(), ended=0.0, error="", hint="", error_kind="")
    command = [sys.executable, "-m", "assistant", record.kind, "work", job.id, "--home", str(job.home.root)]
    try:
        with (job.path / LOG).open("ab") as log:
            # A log file and no pipe: nobody has to read it for the work to go on.
            child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd=job.home.root
            )
    except OSError as error:
        job.update(state="failed", ended=time.time(), error=f"no process could be started: {error.strerror}")
        raise ResourceError(f"job {job.id}: no process could be started: {error.strerror}", "free memory") from error
    if child.poll() is None:
        job.claim(child.pid)


def refuse_taken(home: Home, kind: str, name: str) -> None:
    """Refuse a name that a job of a kind has which is not settled: both would end in the same place.

    Raises:
        InputError: there is such a job.
    """
    for other in jobs_of(home):
        try:
            record = other.read()
        except InputError:
            continue  # a folder without a readable record holds no name
        if (record.kind, record.name) == (kind, name) and record.state not in SETTLED:
            raise InputError(f"job {other.id} already trains {name!r}", "choose another name, or cancel that job")


def follow(job: JobFolder) -> Iterator[dict[str, Any]]:
    """Yield the events of a job, those that were first, until it is settled or paused."""
    offset = 0
    while True:
        record = job.read()
        events, offset = job.events(offset)
        yield from events
        if record.state in (*SETTLED, "paused"):
            return
        time.sleep(POLL_SECONDS)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a queued job stands: the id of the job it waits for, how many are ahead, seconds until the first ends."""

    waits_for: str
    ahead: int
    seconds: float | None


def place_of(job: JobFolder) -> Place | None:
    """Return why a queued job waits, None when nothing is ahead of it."""
    ahead = ahead_of(job)
    if not ahead:
        return None
    return Place(ahead[0].id, len(ahead), last_progress(ahead[0]).get("seconds_left"))


def last_progress(job: JobFolder) -> dict[str, Any]:
    """Return the newest step of a job: step, steps, loss, tokens_per_second, seconds_left, memory_mb."""
    steps = [event for event in job.events()[0] if "loss" in event and "step" in event]
    return steps[-1] if steps else {}


def curve_of(job: JobFolder, most: int) -> dict[str, list[tuple[int, float]]]:
    """Return a job's ``loss`` and ``validation`` loss as (step, loss), at most ``most`` points each.

    A step that was taken again after a kill counts once.
    """
    found: dict[str, dict[int, float]] = {"loss": {}, "validation": {}}
    for event in job.events()[0]:
        for key, name in (("loss", "loss"), ("validation", "validation_loss")):
            if name in event and "step" in event:
                found[key][int(event["step"])] = float(event[name])
    return {key: thinned(sorted(points.items()), most) for key, points in found.items()}


def thinned(points: Sequence[tuple[int, float]], most: int) -> list[tuple[int, float]]:
    """Return at most ``most`` points: means of neighbours, so that no stretch of a long curve is left out."""
    size = -(-len(points) // most) if points else 1
    parts = [points[at : at + size] for at in range(0, len(points), size)]
    return [(part[-1][0], sum(loss for _, loss in part) / len(part)) for part in parts]


def sample_answers(job: JobFolder) -> list[dict[str, Any]]:
    """Return the answers to held-out prompts, oldest first: ``step`` and ``samples``, a list of
    ``{"prompt", "expected", "answer"}``; the first are those of the model before training.
    """
    return [event for event in job.events()[0] if "samples" in event]


def cancel(job: JobFolder) -> Record:
    """Wish that a job ends; one that waits or is paused ends at once.

    Raises:
        InputError: it has ended already.
    """
    record = job.read()
    if record.state in SETTLED:
        raise InputError(f"job {job.id} has {record.state} already", "nothing to cancel")
    job.wish("cancel")
    if record.state == "paused":
        for child in children_of(job):
            if child.stored().state == "paused":
                child.update(state="cancelled", ended=time.time())
        return job.update(state="cancelled", ended=time.time())
    return record


def pause(job: JobFolder) -> Record:
    """Wish that a job stops at a checkpoint, to go on later.

    Raises:
        InputError: it is neither waiting nor running.
    """
    record = job.read()
    if record.state not in ("queued", "running"):
        raise InputError(f"job {job.id} is {record.state}", "only a waiting or running job can be paused")
    job.wish("pause")
    return record


def may_resume(job: JobFolder) -> Record:
    """Return the record of a job that can go on.

    Raises:
        InputError: it runs, waits, is finished, or never got as far as having its data.
    """
    record = job.read()
    if record.state in ("queued", "running", "validating_files"):
        raise InputError(f"job {job.id} is {record.state}", f"see: joyul tune show {job.id}")
    if record.state == "succeeded":
        raise InputError(f"job {job.id} has succeeded", "start a new one to train again")
    if not any((job.path / name).is_file() for name in ("rows.jsonl", GRID)):
        raise InputError(f"job {job.id} ended before its data was ready", "start it again with: joyul tune run")
    return record
