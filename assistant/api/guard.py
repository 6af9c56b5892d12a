"""The outermost layer of the app: who may ask at all, how much, and what every answer carries.

Loopback needs no login, so a page of a stranger must not reach it through the person's browser:
the Host header must be ours (DNS rebinding) and a state change must come from our own origin (CSRF).
"""

import asyncio
import base64
import binascii
import hmac
import ipaddress
import json
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

from assistant.settings import ServeSettings

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
ANY_ADDRESS = frozenset({"0.0.0.0", "::", ""})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
BODY_BYTES = 2_000_000
PAGE_BYTES = 8_000_000
BODY_SECONDS = 30.0  # a request that is announced and then does not come is ended after this much silence
TRIES, TRIES_SECONDS, CLIENTS = 10, 60.0, 4096
# Of Gradio's routes a page needs these; its others (a second door to every handler, an editor of the program,
# a proxy, recordings, shared links ...) are not there, and neither is what a newer Gradio may add.
PAGE = re.compile(
    r"/(?:ko|en)(?:/(?:(?:config|theme\.css|robots\.txt|favicon\.ico|manifest\.json|pwa_icon(?:/.*)?)/?"
    r"|(?:assets|static|svelte)/.+"
    r"|gradio_api/(?:(?:info|app_id|startup-events|cancel|reset|run/predict|upload|upload_progress)/?"
    r"|queue/(?:join|data|status)/?|heartbeat/.+|file=.+))?)?"
)

# Gradio's page runs inline scripts and styles; what matters here is that nothing foreign is ever fetched.
PAGE_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' 'wasm-unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self' data: blob:; worker-src 'self' blob:; frame-src 'self'; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "SAMEORIGIN",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "content-security-policy": PAGE_POLICY,
}


class EndedError(Exception):
    """A request was answered here while it still came in."""


class Guard:
    """ASGI middleware in front of everything.

    Args:
        app: what is guarded.
        serve: host and login in force.
        upload_bytes: the largest document that may be uploaded.
    """

    def __init__(self, app: App, serve: ServeSettings, upload_bytes: int) -> None:
        self._app = app
        self._serve = serve
        self._upload_bytes = upload_bytes + 1_000_000  # the multipart frame around the file
        self._failures: OrderedDict[str, list[float]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on with a counted body and added headers."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in scope["headers"]}
        refusal = self._refusal(scope, headers)
        if refusal is None:
            await self._pass_on(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await _answer(send, *refusal)

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        limit, seen, started, refused = self._limit(scope["path"]), 0, False, False
        whole = scope["type"] != "http"

        async def refuse(status: int, reason: str) -> None:
            nonlocal refused
            refused = True
            if not started:  # answered here, because frameworks turn an exception into a 500
                await _answer(send, status, reason)
            raise EndedError

        async def counted() -> MutableMapping[str, Any]:
            nonlocal seen, whole
            if whole:  # what comes now is the end of the connection, whenever that is
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), BODY_SECONDS)
            except TimeoutError:
                await refuse(408, f"nothing more of the request came within {BODY_SECONDS:.0f} seconds")
                raise
            whole = not message.get("more_body", False)
            seen += len(message.get("body", b""))
            if seen > limit:
                await refuse(413, _too_large(limit))
            return message

        async def decorated(message: MutableMapping[str, Any]) -> None:
            nonlocal started
            if refused:
                return
            if message["type"] == "http.response.start":
                started = True
                present = {key.lower() for key, _ in message["headers"]}
                added = [(k.encode(), v.encode()) for k, v in HEADERS.items() if k.encode() not in present]
                message["headers"] = [*message["headers"], *added]
            await send(message)

        with suppress(EndedError):
            await self._app(scope, counted, decorated)

    def _refusal(self, scope: Scope, headers: dict[str, str]) -> tuple[int, str] | None:
        """Return status and reason where a request must not go on."""
        host = headers.get("host", "")
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        path = str(scope["path"])
        if self._serve.host not in ANY_ADDRESS and name.lower() not in self._names():
            return 403, f"host {name[:80]!r} is not served here"
        unsafe = scope["type"] == "websocket" or scope["method"] not in SAFE_METHODS
        if unsafe and not _own_origin(headers, host):
            return 403, "requests from other sites are refused"
        if _leads_outside(path):
            return 403, "no such file"
        client = (scope.get("client") or ("", 0))[0]
        local = is_loopback(client)
        if path.startswith("/owner/"):
            return None if local else (403, "only from this machine")
        if path == "/health":
            return None
        if self._serve.login:
            refusal = self._login_refusal(client, headers.get("authorization", ""))
        else:
            refusal = None if local else (403, "only from this machine: no login is set")
        length, limit = headers.get("content-length", ""), self._limit(path)
        if refusal is None and length.isdecimal() and int(length) > limit:
            refusal = 413, _too_large(limit)
        if refusal is None and path.startswith(("/ko/", "/en/")) and not PAGE.fullmatch(path):
            refusal = 404, "no such address"
        return refusal

    def _names(self) -> frozenset[str]:
        own = self._serve.host.lower()
        return LOOPBACK_NAMES | {own, f"[{own}]"} if not is_loopback(own) else LOOPBACK_NAMES

    def _limit(self, path: str) -> int:
        if path.endswith("/upload") or path == "/v1/files":
            return self._upload_bytes
        return BODY_BYTES if path.startswith(("/owner/", "/v1/")) else PAGE_BYTES

    def _login_refusal(self, client: str, authorization: str) -> tuple[int, str] | None:
        now = time.monotonic()
        recent = [at for at in self._failures.get(client, ()) if now - at < TRIES_SECONDS]
        if len(recent) >= TRIES:
            return 429, f"too many wrong passwords: wait {TRIES_SECONDS:.0f} seconds"
        if _matches(authorization, self._serve.login):
            self._failures.pop(client, None)
            return None
        if authorization:
            self._failures[client] = [*recent, now]
            self._failures.move_to_end(client)
            while len(self._failures) > CLIENTS:
                self._failures.popitem(last=False)
        return 401, "log in first"


def _matches(authorization: str, login: str) -> bool:
    """Compare ``Basic`` credentials, or a ``Bearer`` password, in constant time."""
    kind, _, given = authorization.partition(" ")
    expected = login
    if kind.lower() == "basic":
        try:
            given = base64.b64decode(given, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            given = ""
    elif kind.lower() == "bearer":
        expected = login.partition(":")[2]
    else:
        given = ""
    return hmac.compare_digest(given.encode(), expected.encode())


def _own_origin(headers: dict[str, str], host: str) -> bool:
    if headers.get("sec-fetch-site") in ("cross-site", "same-site"):
        return False
    origin = headers.get("origin")
    return origin is None or origin.partition("://")[2].lower() == host.lower()


def _leads_outside(path: str) -> bool:
    """Tell Gradio's routes that redirect to, or fetch from, a foreign address."""
    _, marker, rest = path.partition("/file=")
    if marker and (rest.startswith(("//", "\\", "/\\")) or ":" in rest.split("/", 1)[0]):
        return True
    return "/proxy=" in path


def is_loopback(address: str) -> bool:
    """Return whether an address or name is this machine's own."""
    if address.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False


def _too_large(limit: int) -> str:
    return f"the request is larger than {limit // 1_000_000} MB"


async def _answer(send: Send, status: int, reason: str) -> None:
    body = json.dumps({"error": {"kind": "refused", "message": reason, "hint": ""}}).encode()
    headers = [(b"content-type", b"application/json"), (b"x-content-type-options", b"nosniff")]
    if status == 401:
        headers.append((b"www-authenticate", b'Basic realm="joyul", charset="UTF-8"'))
    if status == 429:
        headers.append((b"retry-after", str(int(TRIES_SECONDS)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
