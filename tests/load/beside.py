"""Chat beside heavy work: a training job and an ingest of five hundred documents (battery A4)."""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from users import User
from world import World, share

DOCUMENTS = 500
PARAGRAPH = (
    "The reading room of branch {n} opens at {hour}:00. Seats are booked at the desk on floor {floor}, and a card "
    "costs {price} won. {n}번 분관 열람실은 {hour}시에 열어요. 자리는 {floor}층 안내대에서 예약하고, 카드는 "
    "{price}원이에요."
)
DEMO = Path(__file__).resolve().parents[2] / "data" / "demo"
STEPS = 160  # some minutes beside ten people on two cores
RECIPE = f"""name: beside
data: {DEMO / "triage" / "train.jsonl"}
recipe: classify
steps: {STEPS}
batch_size: 8
learning_rate: 4.0e-3
"""
RECOVERY_SECONDS = 5.0
ENDED = ("succeeded", "failed", "cancelled")


def write_documents(folder: Path, count: int = DOCUMENTS) -> None:
    """Write ``count`` documents of about three kilobytes that are all different."""
    folder.mkdir(parents=True)
    for number in range(count):
        parts = [
            PARAGRAPH.format(n=number * 10 + part, hour=6 + part, floor=1 + number % 9, price=1000 + number * 7 + part)
            for part in range(10)
        ]
        (folder / f"branch-{number:03}.md").write_text(f"# Branch {number}\n\n" + "\n\n".join(parts), encoding="utf-8")


async def command(run: World, *words: str) -> dict[str, Any]:
    """Run a command of the app on the state folder that the server holds; return its document.

    Raises:
        RuntimeError: it failed; what it said.
    """
    asked = [sys.executable, "-m", "assistant", *words, "--home", str(run.app.home), "--json"]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*asked, stdout=pipe, stderr=pipe)
    said, logs = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{' '.join(words)}: {said.decode()[-500:]} {logs.decode()[-1000:]}")
    document: dict[str, Any] = json.loads(said)
    return document


class Watch:
    """Takes what people waited for since it was last asked."""

    def __init__(self, run: World) -> None:
        self._ledger = run.ledger
        self._first, self._total = 0, 0

    def p95(self) -> dict[str, Any]:
        """Return the 95th percentile of first and whole answers, in seconds, and how many there were."""
        first, total = self._ledger.first[self._first :], self._ledger.total[self._total :]
        self._first, self._total = len(self._ledger.first), len(self._ledger.total)
        return {"first": round(share(first, 0.95), 3), "total": round(share(total, 0.95), 3), "n": len(total)}


async def chat_beside(run: World, people: list[User], quiet: float) -> dict[str, Any]:
    """Let people chat alone, beside both jobs, and after the training was paused; return the figures."""
    chatting = [asyncio.create_task(each.live(time.monotonic() + 86_400)) for each in people]
    watch = Watch(run)
    try:
        await asyncio.sleep(quiet / 4)  # everybody has arrived
        watch.p95()
        await asyncio.sleep(quiet)
        figures: dict[str, Any] = {"alone": watch.p95()}
        figures |= await _work(run, watch, quiet)
    finally:
        for task in chatting:
            task.cancel()
        await asyncio.gather(*chatting, return_exceptions=True)
    return figures


async def _work(run: World, watch: Watch, quiet: float) -> dict[str, Any]:
    """Train and take documents in; the job outlives whoever asked for it, so it is ended here in any case."""
    folder = run.app.home.parent / "branches"
    write_documents(folder)
    recipe = folder.with_suffix(".yaml")
    recipe.write_text(RECIPE, encoding="utf-8")
    asked = ("tune", "run", str(recipe), "--detach", "--no-forgetting", "--model", "embedded")
    job = str((await command(run, *asked))["job"])
    try:
        begun = time.monotonic()
        added = await command(run, "docs", "add", str(folder))
        figures: dict[str, Any] = {
            "ingest": {"added": added["added"], "seconds": round(time.monotonic() - begun, 1)},
        }
        await _until(run, job, "running")
        await asyncio.sleep(quiet)
        figures["beside"] = watch.p95()
        await command(run, "tune", "pause", job)
        figures["paused"] = await _until(run, job, "paused")
        await asyncio.sleep(RECOVERY_SECONDS)
        watch.p95()
        await asyncio.sleep(quiet)
        figures["after the pause"] = watch.p95()
        await command(run, "tune", "resume", job, "--detach")
        figures["job"] = await _until(run, job, "succeeded")
        figures["beside, to the end"] = watch.p95()
        return figures
    finally:
        if (await _state(run, job)) not in ENDED:
            await command(run, "tune", "cancel", job)


async def _state(run: World, job: str) -> str:
    return str((await command(run, "tune", "show", job))["state"])


async def _until(run: World, job: str, wanted: str) -> str:
    """Wait until a job is where it is wanted, or at an end; return where it is."""
    while (state := await _state(run, job)) != wanted and state not in ENDED:
        await asyncio.sleep(1)
    return state
