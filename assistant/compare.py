"""Several variants answering one question at the same time: many streams, one batch."""

import queue
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

from assistant.chat import ChatUpdate, Options, follow, live_variant, told
from assistant.errors import JoyulError
from assistant.schema import Generation, Message
from assistant.variants import VariantFactory

TICK_SECONDS = 0.1


def compare(
    variants: VariantFactory,
    question: str,
    names: Sequence[str],
    options: Options | None = None,
    history: Sequence[Message] = (),
) -> Generator[list[ChatUpdate], None, None]:
    """Stream the answers of all ``names`` together; yields the state of every column about ten times a second.

    A column that fails says so and leaves the others alone. Closing the generator stops all.
    """
    options = options or Options()
    messages = [*history, Message("user", question)]
    states = [ChatUpdate("", Generation(), "searching") for _ in names]
    news: queue.SimpleQueue[tuple[int, ChatUpdate | None]] = queue.SimpleQueue()
    stop = threading.Event()

    def start(name: str) -> Generator[ChatUpdate, None, None]:
        return follow(live_variant(variants, name, options), messages, options)

    workers = [
        threading.Thread(target=_work, args=(partial(start, name), column, news, stop), daemon=True)
        for column, name in enumerate(names)
    ]
    for worker in workers:
        worker.start()
    running = len(workers)
    try:
        yield list(states)
        while running:
            with suppress(queue.Empty):
                column, update = news.get(timeout=TICK_SECONDS)
                while True:
                    if update is None:
                        running -= 1
                    else:
                        states[column] = update
                    column, update = news.get_nowait()
            yield list(states)
    finally:
        stop.set()


def _work(
    start: Callable[[], Generator[ChatUpdate, None, None]],
    column: int,
    news: "queue.SimpleQueue[tuple[int, ChatUpdate | None]]",
    stop: threading.Event,
) -> None:
    last = ChatUpdate("", Generation(), "searching")
    try:
        stream = start()
        for last in stream:
            news.put((column, last))
            if stop.is_set():
                stream.close()
                news.put((column, replace(last, status="stopped")))
                break
    except JoyulError as error:
        news.put((column, replace(last, status="failed", error=told(error))))
    except Exception as error:  # a column's bug must not leave the page waiting for ever
        news.put((column, replace(last, status="failed", error=f"unexpected: {error}")))
        raise
    finally:
        news.put((column, None))
