"""How a job is settled: whatever the work ends with, and whatever can no longer be written."""

from collections.abc import Callable
from pathlib import Path
from shutil import rmtree

import pytest

from assistant.errors import InputError, JoyulError, ResourceError
from assistant.jobs.record import EVENTS, RECORD, JobFolder
from assistant.jobs.worker import Paused, carry_out
from assistant.paths import Home


@pytest.fixture
def job(tmp_path: Path) -> JobFolder:
    made = JobFolder.create(Home(tmp_path / "home").create(), "tune", "tower")
    made.update(state="queued", queued=1.0)
    return made


def ends_with(error: BaseException) -> Callable[[JobFolder], dict[str, object]]:
    def work(job: JobFolder) -> dict[str, object]:
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "said", "mend"),
    [
        (MemoryError(), "out of memory", "lower batch_size"),
        (OSError(28, "No space left on device"), "cannot write: No space left on device", "free some space"),
        (RuntimeError("PytorchStreamWriter failed writing file data/4: file write failed"), "the disk is full", "free"),
        (ValueError("I/O error: No space left on device (os error 28)"), "cannot write: the disk is full", "free"),
    ],
)
def test_what_is_short_is_said_in_one_line(job: JobFolder, error: BaseException, said: str, mend: str) -> None:
    with pytest.raises(ResourceError, match=said) as caught:
        carry_out(job, ends_with(error))
    record = job.read()
    assert (record.state, record.error, record.error_kind) == ("failed", caught.value.message, "resource")
    assert mend in caught.value.hint and record.hint == caught.value.hint


def blocked(job: JobFolder) -> None:
    (job.path / EVENTS).unlink()
    (job.path / EVENTS).mkdir()


@pytest.mark.parametrize("spoil", [lambda job: rmtree(job.path), blocked])
def test_the_reason_survives_a_folder_that_cannot_be_written(
    job: JobFolder, spoil: Callable[[JobFolder], None], capsys: pytest.CaptureFixture[str]
) -> None:
    def work(job: JobFolder) -> dict[str, object]:
        spoil(job)
        raise InputError("the rows are bad", "mend them")

    with pytest.raises(InputError, match="the rows are bad"):
        carry_out(job, work)
    assert f"the state of job {job.id} could not be written" in capsys.readouterr().err


def test_a_pause_that_cannot_be_noted_is_one_line(job: JobFolder) -> None:
    def work(job: JobFolder) -> dict[str, object]:
        blocked(job)
        raise Paused

    with pytest.raises(ResourceError, match=f"cannot write job {job.id}: Is a directory"):
        carry_out(job, work)


def test_a_job_that_cannot_be_claimed_says_why(job: JobFolder) -> None:
    (job.path / "process.json").unlink()
    (job.path / "process.json").mkdir()
    with pytest.raises(JoyulError, match="cannot write job"):
        carry_out(job, lambda _: {})
    assert job.stored().state == "failed" and (job.path / RECORD).is_file()
