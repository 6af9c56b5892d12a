"""The log file of a state folder: rotating, private, without secrets; the only place where tracebacks go."""

import errno
import logging
import re
import secrets
from collections.abc import Iterable
from logging.handlers import RotatingFileHandler
from pathlib import Path

from assistant.errors import InputError, JoyulError, ResourceError

LOGGER = logging.getLogger("joyul")
PARTS = ("joyul", "assistant", "tuning", "eval", "uvicorn.error", "py.warnings")
FILE_BYTES = 2_000_000
KEPT_FILES = 3
MASK = "[secret]"

# Shapes of keys and tokens that may reach a message through somebody else's exception.
_SHAPES = re.compile(r"(?i)\b(?:sk|hf|gh[pousr]|xox[abp])[-_][A-Za-z0-9_-]{8,}|(?<=bearer )[A-Za-z0-9._~+/=-]{8,}")


class RedactingFormatter(logging.Formatter):
    """Formats a record, traceback included, and then masks every known secret in the text."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")
        self._values = sorted({value for value in values if len(value) >= 4}, key=len, reverse=True)

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's text without secrets."""
        text = super().format(record)
        for value in self._values:
            text = text.replace(value, MASK)
        return _SHAPES.sub(MASK, text)


class _PrivateFile(RotatingFileHandler):
    """A rotating file that only its owner can read."""

    def _open(self):  # type: ignore[no-untyped-def]
        Path(self.baseFilename).touch(mode=0o600)
        return super()._open()


def configure(file: Path, hidden: Iterable[str] = ()) -> None:
    """Send Joyul's and the server's log records to ``file``; a folder that cannot be written stays silent.

    Args:
        file: the log file; its folder is made.
        hidden: secrets that must never be written (keys, tokens, passwords).
    """
    for old in list(LOGGER.handlers):
        for part in PARTS:
            logging.getLogger(part).removeHandler(old)
        old.close()
    handler: logging.Handler
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handler = _PrivateFile(file, maxBytes=FILE_BYTES, backupCount=KEPT_FILES, encoding="utf-8")
    except OSError:  # a read-only or full disk must not hide the failure that is being reported
        handler = logging.NullHandler()
    handler.setFormatter(RedactingFormatter(hidden))
    for part in PARTS:
        logger = logging.getLogger(part)
        logger.setLevel(logging.INFO)
        logger.propagate = False
        logger.addHandler(handler)


def explain(error: BaseException) -> JoyulError:
    """Turn any failure into one that a person can read; a bug is logged in full under an error id."""
    if isinstance(error, JoyulError):
        return error
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return ResourceError("there is not enough memory", "close other programs, or choose a smaller model or batch")
    known = _known_system_failure(error)
    if known is not None:
        return known
    mark = secrets.token_hex(4)
    LOGGER.error("error %s", mark, exc_info=error)
    where = next((h.baseFilename for h in LOGGER.handlers if isinstance(h, logging.FileHandler)), "")
    hint = f"details are in {where} under {mark}" if where else "run it again; if it stays, report what you did"
    return JoyulError(f"unexpected {type(error).__name__} (error {mark})", hint)


def _known_system_failure(error: BaseException) -> JoyulError | None:
    cause: BaseException | None = error
    seen: list[BaseException] = []
    while cause is not None and cause not in seen:  # a failure raised again within its own handling comes round
        seen.append(cause)
        text = str(cause)
        if isinstance(cause, OSError):
            where = cause.filename or "the state folder"
            if cause.errno in (errno.ENOSPC, errno.EDQUOT):
                return ResourceError(f"disk full while writing {where}", "free some space and run it again")
            if cause.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
                return ResourceError(f"no permission for {where}", "check its owner and mode, or use --home")
            if isinstance(cause, FileNotFoundError | IsADirectoryError | NotADirectoryError) and cause.filename:
                return InputError(f"cannot open {where}: {cause.strerror}", "check the path")
        if type(cause).__name__ == "OperationalError" and "disk is full" in text:
            return ResourceError("disk full while writing the database", "free some space and run it again")
        if type(cause).__name__ == "OperationalError" and "readonly database" in text:
            return ResourceError("the database cannot be written", "check the state folder's owner and mode")
        cause = cause.__cause__ or cause.__context__
    return None
