"""What a browser does with the page, spoken by hand: Gradio's queue over HTTP and server-sent events."""

import asyncio
import json
import re
import secrets
from collections.abc import AsyncIterator
from typing import Any

import httpx

BASE = "/en/gradio_api"
EVENT = re.compile(r'"event_id":"([^"]+)"')


class RefusedEvent(Exception):
    """The page answered an event with a message for the person, e.g. that the queue is full."""


class Layout:
    """Which number each handler of the page has; the same for everybody, so it is read once."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._rows: list[dict[str, Any]] = config["dependencies"]
        named = {each["props"].get("elem_id"): each["id"] for each in config["components"]}
        thread = named["thread"]
        self.send = self._of(named["composer"], "submit")
        self.follow = next(each["id"] for each in self._rows if each.get("trigger_after") == self.send)
        self.settle = next(each["id"] for each in self._rows if each.get("trigger_after") == self.follow)
        self.stop = self._of(named["stop"], "click")
        self.sync, self.regenerate = self._of(thread, "sync"), self._of(thread, "regenerate")
        loads = [each for each in self._rows if any(event == "load" for _, event in each["targets"])]
        self.opened = next(int(each["id"]) for each in loads if thread in each["outputs"])
        sending = next(each for each in self._rows if each["id"] == self.send)
        outputs = sending["outputs"]
        self.thread_at, self.composer_at = outputs.index(thread), outputs.index(named["composer"])
        self.chats_at = outputs.index(named["chats"])
        values = {each["id"]: each["props"].get("value") for each in config["components"]}
        self.knobs = [values[key] if values[key] is not None else "" for key in sending["inputs"][3:]]

    @classmethod
    async def read(cls, client: httpx.AsyncClient) -> "Layout":
        """Ask the page for its layout."""
        answer = await client.get("/en/config")
        answer.raise_for_status()
        return cls(answer.json())

    def _of(self, component: int, event: str) -> int:
        return next(int(each["id"]) for each in self._rows if [component, event] in each["targets"])


class Tab:
    """One open browser tab; its events share one stream, which the app closes whenever none is pending."""

    def __init__(self, client: httpx.AsyncClient, layout: Layout) -> None:
        self.client, self.layout = client, layout
        self.session = secrets.token_hex(6)
        self._mail: dict[str, asyncio.Queue[str | Exception]] = {}
        self._early: dict[str, list[str]] = {}  # an open stream may tell of an event before its own request is answered
        self._reader: asyncio.Task[None] | None = None

    async def close(self) -> None:
        """Leave as a closed tab does: the connection just ends."""
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)

    async def _read(self) -> None:
        try:
            while self._mail:
                where = {"session_hash": self.session}
                async with self.client.stream("GET", f"{BASE}/queue/data", params=where) as stream:
                    stream.raise_for_status()
                    async for line in stream.aiter_lines():
                        about = EVENT.search(line)
                        if about is not None and about[1] in self._mail:
                            self._mail[about[1]].put_nowait(line[6:])
                        elif about is not None:
                            self._early.setdefault(about[1], []).append(line[6:])
        except httpx.HTTPError as error:
            for mail in self._mail.values():
                mail.put_nowait(error)

    async def event(self, number: int, data: list[Any], event_data: Any = None) -> AsyncIterator[str]:
        """Send an event and yield its updates as JSON.

        Raises:
            RefusedEvent: the handler said no, and why.
            httpx.HTTPError: the app cannot be reached, or broke off.
        """
        body = {"data": data, "event_data": event_data, "fn_index": number, "session_hash": self.session}
        joined = await self.client.post(f"{BASE}/queue/join", json=body)
        joined.raise_for_status()
        key = str(joined.json()["event_id"])
        mail = self._mail[key] = asyncio.Queue()
        for line in self._early.pop(key, ()):
            mail.put_nowait(line)
        if self._reader is None or self._reader.done():
            self._reader = asyncio.create_task(self._read())
        try:
            while True:
                line = await mail.get()
                if isinstance(line, Exception):
                    raise line
                if '"msg":"process_completed"' in line:
                    message = json.loads(line)
                    if not message["success"]:
                        raise RefusedEvent(str(message["output"].get("error")))
                    yield line
                    return
                if '"msg":"process_generating"' in line:
                    yield line
        finally:
            self._mail.pop(key, None)

    async def call(self, number: int, data: list[Any], event_data: Any = None) -> list[Any]:
        """Send an event and return its last outputs."""
        last = ""
        async for last in self.event(number, data, event_data):  # noqa: B007 - only the end matters
            pass
        output: list[Any] = json.loads(last)["output"]["data"]
        return output

    async def send(self, text: str, variant: str) -> str:
        """Send a message; return the thread as it is shown then, the message in it."""
        shown = await self.call(self.layout.send, [text, None, variant, *self.layout.knobs])
        if shown[self.layout.composer_at] != "":
            raise RefusedEvent("the composer still holds the text")
        return str(shown[self.layout.thread_at])

    async def open(self, conversation: str) -> tuple[str, str]:
        """Open the page at a conversation; return the thread and the list of conversations."""
        shown = await self.call(self.layout.opened, [conversation, None])
        return str(shown[self.layout.thread_at]), str(shown[self.layout.chats_at])

    async def stop(self) -> None:
        """Press Stop, which does not wait in the queue."""
        body = {"data": [None], "fn_index": self.layout.stop, "session_hash": self.session}
        (await self.client.post(f"{BASE}/run/predict", json=body)).raise_for_status()
