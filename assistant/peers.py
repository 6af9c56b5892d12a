"""How any process has operations carried out on a state folder, whoever owns it.

:func:`connect` gives a :class:`Peer`: the running app over loopback, or, when nobody owns the
folder, the services in this very process, under the lock.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, urlsplit

from assistant.errors import UnavailableError, UsageError, from_dict
from assistant.owner import POLL_SECONDS, Owner, Ownership, create, in_use, read_owner
from assistant.paths import Home
from assistant.progress import Cancelled, Progress

if TYPE_CHECKING:
    from assistant.services import Services
    from assistant.settings import Settings


COMMAND_WAIT_SECONDS = 120.0
FIRST_USE = "first use: preparing the demo's documents, once"
# The owner sends a line at least once a second, so this much silence means that it hangs.
SILENCE_SECONDS = 60.0


class Peer(Protocol):
    """Whoever carries out operations on the state folder."""

    def call(
        self,
        operation: str,
        params: Mapping[str, Any] | None = None,
        progress: Progress = lambda _: None,
        cancelled: Cancelled = lambda: False,
    ) -> dict[str, Any]:
        """Carry out one operation of :data:`assistant.operations.OPERATIONS`."""
        ...


class LocalPeer:
    """This process, which holds the lock."""

    def __init__(self, services: "Services") -> None:
        self._services = services

    def call(
        self,
        operation: str,
        params: Mapping[str, Any] | None = None,
        progress: Progress = lambda _: None,
        cancelled: Cancelled = lambda: False,
    ) -> dict[str, Any]:
        """Carry out one operation here."""
        from assistant.operations import perform

        return perform(self._services, operation, dict(params or {}), progress, cancelled)


class RemotePeer:
    """The running app, asked over loopback; standard library only, so that no proxy setting applies."""

    def __init__(self, owner: Owner, overrides: Mapping[str, Any] | None = None) -> None:
        self._owner = owner
        self._overrides = {key: str(value) for key, value in (overrides or {}).items() if value is not None}

    def call(
        self,
        operation: str,
        params: Mapping[str, Any] | None = None,
        progress: Progress = lambda _: None,
        cancelled: Cancelled = lambda: False,
    ) -> dict[str, Any]:
        """Have the app carry out one operation; leaving early hangs up, which cancels it there.

        Raises:
            JoyulError: what the app reported, kind and exit code included.
            UnavailableError: the app cannot be reached or stopped meanwhile.
        """
        body = json.dumps({"params": dict(params or {}), "overrides": self._overrides}).encode()
        headers = {"Authorization": f"Bearer {self._owner.token}", "Content-Type": "application/json"}
        connection = connection_to(self._owner.address, SILENCE_SECONDS)
        try:
            connection.request("POST", f"/owner/{quote(operation)}", body, headers)
            response = connection.getresponse()
            for line in response:
                event = json.loads(line) if line.strip() else {}
                if "progress" in event:
                    progress(event["progress"])
                elif "result" in event:
                    return dict(event["result"])
                elif "error" in event:
                    raise from_dict(event)
                if cancelled():
                    raise KeyboardInterrupt
        except (OSError, HTTPException, ValueError) as error:
            raise self._gone() from error
        finally:
            connection.close()
        raise self._gone()

    def _gone(self) -> UnavailableError:
        owner = self._owner
        return UnavailableError(f"the running app (pid {owner.pid}) stopped answering", "run the command again")

    def alive(self) -> bool:
        """Return whether the app answers at its address."""
        connection = connection_to(self._owner.address, 5.0)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()


def connection_to(address: str, timeout: float) -> HTTPConnection:
    """Return an unopened connection to an ``http://host:port`` address."""
    parts = urlsplit(address)
    return HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=timeout)


@contextmanager
def connect(
    settings: "Settings",
    command: str,
    overrides: Mapping[str, Any] | None = None,
    notify: Callable[[str], None] = lambda _: None,
    wait: float = COMMAND_WAIT_SECONDS,
) -> Iterator[Peer]:
    """Yield whoever works on the state folder: the running app, or this process under the lock.

    Args:
        settings: where the folder is, and how to open it when it is free.
        command: what this process is, for others that find the folder taken.
        overrides: settings given as flags; a running app that has others refuses.
        notify: told once when another command has to finish first.
        wait: seconds to wait for such a command.

    Raises:
        InUseError: another command holds the folder for longer than ``wait``.
        DamagedError: the database is damaged.
        ResourceError: the folder cannot be written.
    """
    home = Home(settings.home)
    create(home)
    ownership = Ownership(home, command)
    deadline, told = time.monotonic() + wait, False
    while not ownership.try_acquire():
        owner = read_owner(home)
        if owner is not None and owner.address:
            peer = RemotePeer(owner, overrides)
            if peer.alive():
                yield peer
                return
        if time.monotonic() >= deadline:
            raise in_use(home)
        if owner is not None and not told:
            notify(f"waiting for {owner.command} (pid {owner.pid})")
            told = True
        time.sleep(POLL_SECONDS)
    try:
        from assistant.services import Services

        if not home.database.exists():
            notify(FIRST_USE)
        services = Services.open(settings)
        try:
            yield LocalPeer(services)
        finally:
            services.close()
    finally:
        ownership.release()


def call(
    settings: "Settings", operation: str, params: Mapping[str, Any] | None = None, progress: Progress = lambda _: None
) -> dict[str, Any]:
    """Carry out a single operation wherever the state folder is open; see :func:`connect`."""
    with connect(settings, f"joyul {operation}") as peer:
        return peer.call(operation, params, progress)


def check_overrides(settings: "Settings", overrides: Mapping[str, Any]) -> None:
    """Refuse flags that a running app was not started with, rather than ignore them.

    Raises:
        UsageError: one of them differs from the app's own setting.
    """
    for key, wanted in overrides.items():
        value: Any = settings
        for part in key.split("."):
            value = value.get(part) if isinstance(value, dict) else getattr(value, part, None)
        if str(value) != str(wanted):
            shown = "its own" if "key" in key or "login" in key else repr(value)
            raise UsageError(
                f"the running app has {key} = {shown}, not {str(wanted)!r}",
                "leave the flag out, or restart the app with it, or use another --home",
            )
