"""The process that carries out a job: wait for the device, work, settle the record whatever happens."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.errors import InUseError, JoyulError, ResourceError
from assistant.jobs.record import HEARTBEAT, JobFolder, Record, State, jobs_of
from assistant.paths import Home

if TYPE_CHECKING:
    from filelock import BaseFileLock

POLL_SECONDS = 0.3
HEARTBEAT_SECONDS = 2.0
OUT_OF_MEMORY_HINT = "lower batch_size or max_length, or take a smaller base model"
# What torch and safetensors say of a full disk; neither says it as an OSError.
_DISK_FULL = ("No space left on device", "PytorchStreamWriter failed writing")

Stopped = Callable[[], bool]
Work = Callable[[JobFolder], Mapping[str, Any]]


class Paused(Exception):
    """The work stopped at a checkpoint because somebody wished a pause."""


class Cancelled(Exception):
    """The work stopped because somebody wished it."""


def carry_out(job: JobFolder, work: Work) -> Record:
    """Do a queued job in this process and return how it ended: succeeded, paused or cancelled.

    Raises:
        InUseError: another process works on this job already.
        JoyulError: the work failed; the record says so too.
    """
    with _alone(job), _heartbeat(job):
        try:
            job.claim(os.getpid())
            with _turn(job):
                job.update(state="running", started=time.time(), error="", hint="", error_kind="")
                result = dict(work(job))
            return job.update(state="succeeded", ended=time.time(), result=result)
        except Paused:
            return job.update(state="paused")
        except Cancelled:
            return job.update(state="cancelled", ended=time.time())
        except BaseException as error:
            raise _settle(job, error) from error


def _settle(job: JobFolder, error: BaseException) -> BaseException:
    """Write down why a job failed; return the error as a person should see it."""
    if isinstance(error, MemoryError):
        error = ResourceError("out of memory", OUT_OF_MEMORY_HINT)
    elif isinstance(error, OSError) or any(sign in str(error) for sign in _DISK_FULL):
        reason = error.strerror if isinstance(error, OSError) else "the disk is full"
        error = ResourceError(f"cannot write: {reason}", f"free some space, then: joyul tune resume {job.id}")
    state: State = "failed"
    kind = error.kind if isinstance(error, JoyulError) else "internal"
    what, hint = f"unexpected: {type(error).__name__}: {error!s:.200}", f"the log: joyul tune logs {job.id}"
    if isinstance(error, JoyulError):
        what, hint = error.message, error.hint
    elif isinstance(error, (KeyboardInterrupt, SystemExit)):
        state, what, hint = "cancelled", "stopped by a signal", f"joyul tune resume {job.id}"
    try:
        job.update(state=state, ended=time.time(), error=what, hint=hint, error_kind=kind)
    except JoyulError as unwritten:
        # The reason why the work failed is worth more than that it could not be noted.
        sys.stderr.write(f"the state of job {job.id} could not be written: {unwritten.message}\n")
    return error


def check_wish(job: JobFolder) -> None:
    """Stop where somebody wished it.

    Raises:
        Cancelled, Paused: as wished.
    """
    wish = job.wished()
    if wish == "cancel":
        raise Cancelled
    if wish == "pause":
        raise Paused


def ahead_of(job: JobFolder) -> list[JobFolder]:
    """Return the live jobs that come before this one on its device, in their order."""
    mine = job.stored()
    ahead = []
    for other in jobs_of(job.home):
        if other.id == job.id:
            continue
        record = other.read()
        in_line = record.state == "running" or (record.state == "queued" and record.queued > 0)
        waits = in_line and record.device == mine.device
        if waits and (record.state == "running" or (record.queued, record.id) < (mine.queued, mine.id)):
            ahead.append((record.state != "running", record.queued, other))
    return [other for _, _, other in sorted(ahead, key=lambda row: row[:2])]


@contextmanager
def _turn(job: JobFolder) -> Iterator[None]:
    """Hold the device; the line moves by itself, with or without a running app."""
    lock = _lock(job.home.jobs / f".{job.stored().device}.lock")
    while ahead_of(job) or not _taken(lock):
        check_wish(job)
        time.sleep(POLL_SECONDS)
    try:
        check_wish(job)
        yield
    finally:
        lock.release()


@contextmanager
def held_device(home: Home, device: str, check: Callable[[], None]) -> Iterator[None]:
    """Hold a device of a state folder for work that is no job of it; its jobs wait meanwhile.

    Args:
        home: the state folder.
        device: as in a job's record.
        check: called while waiting; raises to give up.
    """
    home.jobs.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = _lock(home.jobs / f".{device}.lock")
    while not _taken(lock):
        check()
        time.sleep(POLL_SECONDS)
    try:
        yield
    finally:
        lock.release()


def _lock(path: Path) -> "BaseFileLock":
    from filelock import FileLock

    return FileLock(str(path), mode=0o600, thread_local=False)


def _taken(lock: "BaseFileLock") -> bool:
    from filelock import Timeout

    try:
        lock.acquire(blocking=False)
    except Timeout:
        return False
    return True


@contextmanager
def _alone(job: JobFolder) -> Iterator[None]:
    lock = _lock(job.path / ".worker.lock")
    if not _taken(lock):
        raise InUseError(f"job {job.id} is being worked on", "see: joyul tune show " + job.id)
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _heartbeat(job: JobFolder) -> Iterator[None]:
    """Touch the job's heartbeat while the work goes on, so that a stuck process can be told from a busy one."""
    over = threading.Event()

    def beat() -> None:
        while not over.is_set():
            try:
                (job.path / HEARTBEAT).touch()
            except OSError:
                return
            over.wait(HEARTBEAT_SECONDS)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
