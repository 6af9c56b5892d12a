"""Listening: the address is checked and taken before anything heavy is loaded."""

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from assistant.api.guard import is_loopback
from assistant.errors import RefusedError, UsageError
from assistant.settings import ServeSettings

if TYPE_CHECKING:
    from fastapi import FastAPI

PASSWORD_CHARACTERS = 8
# Open streams get this long after SIGTERM; with the rest of the shutdown it stays below ten seconds.
DRAIN_SECONDS = 4


def check_login(serve: ServeSettings) -> None:
    """Refuse an address that others can reach without a login worth the name.

    Raises:
        RefusedError: a public address without a login, or a login that is no protection.
    """
    user, colon, password = serve.login.partition(":")
    if not serve.login:
        if not is_loopback(serve.host):
            raise RefusedError(
                f"{serve.host!r} can be reached from other machines and no login is set",
                "set JOYUL_SERVE__LOGIN=USER:PASSWORD, or listen on 127.0.0.1",
            )
    elif not (user and colon) or len(password) < PASSWORD_CHARACTERS or password.lower() in (user.lower(), "password"):
        raise RefusedError(
            "the login is too weak", f"use USER:PASSWORD with at least {PASSWORD_CHARACTERS} characters of password"
        )


def listen(serve: ServeSettings) -> socket.socket:
    """Take the port.

    Raises:
        UsageError: it is in use, or the address is not this machine's.
    """
    host = serve.host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, serve.port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        if error.strerror and "in use" in error.strerror:
            raise UsageError(
                f"port {serve.port} is in use{_holder(serve.port)}", "stop that program or choose another --port"
            ) from error
        raise UsageError(f"cannot listen on {serve.host}:{serve.port}: {error.strerror}", "check --host") from error
    return listener


def url_of(listener: socket.socket) -> str:
    """Return the address a person opens."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve_until_stopped(app: "FastAPI", listener: socket.socket, ready: Callable[[], None]) -> None:
    """Serve until SIGINT or SIGTERM; ``ready`` is called once requests are answered."""
    import uvicorn

    class Server(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            if self.started:
                ready()

    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="on",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    Server(config).run([listener])


def _holder(port: int) -> str:
    """Return who listens on a port, as far as this user may know."""
    import psutil

    try:
        for connection in psutil.net_connections("tcp"):
            if connection.laddr and connection.laddr.port == port and connection.status == psutil.CONN_LISTEN:
                if connection.pid is None:
                    break
                return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except psutil.Error:
        pass
    return ""
