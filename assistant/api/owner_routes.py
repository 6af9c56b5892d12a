"""The door for other commands of the same person: operations over loopback, with the owner's token.

The answer is a line of JSON an event: ``{"progress": ...}``, then ``{"result": ...}`` or
``{"error": ...}``. An empty line comes at least once a second; a caller who hangs up cancels.
"""

import asyncio
import hmac
import json
import threading
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, Field

from assistant.errors import RefusedError
from assistant.logs import explain
from assistant.operations import perform
from assistant.peers import check_overrides
from assistant.services import Services

BEAT_SECONDS = 1.0
# How long a shutdown waits for operations that were told to stop.
JOIN_SECONDS = 4.0


class Call(BaseModel):
    """The body of a request."""

    params: dict[str, Any] = Field(default_factory=dict)
    overrides: dict[str, str] = Field(default_factory=dict)


class Workers:
    """The threads under way, so that a shutdown can stop them before the services close."""

    def __init__(self) -> None:
        self._running: dict[threading.Thread, threading.Event] = {}

    def start(self, thread: threading.Thread, cancel: threading.Event) -> None:
        """Start a thread and remember how to cancel it."""
        self._running = {each: event for each, event in self._running.items() if each.is_alive()}
        self._running[thread] = cancel
        thread.start()

    def wait(self, seconds: float) -> bool:
        """Wait for all of them together; return whether they ended."""
        deadline = time.monotonic() + seconds
        for thread in self._running:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._running)

    def stop(self) -> bool:
        """Cancel all and wait a little; return whether they ended."""
        for cancel in self._running.values():
            cancel.set()
        return self.wait(JOIN_SECONDS)


def routes(services: Services, token: str, workers: Workers) -> APIRouter:
    """Return the routes; ``token`` is the one in the state folder."""
    router = APIRouter()

    @router.post("/owner/{operation}", include_in_schema=False)
    async def operate(operation: str, call: Call, request: Request) -> Response:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), token.encode()):
            refusal = RefusedError("the token is wrong", "the state folder's owner.json has it")
            return JSONResponse(refusal.to_dict(), 401)
        return StreamingResponse(_lines(services, operation, call, workers), media_type="application/x-ndjson")

    return router


async def _lines(services: Services, operation: str, call: Call, workers: Workers) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    news: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    cancel = threading.Event()

    def tell(event: dict[str, Any]) -> None:
        with suppress(RuntimeError):  # the loop is gone: the app is shutting down
            loop.call_soon_threadsafe(news.put_nowait, event)

    def work() -> None:
        try:
            check_overrides(services.settings, call.overrides)
            result = perform(services, operation, call.params, lambda event: tell({"progress": event}), cancel.is_set)
            tell({"result": result})
        except BaseException as error:
            tell(explain(error).to_dict())

    workers.start(threading.Thread(target=work, name=f"operation {operation}", daemon=True), cancel)
    try:
        while True:
            try:
                event = await asyncio.wait_for(news.get(), BEAT_SECONDS)
            except TimeoutError:
                yield b"\n"
                continue
            yield json.dumps(event, ensure_ascii=False, default=str).encode() + b"\n"
            if "progress" not in event:
                return
    finally:
        cancel.set()
