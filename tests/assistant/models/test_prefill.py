"""Prompts that begin alike are read once, and answer as if each had been read alone."""

from collections.abc import Callable
from typing import Any

import torch

from assistant.adapters import Adapter
from assistant.models.batch import Batch, Row
from assistant.models.engine import Request
from assistant.models.local import LocalBackend
from assistant.models.prefill import WORTH, in_common, most_alike, plan
from assistant.models.sampler import Chooser
from assistant.schema import Message, Sampling

TOLERANCE = 1e-4
EXAMPLES = "".join(f"질문: {at}번 방은 어디에 있나요?\n답: {at % 5 + 1}층에 있어요.\n" for at in range(1, 9))
ENDINGS = [
    "질문: 3번 방은요?\n답:",
    "질문: 도서관은 몇 시에 열고 몇 시에 닫나요?\n답:",
    "Question: Where?\nAnswer:",
    "답:",
]


def row(ids: list[int], key: str | None = None) -> Row:
    return Row(ids, Chooser(Sampling(), ids), key, 99, frozenset())


def test_what_two_prompts_begin_with() -> None:
    assert in_common([1, 2, 3], [1, 2, 4]) == 2
    assert in_common([1, 2, 3], [1, 2, 3, 4]) == 3
    assert in_common([5], [1]) == 0
    assert in_common([], [1]) == 0


def test_one_token_is_always_left_to_read() -> None:
    ids = list(range(WORTH + 8))
    friend = row(ids)
    assert most_alike(row(ids), [friend]) == (friend, WORTH + 7)
    assert most_alike(row(ids[:WORTH]), [friend])[1] == 0


def test_rows_of_another_adapter_are_never_gone_on_from() -> None:
    ids = list(range(WORTH + 8))
    stranger = row(ids, "other")
    assert most_alike(row(ids, "mine"), [stranger])[1] == 0
    assert most_alike(row(ids), [stranger])[1] == 0


def test_the_first_of_a_kind_is_read_and_the_others_wait_for_it() -> None:
    common = list(range(100))
    first, second, third = (row([*common, at, at]) for at in (200, 201, 202))
    foreign = row([7] * 90)
    parts, later = plan([first, foreign, second, third], [])
    assert [part.rows for part in parts] == [[first, foreign]]
    assert later == [second, third]
    parts, later = plan(later, [first, foreign])
    assert later == []
    assert [(part.rows, part.known) for part in parts] == [([second, third], [(first, 100), (first, 100)])]


def test_long_and_short_prompts_are_not_padded_to_one_length() -> None:
    rows = [row([at] * size) for at, size in enumerate((400, 30, 390, 20))]
    parts, _ = plan(rows, [])
    assert [[len(each.prompt) for each in part.rows] for part in parts] == [[400, 390], [30, 20]]


def test_a_row_that_goes_on_from_another_gives_what_it_gives_alone(
    backend: LocalBackend, adapters: list[Adapter], with_adapter: Callable[[Adapter | None], Any]
) -> None:
    choices = [None, adapters[0], adapters[1]]
    keys = [backend.model(adapter)._key for adapter in choices]
    prompts = [backend.format.encode([Message("user", EXAMPLES + ending)]) for ending in ENDINGS]
    prompts.append(backend.format.encode([Message("user", "Hello")]))

    def run() -> float:
        worst = 0.0
        bank = backend.engine.bank
        with torch.inference_mode():
            main = Batch(bank, [row(prompts[0], key) for key in keys])
            main.start()
            for each in main.rows:
                each.token = 11
            main.step()
            rows = [row(prompt, key) for prompt in prompts[1:] for key in keys]
            known = [most_alike(each, main.rows) for each in rows]
            assert sum(tokens > 100 for _, tokens in known) == 3 * len(ENDINGS[1:])
            late = Batch(bank, rows)
            logits = late.start(main, known)
            for count in range(2):
                for place, each in enumerate(late.rows):
                    adapter = choices[keys.index(each.adapter)]
                    text = each.prompt + [23] * count
                    wanted = with_adapter(adapter)(torch.tensor([text])).logits[0, -1]
                    worst = max(worst, float((logits[place] - wanted).abs().max()))
                    each.token = 23
                logits = late.step() if not count else logits
            main.join(late)
            main.keep([main.rows[place] for place in (1, 4, 6, 14)])
            for each in main.rows:
                each.token = 29
            logits = main.step()
            for place, each in enumerate(main.rows):
                text = each.prompt + ([11] if each.prompt == prompts[0] else [23]) + [29]
                wanted = with_adapter(choices[keys.index(each.adapter)])(torch.tensor([text])).logits[0, -1]
                worst = max(worst, float((logits[place] - wanted).abs().max()))
        return worst

    assert backend.engine.call(run) <= TOLERANCE


def test_the_engine_reads_a_common_beginning_once(backend: LocalBackend) -> None:
    prompts = [backend.format.encode([Message("user", f"{EXAMPLES}질문: {at}번 방?\n답:")]) for at in range(12)]
    bank, real, read = backend.engine.bank, backend.engine.bank.forward, []

    def forward(keys: Any, **inputs: Any) -> Any:
        read.append(inputs["input_ids"].numel())
        return real(keys, **inputs)

    bank.forward = forward  # type: ignore[method-assign]
    try:
        requests = [Request(prompt, Sampling(), None, 3, frozenset()) for prompt in prompts]
        tickets = backend.engine.call(lambda: [backend.engine.submit(request) for request in requests])
        answers = []
        for ticket in tickets:
            answers.append([])
            while not ticket.ended:
                answers[-1] += ticket.read(5)
    finally:
        del bank.forward
    assert sum(read) < len(prompts[0]) + 12 * 40
    alone = []
    for request in requests:
        ticket, tokens = backend.engine.submit(request), []
        while not ticket.ended:
            tokens += ticket.read(5)
        alone.append(tokens)
    assert answers == alone
