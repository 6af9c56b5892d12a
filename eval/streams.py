"""Many answers at once: worker threads, the one boundary where a sample may fail, and the progress meter."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from assistant.progress import Progress
from assistant.schema import Fold, Message
from eval.schema import Answer, Item

if TYPE_CHECKING:
    from assistant.variants import VariantModel

PROGRESS_SECONDS = 0.2


@dataclass(frozen=True)
class Job:
    """One live variant of the run with its cache key and the items it still has to answer."""

    live: "VariantModel"
    key: str
    todo: tuple[Item, ...]


class Streams:
    """Worker threads over one iterator of tasks; iterating yields results, and None while waiting.

    A worker stores its answer (``keep``) before it takes the next task, and results wait in a short
    queue: a kill loses what was under way and nothing else, and the reader can stop in time.
    """

    def __init__(
        self, tasks: Iterator[tuple[Job, Item]], keep: Callable[[Job, Item, Answer], None], seed: int, count: int
    ) -> None:
        self._tasks = tasks
        self._keep = keep
        self._seed = seed
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._results: queue.Queue[tuple[Job, Item, Answer] | BaseException | None] = queue.Queue(max(count, 1))
        self._threads = [threading.Thread(target=self._work, name=f"eval-{at}", daemon=True) for at in range(count)]

    def __enter__(self) -> Iterator[tuple[Job, Item, Answer] | None]:
        for thread in self._threads:
            thread.start()
        return self._iterate()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _iterate(self) -> Iterator[tuple[Job, Item, Answer] | None]:
        alive = len(self._threads)
        while alive:
            try:
                result = self._results.get(timeout=PROGRESS_SECONDS)
            except queue.Empty:
                yield None
                continue
            if result is None:
                alive -= 1
            elif isinstance(result, BaseException):
                raise result
            else:
                yield result

    def _work(self) -> None:
        try:
            while not self._stop.is_set():
                with self._lock:
                    task = next(self._tasks, None)
                if task is None:
                    break
                answer = ask(*task, self._seed, self._stop)
                if answer is not None:
                    self._keep(*task, answer)
                    self._tell((*task, answer))
        except BaseException as error:
            self._tell(error)
        finally:
            self._tell(None)

    def _tell(self, result: tuple[Job, Item, Answer] | BaseException | None) -> None:
        while not self._stop.is_set():
            try:
                self._results.put(result, timeout=PROGRESS_SECONDS)
                return
            except queue.Full:
                continue


def ask(job: Job, item: Item, seed: int, stop: threading.Event) -> Answer | None:
    """Return the answer, a failed one with its reason, or None where the run was stopped meanwhile."""
    fold = Fold()
    spec = job.live.spec
    stream = None
    try:
        stream = job.live.stream([*item.history, Message("user", item.question)], replace(spec.sampling, seed=seed))
        for delta in stream:
            fold.add(delta)
            if stop.is_set():
                return None
    except Exception as error:  # the one boundary: a sample's failure is its result
        return Answer(error=f"{type(error).__name__}: {error!s:.300}", seconds=fold.generation.seconds)
    finally:
        if stream is not None:
            stream.close()
    made = fold.generation
    problem = "" if made.finish in ("stop", "length", "loop") else f"the answer ended with {made.finish!r}"
    if made.origin is not None and made.origin.adapter != spec.adapter:
        problem = f"ran with adapter {made.origin.adapter!r} instead of {spec.adapter!r}"
    return Answer(
        text=made.text,
        passages=made.passages,
        query=made.query,
        prompt_tokens=made.usage.prompt_tokens,
        completion_tokens=made.usage.completion_tokens,
        first_token_seconds=made.first_token_seconds,
        seconds=made.seconds,
        finish=made.finish,
        base=made.origin.base if made.origin else "",
        adapter=made.origin.adapter if made.origin else None,
        notices=tuple(notice.key for notice in made.notices),
        error=problem,
    )


class Meter:
    """Turns finished answers into progress reports, a few a second at most."""

    def __init__(self, progress: Progress, total: int, done: int) -> None:
        self._progress, self._total, self._before = progress, total, done
        self._started = time.perf_counter()
        self._told = 0.0
        self._variant = ""
        self.now = 0

    def count(self, variant: str) -> None:
        """Note one more finished answer; the last one is always told."""
        self.now += 1
        self._variant = variant
        if self._before + self.now == self._total:
            self.tell(always=True)

    def tell(self, *, always: bool = False) -> None:
        """Report, unless that was done just now."""
        clock = time.perf_counter()
        if not always and clock - self._told < PROGRESS_SECONDS:
            return
        self._told = clock
        left = self._total - self._before - self.now
        seconds = round((clock - self._started) / self.now * left, 1) if self.now else None
        self._progress(
            {
                "done": self._before + self.now,
                "total": self._total,
                "variant": self._variant,
                "seconds_left": seconds,
                "stage": "answers",
            }
        )
