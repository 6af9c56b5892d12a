"""A model behind any OpenAI-compatible server, by ``base_url``.

The server is one the operator named; nothing is sent anywhere else: redirects are not followed, so
the key never reaches another host, and keys of the environment are not picked up.
"""

import functools
import hashlib
import math
import queue
import socket
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from assistant.adapters import Adapter
from assistant.errors import InputError, JoyulError, UnavailableError, UsageError
from assistant.models.context import fit
from assistant.schema import Delta, Finish, Message, Origin, Sampling, Usage
from assistant.settings import EngineSettings, ModelSettings

POLL_SECONDS = 0.2
SPARE_CHUNKS = 64  # a server that ignores max_tokens is cut off this many chunks after twice of them
CHUNK_BYTES = 16_384  # no honest event is larger; so much for each of them bounds what one answer may send


class _Call:
    """One answer on its way: a thread reads it, so that the caller is never stuck in a socket."""

    def __init__(self, settings: ModelSettings, body: dict[str, Any]) -> None:
        self._settings = settings
        self._body = body
        self._queue: queue.SimpleQueue[Delta | BaseException | None] = queue.SimpleQueue()
        self._socket: Any = None
        self._cancelled = threading.Event()
        self._most_chunks = 2 * int(body["max_tokens"]) + SPARE_CHUNKS
        self._heard = math.inf  # when an event came last; a server that only keeps the line open says nothing
        threading.Thread(target=self._read, name="joyul-remote", daemon=True).start()

    def next(self, timeout: float) -> Delta | None:
        """Return the next delta, an empty one when nothing came in time, None at the end."""
        try:
            item = self._queue.get(timeout=timeout)
        except queue.Empty:
            if time.monotonic() - self._heard > self._settings.timeout_seconds:
                raise explain(TimeoutError(), self._settings) from None
            return Delta()
        if isinstance(item, BaseException):
            raise item
        return item

    def cancel(self) -> None:
        """Close the connection, whatever the thread is waiting for."""
        self._cancelled.set()
        if self._socket is not None:
            with suppress(OSError):  # already closed
                self._socket.shutdown(socket.SHUT_RDWR)  # wakes a blocked read, which closing does not

    def _watch(self, request: Any) -> None:
        self._heard = time.monotonic()

        def trace(event: str, info: dict[str, Any]) -> None:
            if event.endswith(("connect_tcp.complete", "start_tls.complete")):
                self._socket = info["return_value"].get_extra_info("socket")
                if self._cancelled.is_set():
                    self.cancel()

        request.extensions["trace"] = trace

    def _bound(self, response: Any) -> None:
        """Stop reading a body without end: nobody cuts one that is a single line, or an error's."""
        most, stream = self._most_chunks * CHUNK_BYTES, response.stream
        kind: Any = type(stream).__bases__[0]  # of whichever HTTP library the client brings

        class Bounded(kind):
            def __iter__(self) -> Iterator[bytes]:
                seen = 0
                for part in stream:
                    seen += len(part)
                    if seen > most:
                        raise _Strange(f"it sent more than {most // 1_000_000} MB in one answer")
                    yield part

            def close(self) -> None:
                stream.close()

        response.stream = Bounded()

    def _read(self) -> None:
        try:
            for delta in self._deltas():
                self._queue.put(delta)
            self._queue.put(None)
        except Exception as error:
            self._queue.put(explain(error, self._settings))

    def _deltas(self) -> Generator[Delta, None, None]:
        import openai

        secret = self._settings.api_key.get_secret_value()
        headers: Any = {"OpenAI-Organization": openai.Omit(), "OpenAI-Project": openai.Omit()}
        if not secret:
            headers["Authorization"] = openai.Omit()
        hooks: dict[str, list[Any]] = {"request": [self._watch], "response": [self._bound]}
        with (
            openai.DefaultHttpxClient(follow_redirects=False, event_hooks=hooks, verify=_trusted()) as http,
            openai.OpenAI(
                base_url=self._settings.base_url,
                api_key=secret or "none",
                timeout=self._settings.timeout_seconds,
                max_retries=0,
                http_client=http,
            ) as client,
            client.chat.completions.create(
                **self._body, stream=True, stream_options={"include_usage": True}, extra_headers=headers
            ) as stream,
        ):
            kind = stream.response.headers.get("content-type", "")
            if "event-stream" not in kind:
                raise _Strange(f"it answered with {kind or 'no content type'!s:.60} instead of a stream")
            yield from self._fold(stream)

    def _fold(self, stream: Any) -> Generator[Delta, None, None]:
        finish: Finish | None = None
        usage, texts = None, 0
        for chunks, event in enumerate(stream, 1):
            self._heard = time.monotonic()
            if event.usage is not None:
                usage = Usage(event.usage.prompt_tokens, event.usage.completion_tokens)
            for choice in event.choices:
                if choice.delta is not None and choice.delta.content:
                    texts += 1
                    yield Delta(text=choice.delta.content)
                if choice.finish_reason:
                    finish = "length" if choice.finish_reason == "length" else "stop"
            if chunks > self._most_chunks:
                finish = "length"
                break
        if finish is None:
            raise _Strange("the answer was cut off")
        yield Delta(finish=finish, usage=usage or Usage(0, texts))


@functools.cache
def _trusted() -> Any:
    """Return the certificates to trust, read once: they are a megabyte that comes back late, and 30 ms."""
    import httpx2

    return httpx2.create_ssl_context()


class _Strange(Exception):
    """The server answered, but not as such a server does."""


def explain(error: Exception, settings: ModelSettings) -> JoyulError:
    """Return a failure of a request as one line that names the host and the cause, without the key."""
    import openai

    host = urlsplit(settings.base_url).netloc.rpartition("@")[2]
    hint = "check model.base_url and whether the server runs"
    if isinstance(error, openai.APITimeoutError) or "Timeout" in type(error).__name__:
        cause, hint = f"no answer within {settings.timeout_seconds:g} s", "try again, or raise model.timeout_seconds"
    elif isinstance(error, openai.APIStatusError):
        cause, hint = _status(error)
    elif isinstance(error, openai.APIConnectionError):
        cause = f"no connection ({error.__cause__ or error})"
    elif isinstance(error, _Strange):
        cause = str(error)
    elif isinstance(error, ValueError):  # broken JSON or broken UTF-8 in an event
        cause = "it sent a damaged answer"
    elif isinstance(error, openai.OpenAIError | OSError) or type(error).__module__.startswith(("httpx", "httpcore")):
        cause = f"the answer was cut off ({error or type(error).__name__})"
    else:
        failure = JoyulError(f"the remote model failed: {type(error).__name__}: {error}", "see the log file")
        failure.__cause__ = error
        return failure
    secret = settings.api_key.get_secret_value()
    cause = cause.replace(secret, "***") if secret else cause
    return UnavailableError(f"{host}: {' '.join(cause.split()):.200}", hint)


def _status(error: Any) -> tuple[str, str]:
    code = error.status_code
    if code in (401, 403):
        return f"the key was refused ({code})", "set JOYUL_MODEL__API_KEY"
    if code == 429:
        wait = error.response.headers.get("retry-after", "")
        return "too many requests (429)", f"try again in {wait} s" if wait.isdigit() else "try again later"
    if 300 <= code < 400:
        return f"it redirects elsewhere ({code}), which is not followed", "set model.base_url to the final address"
    reason = error.body.get("message") if isinstance(error.body, dict) else None
    detail = f"it failed ({code})" if code >= 500 else f"it refused the request ({code})"
    hint = "try again later" if code >= 500 else "check model.name and model.window"
    return f"{detail}: {reason}" if reason else detail, hint


class RemoteModel:
    """The server's model; every stream has its own connection, so that closing one is certain."""

    def __init__(self, backend: "RemoteBackend") -> None:
        self._backend = backend

    def stream(self, messages: Sequence[Message], sampling: Sampling) -> Generator[Delta, None, None]:
        """Yield the answer; see ``protocols.ChatModel``.

        Raises:
            UnavailableError: the server cannot be reached, refuses, stalls or breaks off.
        """
        yield Delta()
        backend = self._backend
        limit = min(sampling.max_tokens, backend.max_tokens)
        fitted = fit(messages, backend.window - limit if backend.window > limit else 0, estimate)
        for notice in fitted.notices:
            yield Delta(notice=notice)
        call = _Call(backend.settings, backend.body(fitted.messages, sampling, limit))
        try:
            while (delta := call.next(POLL_SECONDS)) is not None:
                yield (
                    delta
                    if delta.finish is None
                    else Delta(usage=delta.usage, finish=delta.finish, origin=Origin(backend.base))
                )
        finally:
            call.cancel()


def estimate(messages: Sequence[Message]) -> int:
    """Return roughly how many tokens a conversation has: a token is about three bytes of UTF-8."""
    return sum(len(message.content.encode()) // 3 + 8 for message in messages)


class RemoteBackend:
    """A server's model as a backend.

    Args:
        settings: base_url, name, key, timeout; ``window`` 0 means that the server looks after it.
        max_tokens: the longest answer.

    Raises:
        UsageError: ``base_url`` is not an http address.
    """

    def __init__(self, settings: ModelSettings, max_tokens: int) -> None:
        parts = urlsplit(settings.base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"model.base_url {settings.base_url!r:.80} is not an http address", "http://host:port/v1")
        self.settings = settings
        self.max_tokens = max_tokens
        self.base = f"{parts.netloc.rpartition('@')[2]}/{settings.name}"
        self.base_hash = hashlib.sha256(self.base.encode()).hexdigest()
        self.window = settings.window

    def body(self, messages: Sequence[Message], sampling: Sampling, limit: int) -> dict[str, Any]:
        """Return the request for a conversation."""
        body: dict[str, Any] = {
            "model": self.settings.name,
            "messages": [{"role": message.role, "content": message.content} for message in messages],
            "max_tokens": limit,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "seed": sampling.seed,
        }
        if sampling.stop:
            body["stop"] = list(sampling.stop)
        if sampling.repetition_penalty != 1.0:  # not of the protocol; vLLM and others take it
            body["extra_body"] = {"repetition_penalty": sampling.repetition_penalty}
        return body

    def model(self, adapter: Adapter | None = None) -> RemoteModel:
        """Return the model.

        Raises:
            InputError: an adapter was asked for; a server holds its own.
        """
        if adapter is not None:
            raise InputError(
                f"{self.base}: adapter {adapter.name!r} is on this machine, not on the server",
                "load it there and configure it as a model of its own, by its name",
            )
        return RemoteModel(self)

    def memory_mb(self) -> float:
        """Return 0: nothing is held here."""
        return 0.0

    def close(self) -> None:
        """Do nothing: connections end with their streams."""


def open_openai(settings: ModelSettings, engine: EngineSettings) -> RemoteBackend:
    """Open a model behind an OpenAI-compatible server; the server is asked at the first message."""
    import openai.resources  # noqa: F401 - takes a second or two, which the first answers would wait for

    return RemoteBackend(settings, engine.max_tokens)
