"""Many questions to the judge at once: stored as they come, stopped when it is gone or nobody waits."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait

from assistant.errors import CancelledError
from assistant.progress import Cancelled
from assistant.settings import JudgeSettings
from eval.judge.cache import JudgeCache
from eval.judge.client import JudgeClient, JudgeFailure
from eval.schema import Score

# A question that gives a score or raises JudgeFailure; its key says all that the answer depends on.
Work = Callable[[JudgeClient], Awaitable[Score]]
POLL_SECONDS = 0.2


class Executor:
    """Asks what is not known yet; afterwards ``down`` says why it stopped early and ``calls`` what it cost."""

    def __init__(self, settings: JudgeSettings, cache: JudgeCache, run: str) -> None:
        self._client = JudgeClient(settings)
        self._concurrency = settings.concurrency
        self._cache = cache
        self._run = run
        self.identity = self._client.identity
        self.kept = 0

    @property
    def down(self) -> str:
        """Why the judge was given up, "" where it was not."""
        return self._client.down

    @property
    def calls(self) -> int:
        """Requests sent."""
        return self._client.calls

    def run(
        self, works: Mapping[str, Work], tell: Callable[[int, int], None], cancelled: Cancelled
    ) -> dict[str, Score]:
        """Return a score for every key, unscored ones with reason and ``cause``.

        Args:
            works: by key.
            tell: told how many are done, and of how many.
            cancelled: asked a few times a second.

        Raises:
            CancelledError: ``cancelled()`` said so; what is finished is stored.
        """
        found: dict[str, Score] = {}
        for key in works:
            known = self._cache.get(key, self._run)
            if known is not None:
                found[key] = known
        self.kept = len(found)
        left = [(key, work) for key, work in works.items() if key not in found]
        stop = threading.Event()
        # On a thread of its own: whoever calls may be inside a running event loop.
        with ThreadPoolExecutor(1, thread_name_prefix="judge") as pool:
            running = pool.submit(asyncio.run, self._all(iter(left), found, stop))
            try:
                while not wait([running], timeout=POLL_SECONDS).done:
                    tell(len(found), len(works))
                    if cancelled():
                        stop.set()
            finally:
                stop.set()
            running.result()
        tell(len(found), len(works))
        if len(found) < len(works) and not self.down:
            raise CancelledError("the evaluation was cancelled", "start it again to go on where it stopped")
        self._client.settle()
        missing = Score(None, f"judge unavailable: {self.down}", {"cause": "paused"})
        return {key: found.get(key, missing) for key in works}

    async def _all(self, left: Iterator[tuple[str, Work]], found: dict[str, Score], stop: threading.Event) -> None:
        async with self._client:
            workers = [asyncio.create_task(self._worker(left, found)) for _ in range(self._concurrency)]
            watcher = asyncio.create_task(_until(stop, workers))
            try:
                results = await asyncio.gather(*workers, return_exceptions=True)
            finally:
                watcher.cancel()
            for result in results:
                if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
                    raise result

    async def _worker(self, left: Iterator[tuple[str, Work]], found: dict[str, Score]) -> None:
        for key, work in left:
            if self.down:
                return
            try:
                score = await work(self._client)
            except JudgeFailure as failure:
                score = Score(None, failure.reason, {"cause": failure.cause})
                if failure.passing:
                    # Not what the judge thinks but how the network was: asked again when the run is resumed.
                    if failure.cause != "paused":
                        found[key] = score
                    continue
            self._cache.put(key, self._run, score)
            found[key] = score


async def _until(stop: threading.Event, workers: list["asyncio.Task[None]"]) -> None:
    while not stop.is_set():
        await asyncio.sleep(POLL_SECONDS / 2)
    for worker in workers:
        worker.cancel()
