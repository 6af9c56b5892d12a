"""Queues, turns, stopping, failing: what the engine promises to streams."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from assistant.errors import JoyulError, ResourceError, UnavailableError
from assistant.models.engine import Engine, Request, Ticket, explain
from assistant.models.local import LocalBackend, LocalModel, open_local
from assistant.schema import Delta, Generation, Message, Sampling, collect
from assistant.settings import EngineSettings, ModelSettings

ASK = [Message("user", "문서 1: 하늘 도서관은 아침 9시에 열고 저녁 6시에 닫습니다.\n\n질문: 몇 시에 여나요?")]


class Counter:
    """Counts the forward passes of an engine; a spy, the real pass still runs."""

    def __init__(self, engine: Engine) -> None:
        self.count = 0
        self._real = engine.bank.forward
        engine.bank.forward = self  # type: ignore[method-assign, assignment]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.count += 1
        return self._real(*args, **kwargs)


@pytest.fixture
def small() -> Iterator[LocalBackend]:
    """An engine of its own with one row, whose answers never end by themselves."""
    opened = open_local(ModelSettings(), EngineSettings(max_rows=1, max_tokens=4000))
    opened.ends = frozenset()
    yield opened
    opened.close()


def _tokens(ticket: Ticket) -> list[int]:
    tokens: list[int] = []
    while not ticket.ended:
        tokens += ticket.read(5)
    return tokens


def _first_text(stream: Any) -> Delta:
    return next(delta for delta in stream if delta.text)


def test_closing_frees_the_row_within_a_step(small: LocalBackend) -> None:
    counter = Counter(small.engine)
    stream = small.model().stream(ASK, Sampling(max_tokens=4000))
    _first_text(stream)
    assert small.engine.live_rows == 1
    stream.close()
    before = counter.count
    while small.engine.live_rows:
        small.engine.call(lambda: None)
    assert counter.count - before <= 1


def test_a_waiting_stream_yields_empty_deltas_and_can_be_closed(small: LocalBackend) -> None:
    held, release = threading.Event(), threading.Event()

    def block() -> None:
        held.set()
        release.wait()

    with ThreadPoolExecutor(1) as pool:
        blocker = pool.submit(small.engine.call, block)
        held.wait()
        stream = small.model().stream(ASK, Sampling())
        assert [next(stream) for _ in range(3)] == [Delta()] * 3
        stream.close()
        release.set()
        blocker.result()
    while small.engine.call(lambda: len(small.engine._waiting)):
        pass
    assert small.engine.live_rows == 0


def test_the_next_in_line_starts_when_a_row_is_free(small: LocalBackend) -> None:
    first = small.model().stream(ASK, Sampling(max_tokens=4000))
    _first_text(first)
    second = small.model().stream(ASK, Sampling(max_tokens=5))
    assert next(second) == Delta()
    assert next(second) == Delta()
    first.close()
    assert collect(second).usage.completion_tokens == 5


def test_nobody_waits_for_a_long_answer(backend: LocalBackend) -> None:
    prompt = backend.format.encode(ASK)
    long = backend.engine.submit(Request(prompt, Sampling(), None, 380, frozenset()))
    long.read(5)
    short = backend.engine.submit(Request(prompt[:7], Sampling(), None, 3, frozenset()))
    assert len(_tokens(short)) == 3
    assert long.finish is None
    long.cancel()
    _tokens(long)
    assert long.finish == "cancelled"


def test_many_threads_get_their_own_answers(backend: LocalBackend) -> None:
    model = backend.model()
    questions = [f"문서 1: 방 번호는 {number}번입니다.\n\n질문: 방 번호는 몇 번인가요?" for number in range(24)]

    def ask(text: str) -> Generation:
        return collect(model.stream([Message("user", text)], Sampling(max_tokens=16)))

    alone = [ask(text).text for text in questions]
    with ThreadPoolExecutor(24) as pool:
        together = list(pool.map(ask, questions))
    assert [answer.text for answer in together] == alone
    assert len(set(alone)) > 3
    assert all(answer.finish and answer.origin and answer.usage.prompt_tokens > 10 for answer in together)


def test_a_seed_fixes_an_answer_whatever_the_neighbours(backend: LocalBackend) -> None:
    model = backend.model()

    def ask(seed: int) -> str:
        sampling = Sampling(max_tokens=24, temperature=0.9, top_p=0.95, seed=seed, repetition_penalty=1.1)
        return collect(model.stream([Message("user", "Hello, how are you?")], sampling)).text

    alone = [ask(seed) for seed in range(6)]
    with ThreadPoolExecutor(12) as pool:
        together = list(pool.map(ask, [*range(6), *range(6)]))
    assert together == alone * 2
    assert len(set(alone)) > 1


def test_stop_strings_end_an_answer_and_are_not_shown(backend: LocalBackend) -> None:
    model = backend.model()
    whole = collect(model.stream(ASK, Sampling(max_tokens=24)))
    hello = [Message("user", "안녕하세요")]
    text = collect(model.stream(hello, Sampling())).text
    stop = text[5:8]
    cut = collect(model.stream(hello, Sampling(stop=("☃", stop))))
    assert cut.text == text[: text.find(stop)]
    assert cut.finish == "stop"
    assert cut.usage.completion_tokens < collect(model.stream(hello, Sampling())).usage.completion_tokens
    assert collect(model.stream(ASK, Sampling(max_tokens=24, stop=("☃",)))).text == whole.text


def test_length_is_said(backend: LocalBackend) -> None:
    answer = collect(backend.model().stream(ASK, Sampling(max_tokens=2)))
    assert (answer.finish, answer.usage.completion_tokens) == ("length", 2)


def test_a_failing_step_reaches_its_caller_and_the_engine_survives(small: LocalBackend) -> None:
    real = small.engine.bank.forward

    def broken(*args: Any, **kwargs: Any) -> Any:
        small.engine.bank.forward = real  # type: ignore[method-assign]
        raise RuntimeError("the tensor fell over")

    small.engine.bank.forward = broken  # type: ignore[method-assign]
    with pytest.raises(JoyulError, match="the tensor fell over") as caught:
        collect(small.model().stream(ASK, Sampling(max_tokens=4)))
    assert caught.value.exit_code == 1
    assert collect(small.model().stream(ASK, Sampling(max_tokens=4))).usage.completion_tokens == 4


def test_a_call_that_fails_raises_where_it_was_made(small: LocalBackend) -> None:
    with pytest.raises(ZeroDivisionError):
        small.engine.call(lambda: 1 / 0)
    assert small.engine.call(lambda: 5) == 5


def test_out_of_memory_is_a_resource_error() -> None:
    assert isinstance(explain(RuntimeError("CUDA out of memory. Tried ...")), ResourceError)
    assert isinstance(explain(MemoryError()), ResourceError)


def test_closing_the_engine_ends_open_streams(small: LocalBackend) -> None:
    stream = small.model().stream(ASK, Sampling(max_tokens=4000))
    _first_text(stream)
    waiting = small.engine.submit(Request([5], Sampling()))
    small.close()
    with pytest.raises(UnavailableError, match="closed"):
        collect(stream)
    with pytest.raises(UnavailableError, match="closed"):
        _tokens(waiting)
    with pytest.raises(UnavailableError, match="closed"):
        collect(small.model().stream(ASK, Sampling()))


def test_losses_prefer_what_the_model_has_seen(backend: LocalBackend, plain_loss: Any) -> None:
    model: LocalModel = backend.model()
    texts = ["안녕하세요, 만나서 반갑습니다.", "xq zzv 7쀍 pqw", "the", "The library opens at nine. " * 200]
    losses = model.losses(texts)
    assert losses[0] < losses[1]
    for text, loss in zip(texts[:3], losses, strict=False):
        assert loss == pytest.approx(plain_loss(backend.format.text_ids(text)), abs=1e-4)
    with pytest.raises(JoyulError, match="text 2 is empty"):
        model.losses(["fine", ""])


@pytest.fixture
def plain_loss(with_adapter: Any) -> Any:
    import torch

    def loss(ids: list[int]) -> float:
        with torch.inference_mode():
            return float(with_adapter(None)(torch.tensor([ids]), labels=torch.tensor([ids])).loss)

    return loss


def test_memory_counts_weights_adapters_and_answers(small: LocalBackend) -> None:
    weights = small.memory_mb()
    assert weights == pytest.approx(35.7, abs=0.2)
    stream = small.model().stream(ASK, Sampling(max_tokens=4000))
    _first_text(stream)
    assert small.memory_mb() > weights
    stream.close()
