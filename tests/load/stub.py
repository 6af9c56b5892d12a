"""A scripted OpenAI-shaped server: a given token rate, faults by name, and a count of who is still connected.

The newest message decides: ``fault:NAME`` misbehaves as in :data:`FAULTS`, anything else is answered with
``tokens`` words of which the first repeats the message's mark, so that a crossed answer shows.
"""

import asyncio
import json
import re
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

MARK = re.compile(r"\bu\d+-\d+\b")
FAULT = re.compile(r"fault:([a-z-]+)")
LAST = "fin"


class Stub:
    """The server, on a thread of its own; use as a context manager.

    Args:
        rate: tokens a second of one answer; 0 sends them as fast as they go.
        tokens: words of an answer.
    """

    def __init__(self, rate: float = 0.0, tokens: int = 100) -> None:
        self.rate, self.tokens = rate, tokens
        self.requests: list[dict[str, Any]] = []
        self.open = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self.news = threading.Condition()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Stub":
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    @property
    def url(self) -> str:
        """The ``base_url`` to configure."""
        return f"http://127.0.0.1:{self.port}/v1"

    def wait_until_closed(self, seconds: float) -> bool:
        """Wait until nobody is connected any more; return whether that came about."""
        with self.news:
            return self.news.wait_for(lambda: self.open == 0, seconds)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))

    def _count(self, change: int) -> None:
        with self.news:
            self.open += change
            self.news.notify_all()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._count(1)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            length = re.search(r"(?i)content-length: *(\d+)", head)
            body = json.loads(await reader.readexactly(int(length[1]) if length else 0))
            with self.news:
                self.requests.append(body)
                self.news.notify_all()
            gone = asyncio.ensure_future(reader.read(1))  # the caller says nothing more: this ends when it leaves
            said = asyncio.ensure_future(self._answer(body, writer))
            await asyncio.wait((gone, said), return_when=asyncio.FIRST_COMPLETED)
            for task in (gone, said):
                task.cancel()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            self._count(-1)

    async def _answer(self, body: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        newest = str(body["messages"][-1]["content"])
        fault = FAULT.search(newest)
        parts = FAULTS[fault[1]](self) if fault else self.spoken(newest)
        async for part in parts:
            writer.write(part)
            await writer.drain()

    async def spoken(self, message: str) -> AsyncIterator[bytes]:
        """Yield a whole answer at the rate."""
        yield head("200 OK", "text/event-stream")
        mark = MARK.findall(message) or ["none"]
        words = [f"answer:{mark[-1]}", *(f"w{number}" for number in range(self.tokens - 2)), LAST]
        begun = self._loop.time()
        for number, word in enumerate(words):
            if self.rate:
                await asyncio.sleep(begun + number / self.rate - self._loop.time())
            yield chunk(delta={"content": word + " "})
        yield chunk(delta={}, finish_reason="stop")
        yield b"data: [DONE]\n\n"


def head(status: str, kind: str, *more: str) -> bytes:
    """Return the head of an answer that ends with its connection."""
    return "\r\n".join([f"HTTP/1.1 {status}", f"Content-Type: {kind}", *more, "Connection: close", "", ""]).encode()


def chunk(**choice: Any) -> bytes:
    """Return one event of a stream."""
    frame = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m"}
    text = json.dumps({**frame, "choices": [{"index": 0, **choice}]}, ensure_ascii=False)
    return f"data: {text}\n\n".encode()


HALF = chunk(delta={"content": "half "})
STREAM = head("200 OK", "text/event-stream")
Parts = Callable[[Stub], AsyncIterator[bytes]]


def _fixed(*parts: bytes) -> Parts:
    async def send(stub: Stub) -> AsyncIterator[bytes]:
        for part in parts:
            yield part

    return send


def _endless(begin: bytes, part: bytes, pause: float = 0.0) -> Parts:
    async def send(stub: Stub) -> AsyncIterator[bytes]:
        yield begin
        while True:
            yield part
            await asyncio.sleep(pause)

    return send


def _stalled(begin: bytes) -> Parts:
    async def send(stub: Stub) -> AsyncIterator[bytes]:
        yield begin
        await asyncio.Event().wait()

    return send


FAULTS: dict[str, Parts] = {
    "refused": _fixed(head("401 Unauthorized", "application/json"), b'{"error": {"message": "bad key"}}'),
    "busy": _fixed(head("429 Too Many Requests", "application/json", "Retry-After: 7"), b"{}"),
    "failed": _fixed(head("500 Internal Server Error", "application/json"), b'{"error": {"message": "boom"}}'),
    "silent": _stalled(b""),
    "stalled": _stalled(STREAM + HALF),
    "pinging": _endless(STREAM + HALF, b": still here\n\n", 0.05),
    "empty-events": _endless(STREAM + HALF, chunk(delta={})),
    "one-endless-line": _endless(STREAM + HALF, b"x" * 65536),
    "endless": _endless(STREAM, HALF),
    "cut": _fixed(STREAM, HALF),
    "cut-in-a-character": _fixed(STREAM, HALF, b"data: " + "안".encode()[:-1]),
    "damaged": _fixed(STREAM, HALF, b"data: {oops\n\n"),
    "page": _fixed(head("200 OK", "text/html"), b"<html>welcome</html>"),
    "not-http": _fixed(b"\x00\x01garbage\r\n\r\n"),
}
