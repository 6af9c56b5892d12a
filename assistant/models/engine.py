"""The engine: one thread owns one model and writes all its answers, a token a step for every live row.

Streams submit a request and read their own queue. Between steps new rows join the running batch,
and finished or closed ones leave it, so nobody waits for a long answer. Rows that may not share a
batch (another cache, DoRA, IA3, a soft prompt) form batches of their own; all batches take turns step by step.
"""

import logging
import queue
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

from assistant.errors import JoyulError, ResourceError, UnavailableError
from assistant.models.bank import AdapterBank
from assistant.models.batch import Batch, Row
from assistant.models.prefill import Part, plan
from assistant.models.probe import find_sharing
from assistant.models.sampler import Chooser, choose
from assistant.models.ticket import Request, Ticket

if TYPE_CHECKING:
    import torch

__all__ = ["Engine", "Request", "Ticket", "explain"]
logger = logging.getLogger(__name__)
PREFILL_TOKENS = 8192  # padded prompt tokens read in one step: bounds memory, and how long others pause
T = TypeVar("T")


class Engine:
    """Runs the answers of one model.

    Args:
        model: a causal language model of transformers, in eval mode.
        max_rows: answers that are written at the same time; more wait in order.
    """

    def __init__(self, model: Any, max_rows: int = 32) -> None:
        self.bank = AdapterBank(model)
        self.max_rows = max_rows
        self.sharing = find_sharing(self.bank)
        self._inbox: queue.SimpleQueue[Ticket | Callable[[], None] | None] = queue.SimpleQueue()
        self._waiting: deque[Ticket] = deque()
        self._tickets: dict[Row, Ticket] = {}
        self._groups: dict[object, Batch] = {}
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="joyul-engine", daemon=True)
        self._thread.start()

    @property
    def live_rows(self) -> int:
        """The number of answers being written now."""
        return len(self._tickets)

    def memory(self) -> int:
        """Return the bytes of weights, adapters and caches; to be run by ``call``."""
        weights: dict[int, int] = {t.data_ptr(): t.nbytes for t in self.bank.model.state_dict().values()}
        return sum(weights.values()) + self.bank.memory() + sum(batch.memory() for batch in self._groups.values())

    def submit(self, request: Request) -> Ticket:
        """Queue a request; its ticket yields the tokens.

        Raises:
            UnavailableError: the engine is closed.
        """
        ticket = Ticket(request)
        self._send(ticket)
        return ticket

    def call(self, function: Callable[[], T]) -> T:
        """Run a function on the engine's thread between two steps and return its result."""
        return self.later(function).result()

    def later(self, function: Callable[[], T]) -> Future[T]:
        """Run a function like :meth:`call`, without waiting for it."""
        future: Future[T] = Future()

        def run() -> None:
            import torch

            try:
                with torch.inference_mode(False):  # weights loaded here stay ordinary tensors
                    future.set_result(function())
            except BaseException as error:
                future.set_exception(error)

        self._send(run)
        return future

    def close(self) -> None:
        """Stop after the current step; open tickets end with an error."""
        if not self._closed.is_set():
            self._closed.set()
            self._inbox.put(None)
            if threading.current_thread() is not self._thread:
                self._thread.join()

    def _send(self, item: Ticket | Callable[[], None]) -> None:
        if self._closed.is_set():
            raise _closed()
        self._inbox.put(item)
        if self._closed.is_set() and not self._thread.is_alive():  # closed in between: nobody reads any more
            self._drain()

    def _run(self) -> None:
        import torch

        with torch.inference_mode():
            while not self._closed.is_set():
                self._receive()
                self._admit()
                for key, group in list(self._groups.items()):
                    self._advance(key, group)
        for ticket in [*self._tickets.values(), *self._waiting]:
            ticket.end("error", _closed())
        self._groups.clear()
        self._drain()

    def _drain(self) -> None:
        while True:
            try:
                item = self._inbox.get_nowait()
            except queue.Empty:
                return
            if isinstance(item, Ticket):
                item.end("error", _closed())
            elif item is not None:
                item()

    def _receive(self) -> None:
        """Take what has arrived; sleep only when there is nothing to do."""
        idle = not self._groups and not self._waiting
        while True:
            try:
                item = self._inbox.get() if idle else self._inbox.get_nowait()
            except queue.Empty:
                return
            idle = False
            if isinstance(item, Ticket):
                self._waiting.append(item)
            elif item is not None:
                item()

    def _admit(self) -> None:
        """Start waiting requests, as many as fit into one prefill."""
        starting: dict[object, list[Row]] = {}
        longest = count = 0
        while self._waiting and len(self._tickets) < self.max_rows:
            ticket = self._waiting[0]
            if ticket.cancelled:
                self._waiting.popleft().end("cancelled")
                continue
            longest = max(longest, len(ticket.request.prompt))
            if count and longest * (count + 1) > PREFILL_TOKENS:
                break
            count += 1
            self._waiting.popleft()
            request = ticket.request
            chooser = Chooser(request.sampling, request.prompt)
            row = Row(request.prompt, chooser, request.adapter, request.room, request.ends)
            self._tickets[row] = ticket
            starting.setdefault(self._lane(row), []).append(row)
        for lane, rows in starting.items():
            self._start(lane, rows)

    def _lane(self, row: Row) -> object:
        """Return what rows must have in common to share a batch."""
        if self.sharing.kind == "alone" or self.bank.prefix(row.adapter):
            return row
        return "mixed" if self.bank.mixable(row.adapter) else row.adapter

    def _start(self, lane: object, rows: list[Row]) -> None:
        if self.sharing.kind != "join":  # they get a key of their own, which no later row will find
            self._begin(rows[0], Part(rows))
            return
        while rows:
            parts, rows = plan(rows, self._groups[lane].rows if lane in self._groups else [])
            for part in parts:
                self._begin(lane, part)

    def _begin(self, lane: object, part: Part) -> None:
        batch = Batch(self.bank, part.rows, plain=self.sharing.kind == "join", restart=self.sharing.restart)
        if self._guarded(batch, lambda: batch.start(self._groups.get(lane), part.known)):
            if lane in self._groups:
                self._guarded(batch, lambda: self._groups[lane].join(batch))
            else:
                self._groups[lane] = batch

    def _advance(self, key: object, batch: Batch) -> None:
        gone = [row for row in batch.rows if self._tickets[row].cancelled]
        for row in gone:
            self._tickets.pop(row).end("cancelled")
        if gone:
            batch.keep([row for row in batch.rows if row in self._tickets])
        if not batch.rows or not self._guarded(batch, batch.step):
            del self._groups[key]

    def _guarded(self, batch: Batch, work: "Callable[[], torch.Tensor | None]") -> bool:
        """Run a step of a batch and hand out its tokens; a failure ends its rows, not the engine."""
        try:
            logits = work()
            if logits is not None:
                self._deliver(batch, choose(logits, [row.chooser for row in batch.rows]))
        except Exception as error:
            logger.exception("a step failed for %d rows", len(batch.rows))
            for row in batch.rows:
                if row in self._tickets:
                    self._tickets.pop(row).end("error", explain(error))
            return False
        return bool(batch.rows)

    def _deliver(self, batch: Batch, tokens: list[int]) -> None:
        done = False
        for row, token in zip(batch.rows, tokens, strict=True):
            row.token = token
            row.written.append(token)
            row.room -= 1
            ticket = self._tickets[row]
            if token in row.ends:
                self._tickets.pop(row).end("stop")
                done = True
                continue
            ticket.put(token)
            if row.room <= 0:
                self._tickets.pop(row).end("length")
                done = True
        if done:
            batch.keep([row for row in batch.rows if row in self._tickets])


def _closed() -> UnavailableError:
    return UnavailableError("the model was closed", "start the app again")


def explain(error: Exception) -> JoyulError:
    """Return a failure of the model as an error a person can read."""
    if isinstance(error, JoyulError):
        return error
    text = str(error)
    if isinstance(error, MemoryError) or "out of memory" in text or "can't allocate memory" in text:
        return ResourceError("not enough memory for this answer", "lower engine.max_rows or choose a smaller model")
    failure = JoyulError(f"the model failed: {type(error).__name__}: {text:.200}", "see the log file")
    failure.__cause__ = error
    return failure
