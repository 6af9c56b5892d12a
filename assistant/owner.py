"""Who owns a state folder: one process at a time.

One process at a time works on a state folder. It holds the lock on ``owner.lock`` (the kernel
drops it when the process dies, so a killed owner leaves nothing to clean up) and says in
``owner.json`` who it is and, when it is the running app, where it listens and with which token
(the file is private to the user). :mod:`assistant.peers` is how everybody else asks it.
"""

import json
import os
import secrets
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from assistant.errors import InUseError, ResourceError
from assistant.paths import Home

POLL_SECONDS = 0.05
SERVE_WAIT_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Owner:
    """The process that owns a state folder; ``address`` is empty until (and unless) it serves others."""

    pid: int
    since: str
    command: str
    address: str = ""
    token: str = ""


class Ownership:
    """The lock on a state folder, held until released."""

    def __init__(self, home: Home, command: str) -> None:
        from filelock import FileLock

        self._home = home
        self._lock = FileLock(str(home.lock), mode=0o600, thread_local=False)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self.owner = Owner(os.getpid(), now, command, token=secrets.token_urlsafe(32))

    def try_acquire(self) -> bool:
        """Take the lock if nobody holds it, and leave a card saying who does.

        Raises:
            ResourceError: the folder cannot be written.
        """
        from filelock import Timeout

        try:
            self._lock.acquire(blocking=False)
        except Timeout:
            return False
        except OSError as error:
            raise ResourceError(
                f"cannot lock {str(self._home.root)!r}: {error.strerror}", "check the folder, or use --home"
            ) from error
        try:
            self._write(self.owner)
        except BaseException:
            self._lock.release()
            raise
        return True

    def publish(self, address: str) -> Owner:
        """Say where this process answers others, e.g. ``http://127.0.0.1:7860``."""
        self.owner = Owner(**(asdict(self.owner) | {"address": address}))
        self._write(self.owner)
        return self.owner

    def release(self) -> None:
        """Give the folder back."""
        if self._lock.is_locked:
            with suppress(OSError):
                self._home.owner.unlink(missing_ok=True)
            self._lock.release()

    def _write(self, owner: Owner) -> None:
        partial = self._home.root / f".owner.{owner.pid}.partial"
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(owner), file)
        os.replace(partial, self._home.owner)


def read_owner(home: Home) -> Owner | None:
    """Return the owner's card; it may be that of a dead process, only the lock tells."""
    try:
        return Owner(**json.loads(home.owner.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def acquire(home: Home, command: str, wait: float = SERVE_WAIT_SECONDS) -> Ownership:
    """Take the state folder.

    Raises:
        InUseError: another process holds it for longer than ``wait`` seconds.
        ResourceError: the folder cannot be made or written.
    """
    create(home)
    ownership = Ownership(home, command)
    deadline = time.monotonic() + wait
    while not ownership.try_acquire():
        if time.monotonic() >= deadline:
            raise in_use(home)
        time.sleep(POLL_SECONDS)
    return ownership


def create(home: Home) -> None:
    """Make the state folder.

    Raises:
        ResourceError: it cannot be made.
    """
    try:
        home.create()
    except OSError as error:
        raise ResourceError(
            f"cannot make the state folder {str(home.root)!r}: {error.strerror}", "choose another one with --home"
        ) from error


def in_use(home: Home) -> InUseError:
    """Return the error that names who has the folder."""
    owner = read_owner(home)
    who = f"pid {owner.pid} ({owner.command}) since {owner.since}" if owner else "another process"
    return InUseError(f"data folder {str(home.root)!r} in use by {who}", "stop it or use --home")
