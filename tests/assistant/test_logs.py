"""Failures in words, and a log without secrets."""

import errno
import logging
import stat
from pathlib import Path

import pytest

from assistant.errors import InputError
from assistant.logs import FILE_BYTES, LOGGER, MASK, configure, explain


@pytest.fixture
def log(tmp_path: Path) -> Path:
    file = tmp_path / "joyul.log"
    configure(file, ["canary-secret", "canary-secret-and-more"])
    return file


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/somewhere"), "resource"),
        (OSError(errno.EROFS, "Read-only file system", "/somewhere"), "resource"),
        (PermissionError(errno.EACCES, "Permission denied", "/somewhere"), "resource"),
        (MemoryError(), "resource"),
        (FileNotFoundError(errno.ENOENT, "No such file", "/somewhere"), "input"),
        (InputError("bad", "mend it"), "input"),
        (ZeroDivisionError("boom"), "internal"),
    ],
)
def test_every_failure_has_a_kind_and_a_next_step(log: Path, error: Exception, kind: str) -> None:
    known = explain(error)
    assert (known.kind, bool(known.message), bool(known.hint)) == (kind, True, True)
    assert (log.read_text(encoding="utf-8") != "") == (kind == "internal"), "only a bug is logged in full"


def test_a_failure_that_is_its_own_context_is_explained_too(log: Path) -> None:
    first, second = RuntimeError("first"), RuntimeError("second")
    first.__context__, second.__context__ = second, first
    assert explain(first).kind == "internal"


def test_a_full_disk_is_seen_through_another_exception(log: Path) -> None:
    try:
        try:
            raise OSError(errno.ENOSPC, "No space left on device", "/somewhere")
        except OSError as error:
            raise RuntimeError("could not save") from error
    except RuntimeError as error:
        assert explain(error).exit_code == 5


@pytest.mark.parametrize(
    "text",
    [
        "key canary-secret-and-more",
        "sk-abcdefgh12345678",
        "hf_abcdefgh12345678",
        "Authorization: Bearer abc.def-ghi123",
    ],
)
def test_secrets_are_masked_also_in_tracebacks(log: Path, text: str) -> None:
    try:
        raise ValueError(text)
    except ValueError:
        LOGGER.exception("it failed with %s", text)
    written = log.read_text(encoding="utf-8")
    assert MASK in written and text.split()[-1] not in written and "and-more" not in written


def test_the_log_is_private_and_bounded(log: Path) -> None:
    for _ in range(6):
        LOGGER.info("x" * (FILE_BYTES // 2))
    files = sorted(log.parent.glob("joyul.log*"))
    assert 1 < len(files) <= 4
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)
    assert all(file.stat().st_size <= FILE_BYTES for file in files)


def test_a_folder_that_cannot_be_written_does_not_hide_the_failure() -> None:
    configure(Path("/dev/null/joyul.log"))
    assert explain(ZeroDivisionError()).kind == "internal"
    assert not any(isinstance(handler, logging.FileHandler) for handler in LOGGER.handlers)
