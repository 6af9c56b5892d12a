"""The scenarios; each returns what was measured and which bounds held."""

import asyncio
import random
import sqlite3
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
from abuse import abuse
from beside import DOCUMENTS, chat_beside
from users import User
from world import World, world

Outcome = tuple[dict[str, Any], dict[str, bool]]
LOCK_SECONDS = 30
ZEROS = ("lost", "doubled", "crossed", "reordered", "unfinished")


def kept(report: dict[str, Any]) -> dict[str, bool]:
    """Return the bounds that every scenario has to hold."""
    zeros = {f"store: {key} is 0": report["store"][key] == 0 for key in ZEROS}
    return {**zeros, "no traceback": report["tracebacks"] == 0, "no failed message": not report["failed"]}


async def steady(
    users: int = 50, minutes: float = 10.0, rate: float = 20.0, home: Path | None = None, **_: Any
) -> Outcome:
    """Let people chat (A1)."""
    async with world(rate, home=home) as run:
        until = time.monotonic() + 60 * minutes
        people = run.users(users)
        await asyncio.gather(*(_late(each, each.random.uniform(0, 10), until) for each in people))
        report = run.report()
    first, total = (report[key] or [0, 0] for key in ("first_token_p50_p95", "total_p50_p95"))
    return report, {
        **kept(report),
        "first token p95 <= 3 s": first[1] <= 3,
        "total p95 <= twice the stub's own": total[1] <= 2 * report["stub_own_seconds"],
        "memory growth <= 100 MB": report["memory_mb_begin_end_growth"][2] <= 100,
        "errors < 0.1 %": report["server_errors"] + report["lost_contact"] <= report["acknowledged"] / 1000,
    }


async def _late(user: User, seconds: float, until: float) -> None:
    await asyncio.sleep(seconds)
    await user.live(until)


async def burst(users: int = 200, rate: float = 20.0, home: Path | None = None, **_: Any) -> Outcome:
    """Let everybody send once within five seconds, and again where the queue was full (A2)."""
    async with world(rate, home=home) as run:
        people = run.users(users)

        async def once(user: User) -> None:
            await asyncio.sleep(user.random.uniform(0, 5))
            await user.exchange()
            await user.tab.close()

        await asyncio.gather(*(once(each) for each in people))
        report = run.report()
    return report, {
        **kept(report),
        "everybody was answered": report["answered"] == users,
        "refusals say how many are ahead": all(
            "ahead" in text or "being written" in text for text in report["refusals"]
        ),
        "no 5xx": report["server_errors"] == 0,
        "health p99 <= 1 s": report["health_p50_p99_ms"][1] <= 1000 and not report["unhealthy"],
    }


async def locked(users: int = 10, rate: float = 20.0, home: Path | None = None, **_: Any) -> Outcome:
    """Hold the database while people send (A12)."""
    async with world(rate, home=home) as run:
        people = run.users(users, pause=(0.5, 2.0))
        until = time.monotonic() + LOCK_SECONDS + 20
        chatting = asyncio.gather(*(each.live(until) for each in people))
        await asyncio.sleep(6)
        before = len(run.ledger.acknowledged)
        with closing(sqlite3.connect(run.app.home / "joyul.sqlite", isolation_level=None)) as holder:
            holder.execute("BEGIN EXCLUSIVE")
            await asyncio.sleep(LOCK_SECONDS)
            holder.execute("ROLLBACK")
        during = len(run.ledger.acknowledged) - before
        await chatting
        report = run.report() | {"acknowledged_while_locked": during}
    return report, {
        **kept(report),
        "people were told": bool(report["refusals"]) and all("storage busy" in t.lower() for t in report["refusals"]),
        "the UI is alive": report["health_p50_p99_ms"][1] <= 1000 and not report["unhealthy"],
        "no 5xx": report["server_errors"] == 0,
    }


async def kills(users: int = 20, times: int = 100, rate: float = 20.0, home: Path | None = None, **_: Any) -> Outcome:
    """Kill the server at random moments; everybody goes on afterwards (A6)."""
    async with world(rate, 60, home=home) as run:
        stop = time.monotonic() + 86_400
        people = run.users(users, pause=(0.2, 3.0))
        chatting = [asyncio.create_task(each.live(stop)) for each in people]
        starts, chance = [], random.Random(7)
        for _ in range(times):
            await asyncio.sleep(chance.uniform(1.0, 8.0))
            run.app.kill()
            starts.append(await asyncio.to_thread(run.app.start))
        await asyncio.sleep(8)
        for task in chatting:
            task.cancel()
        await asyncio.gather(*chatting, return_exceptions=True)
        report = run.report() | {"slowest_start_seconds": round(max(starts), 1)}
    allowed = {"server_errors": 0}
    return report | allowed, {**kept(report), "every start <= 10 s": report["slowest_start_seconds"] <= 10}


async def leaving(times: int = 20, rate: float = 5.0, home: Path | None = None, **_: Any) -> Outcome:
    """Press Stop, reset sockets of streams and of plain requests; the stub must see each of them leave (A10)."""
    async with world(rate, 200, home=home) as run:
        slow: dict[str, list[float]] = {"stop": [], "stream reset": [], "request reset": []}
        person = run.users(1)[0]
        for number in range(times):
            await _stopped(person, number)
            slow["stop"].append(_left(run))
            for kind, stream in (("stream reset", True), ("request reset", False)):
                await _reset(run, stream)
                slow[kind].append(_left(run))
        await person.tab.close()
        person.count = 900
        await person.exchange()
        report = run.report() | {"seconds_until_free": {key: round(max(each), 2) for key, each in slow.items()}}
    bounds = {f"{key}: free within 2 s": max(each) <= 2 for key, each in slow.items()}
    return report, {**kept(report), **bounds, "the next message is answered": report["answered"] == 1}


async def _stopped(person: User, number: int) -> None:
    await person.tab.send(f"stop u0-{number} please", "zero-shot")
    async for line in person.tab.event(person.layout.follow, [None]):
        if f"answer:u0-{number}" in line:
            await person.tab.stop()


async def _reset(run: World, stream: bool) -> None:
    """Ask over the API and hang up in the middle of the answer."""
    seen = len(run.stub.requests)
    body = {"model": "zero-shot", "stream": stream, "messages": [{"role": "user", "content": "u0-0"}]}

    async def ask() -> None:
        async with run.client.stream("POST", "/v1/chat/completions", json=body) as answer:
            async for _ in answer.aiter_lines():
                pass

    asking = asyncio.create_task(ask())
    while len(run.stub.requests) == seen:
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.5)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)


def _left(run: World) -> float:
    begun = time.monotonic()
    run.stub.wait_until_closed(30)
    return time.monotonic() - begun


async def too_much(users: int = 5, rate: float = 20.0, home: Path | None = None, **_: Any) -> Outcome:
    """Ask for far too much while others chat (A47)."""
    async with world(rate, 40, home=home) as run:
        quiet = asyncio.gather(*(each.live(time.monotonic() + 15) for each in run.users(users, pause=(0.5, 1.5))))
        await quiet
        before = list(run.ledger.first)
        run.ledger.first.clear()
        people = [User(100 + n, run.client, run.layout, run.ledger, (0.5, 1.5)) for n in range(users)]
        others = asyncio.gather(*(each.live(time.monotonic() + 25) for each in people))
        answers = await abuse(httpx.URL(run.app.url))
        await others
        report = run.report() | {"answers": answers, "first_token_before": before and max(before)}
    ranked = sorted(before)
    base = ranked[int(0.95 * len(ranked))] if ranked else 1.0
    bounds = {f"{name}: {answer}": good for name, (answer, good) in answers.items()}
    report["answers"] = {name: answer for name, (answer, _) in answers.items()}
    slower = (report["first_token_p50_p95"] or [0, 0])[1]
    return report, {**kept(report), **bounds, "others p95 at most doubled (or 1 s)": slower <= max(1.0, 2 * base)}


async def beside(
    users: int = 10, minutes: float = 1.0, rate: float = 20.0, home: Path | None = None, **_: Any
) -> Outcome:
    """Chat while a job trains and five hundred documents are taken in; pause the job, let it go on (A4)."""
    async with world(rate, home=home) as run:
        work = await chat_beside(run, run.users(users), 60 * minutes)
        await asyncio.sleep(2 * run.stub.tokens / rate)  # what is being written comes to its end
        report = run.report() | {"work": work}
    twice = {part: 2 * work["alone"][part] for part in ("first", "total")}
    return report, {
        **kept(report),
        "the job ended well": work["job"] == "succeeded" and work["paused"] == "paused",
        "every document was taken in": work["ingest"]["added"] == DOCUMENTS,
        **{
            f"{part} p95 {when}: at most twice the idle one (or 1 s)": work[when][part] <= max(1.0, most)
            for part, most in twice.items()
            for when in ("beside", "after the pause", "beside, to the end")
        },
    }


SCENARIOS: dict[str, Callable[..., Awaitable[Outcome]]] = {
    "steady": steady,
    "burst": burst,
    "locked": locked,
    "kills": kills,
    "leaving": leaving,
    "abuse": too_much,
    "beside": beside,
}
