"""People who chat and keep a ledger of what the page acknowledged, and the comparison with the store afterwards."""

import asyncio
import random
import re
import sqlite3
import time
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from page import Layout, RefusedEvent, Tab
from stub import LAST, MARK

OPENED = re.compile(r'data-conversation="([0-9a-f]+)"')
LISTED = re.compile(r'href="\?c=([0-9a-f]+)"[^>]*>([^<]*)<')
PULSE_SECONDS = 1.5
RETRY_SECONDS = 1.0


@dataclass
class Ledger:
    """What all users together saw; times in seconds."""

    acknowledged: dict[str, str] = field(default_factory=dict)  # mark -> conversation
    first: list[float] = field(default_factory=list)
    total: list[float] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    lost_contact: int = 0
    failed: list[str] = field(default_factory=list)  # anything a person should never see


class User:
    """One person in one tab; sends, reads the answer, thinks, sends again.

    Args:
        number: who it is; every message carries ``uNUMBER-COUNT``.
        pause: seconds of thinking, drawn between these.
        retrieval: the share of messages that are answered with retrieval.
    """

    def __init__(
        self,
        number: int,
        client: httpx.AsyncClient,
        layout: Layout,
        ledger: Ledger,
        pause: tuple[float, float] = (5.0, 15.0),
        retrieval: float = 0.2,
    ) -> None:
        self.number, self.client, self.layout, self.ledger = number, client, layout, ledger
        self.pause, self.retrieval = pause, retrieval
        self.random = random.Random(number)
        self.tab = Tab(client, layout)
        self.conversation = ""
        self.count = 0
        self.fed = False  # the answer grew since the last pulse

    async def live(self, until: float) -> None:
        """Chat until a moment of ``time.monotonic``."""
        pulse = asyncio.create_task(self._pulse())
        try:
            await self._open()
            while time.monotonic() < until:
                await self.exchange(until)
                await asyncio.sleep(self.random.uniform(*self.pause))
        finally:
            pulse.cancel()
            await asyncio.gather(pulse, return_exceptions=True)
            await self.tab.close()

    async def exchange(self, until: float = float("inf")) -> None:
        """Send one message until it is acknowledged, then read its answer."""
        self.count += 1
        mark = f"u{self.number}-{self.count}"
        text = f"{mark} how much is parking?"
        variant = "rag" if self.random.random() < self.retrieval else "zero-shot"
        begun = time.monotonic()
        if not await self._say(mark, text, variant, until):
            return
        try:
            seen = 0.0
            async for line in self.tab.event(self.layout.follow, [None]):
                self.fed = True
                if not seen and f"answer:{mark}" in line:
                    seen = time.monotonic()
                    self.ledger.first.append(seen - begun)
            await self.tab.call(self.layout.settle, [None])
            self.ledger.total.append(time.monotonic() - begun)
            if not seen:  # it was over before we looked
                self.ledger.first.append(time.monotonic() - begun)
        except RefusedEvent as error:
            self.ledger.failed.append(f"{mark}: {error}")
        except httpx.HTTPError:
            self.ledger.lost_contact += 1

    async def _say(self, mark: str, text: str, variant: str, until: float) -> bool:
        """Send; a refused message is still in the box, so it is sent again; after a lost contact one looks first."""
        while True:
            try:
                thread = await self.tab.send(text, variant)
                break
            except RefusedEvent as error:
                self.ledger.refused.append(str(error))
                if time.monotonic() > until:
                    return False
            except httpx.HTTPError:
                self.ledger.lost_contact += 1
                thread = await self._open()
                if mark in MARK.findall(thread):
                    break
            await asyncio.sleep(RETRY_SECONDS)
        self.conversation = OPENED.findall(thread)[0]
        self.ledger.acknowledged[mark] = self.conversation
        return True

    async def _open(self) -> str:
        """Open the page, again and again until it is there; return the thread."""
        while True:
            await self.tab.close()
            self.tab = Tab(self.client, self.layout)
            with suppress(httpx.HTTPError, RefusedEvent):
                thread, listed = await self.tab.open(self.conversation)
                own = [key for key, title in LISTED.findall(listed) if title.startswith(f"u{self.number}-")]
                if self.conversation or not own:
                    return thread
                self.conversation = own[0]
                continue
            await asyncio.sleep(RETRY_SECONDS)

    async def _pulse(self) -> None:
        """Ask for news as the page's script does."""
        known = ""
        while True:
            await asyncio.sleep(PULSE_SECONDS)
            with suppress(httpx.HTTPError, RefusedEvent):
                news = (await self.client.get("/pulse", params={"c": self.conversation})).json()
                fed, self.fed = self.fed, False
                if news["changes"] != known or (news["busy"] and not fed):
                    await self.tab.call(self.layout.sync, [None], {"conversation": self.conversation})
                known = news["changes"]


def audit(database: Path, ledger: Ledger) -> dict[str, int]:
    """Compare the store with the ledger; everything but ``kept`` has to be 0.

    ``lost`` were acknowledged and are not there, ``doubled`` are there twice, ``crossed`` sit in another
    conversation or carry another's answer, ``reordered`` follow a later one, ``unfinished`` are answers that
    count as done but are not whole, ``open`` are answers nobody writes any more.
    """
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as raw:
        rows = raw.execute(
            "select id, parent, conversation, role, content, status from messages order by created"
        ).fetchall()
    asked = [
        (key, where, mark[0])
        for key, _, where, role, text, _ in rows
        if role == "user" and (mark := MARK.findall(text))
    ]
    by_mark: dict[str, list[str]] = {}
    for _, where, mark in asked:
        by_mark.setdefault(mark, []).append(where)
    question = {key: mark for key, _, mark in asked}
    order: dict[str, list[int]] = {}
    for _, where, mark in asked:
        order.setdefault(where, []).append(int(mark.split("-")[1]))
    answers = [
        (question.get(parent, ""), text, status) for _, parent, _, role, text, status in rows if role == "assistant"
    ]
    done = [(mark, text) for mark, text, status in answers if status == "done"]
    return {
        "kept": sum(mark in by_mark for mark in ledger.acknowledged),
        "lost": sum(mark not in by_mark for mark in ledger.acknowledged),
        "doubled": sum(len(places) > 1 for places in by_mark.values()),
        "crossed": sum(where not in by_mark.get(mark, [where]) for mark, where in ledger.acknowledged.items())
        + sum(bool(text) and f"answer:{mark} " not in f"{text} " for mark, text, _ in answers),
        "reordered": sum(numbers != sorted(numbers) for numbers in order.values()),
        "unfinished": sum(not text.rstrip().endswith(LAST) for _, text in done),
        "open": sum(status in ("streaming", "searching") for _, _, status in answers),
        "interrupted": sum(status == "interrupted" for _, _, status in answers),
    }
