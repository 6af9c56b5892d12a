"""A row in a mixed batch gives what it gives alone, whoever joins or leaves."""

from collections.abc import Callable
from typing import Any

import torch

from assistant.adapters import Adapter
from assistant.models.batch import Batch, Row
from assistant.models.engine import Request
from assistant.models.local import LocalBackend
from assistant.models.sampler import Chooser
from assistant.schema import Message, Sampling

TOLERANCE = 1e-4
MARGIN = 1e-3
QUESTIONS = [
    "안녕하세요",
    "Source 1: The library opens at 9:00 and closes at 18:00. It is closed on Mondays.\n\nQuestion: When does it open?",
    "문서 1: 하늘 도서관의 대출 기간은 14일입니다. 연체하면 하루에 100원을 냅니다.\n\n질문: 대출 기간은 며칠인가요?",
    "Hello",
    "What can you do for me today?",
]


def _keys(backend: LocalBackend, adapters: list[Adapter]) -> list[str | None]:
    return [backend.model(adapter)._key for adapter in [None, *adapters]]


def _row(ids: list[int], key: str | None) -> Row:
    return Row(ids, Chooser(Sampling(), ids), key, 99, frozenset())


def test_teacher_forcing_in_a_mixed_batch_that_changes_all_the_time(
    backend: LocalBackend, adapters: list[Adapter], with_adapter: Callable[[Adapter | None], Any]
) -> None:
    choices: list[Adapter | None] = [None, *adapters, None]
    keys = [backend.model(adapter)._key for adapter in choices]
    prompts = [backend.format.encode([Message("user", text)]) for text in QUESTIONS]
    forced = [[(31 * place + 7 * number) % 8000 + 8 for place in range(24)] for number in range(len(prompts))]
    expected = []
    for adapter, prompt, tail in zip(choices, prompts, forced, strict=True):
        with torch.inference_mode():
            logits = with_adapter(adapter)(torch.tensor([prompt + tail])).logits[0]
        expected.append(logits[len(prompt) - 1 :])

    def run() -> float:
        worst = 0.0
        rows = [_row(prompt, key) for prompt, key in zip(prompts, keys, strict=True)]
        numbers = {row: number for number, row in enumerate(rows)}
        taken = dict.fromkeys(rows, 0)

        def compare(batch: Batch, logits: torch.Tensor) -> None:
            nonlocal worst
            for place, row in enumerate(batch.rows):
                wanted = expected[numbers[row]][taken[row]]
                worst = max(worst, float((logits[place] - wanted).abs().max()))
                row.token = forced[numbers[row]][taken[row]]
                taken[row] += 1

        with torch.inference_mode():
            bank = backend.engine.bank
            main = Batch(bank, rows[:2])
            compare(main, main.start())
            for number in range(3):
                compare(main, main.step())
                late = Batch(bank, [rows[2 + number]])
                compare(late, late.start())
                main.join(late)
            compare(main, main.step())
            main.keep([rows[0], rows[3], rows[4]])  # the longest prompt leaves: its padding goes too
            for _ in range(10):
                compare(main, main.step())
            main.keep([rows[3]])
            for _ in range(5):
                compare(main, main.step())
        assert taken[rows[3]] > 15
        return worst

    assert backend.engine.call(run) <= TOLERANCE


def _reference(model: Any, prompt: list[int], count: int) -> tuple[list[int], list[float]]:
    """Greedy tokens of transformers' own generate, and the margin between the best two at each."""
    with torch.inference_mode():
        out = model.generate(
            input_ids=torch.tensor([prompt]),
            attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
            max_new_tokens=count,
            do_sample=False,
            output_logits=True,
            return_dict_in_generate=True,
        )
    best = torch.stack(out.logits)[:, 0].topk(2).values
    return out.sequences[0, len(prompt) :].tolist(), (best[:, 0] - best[:, 1]).tolist()


def test_greedy_answers_of_twenty_mixed_streams_equal_generate_alone(
    backend: LocalBackend, adapters: list[Adapter], with_adapter: Callable[[Adapter | None], Any]
) -> None:
    choices: list[Adapter | None] = [None, *adapters]
    tickets = []
    for number in range(20):
        adapter = choices[number % 4]
        prompt = backend.format.encode([Message("user", QUESTIONS[number % 5])])
        request = Request(prompt, Sampling(), backend.model(adapter)._key, 20, backend.ends)
        tickets.append((adapter, prompt, backend.engine.submit(request)))
    compared = 0
    for adapter, prompt, ticket in tickets:
        tokens: list[int] = []
        while not ticket.ended:
            tokens += ticket.read(5)
        wanted, margins = _reference(with_adapter(adapter), prompt, 20)
        wanted = wanted[: len(wanted) - (wanted[-1] in backend.ends)]
        for place, (got, want) in enumerate(zip(tokens, wanted, strict=False)):
            if got != want:
                assert margins[place] <= MARGIN
                break
            compared += 1
        else:
            assert len(tokens) == len(wanted)
    assert compared > 100


def test_an_adapter_changes_the_answer(backend: LocalBackend, adapters: list[Adapter]) -> None:
    ids = backend.format.encode([Message("user", QUESTIONS[1])])

    def logits(key: str | None) -> torch.Tensor:
        with torch.inference_mode():
            return backend.engine.bank.forward([key], input_ids=torch.tensor([ids]))[0, -1]

    first, *others = [backend.engine.call(lambda key=key: logits(key)) for key in _keys(backend, adapters)]
    assert all(float((first - other).abs().max()) > 0.01 for other in others)


def test_dora_has_a_lane_of_its_own_and_is_right(
    backend: LocalBackend,
    adapters: list[Adapter],
    make_adapter: Callable[..., Adapter],
    with_adapter: Callable[..., Any],
) -> None:
    dora = make_adapter("dora", seed=7, use_dora=True, target_modules=["q_proj", "up_proj"])
    key = backend.model(dora)._key
    assert not backend.engine.bank.mixable(key)
    reference = with_adapter(dora)
    prompt = backend.format.encode([Message("user", QUESTIONS[2])])
    keys = [key, backend.model(adapters[0])._key, None, key]
    tickets = [backend.engine.submit(Request(prompt, Sampling(), one, 16, frozenset())) for one in keys]
    answers = []
    for ticket in tickets:
        answers.append([])
        while not ticket.ended:
            answers[-1] += ticket.read(5)
    with torch.inference_mode():
        wanted = reference.generate(
            input_ids=torch.tensor([prompt]), max_new_tokens=16, min_new_tokens=16, do_sample=False, eos_token_id=None
        )
    assert answers[0] == answers[3] == wanted[0, len(prompt) :].tolist()


def test_a_mixed_pass_does_not_depend_on_what_ran_before(backend: LocalBackend, adapters: list[Adapter]) -> None:
    keys = _keys(backend, adapters)
    ids = torch.tensor([backend.format.encode([Message("user", QUESTIONS[2])])] * len(keys))
    bank = backend.engine.bank

    def run() -> float:
        worst = 0.0
        with torch.inference_mode():
            alone = [bank.forward([key], input_ids=ids[:1])[0] for key in keys]
            for before in keys:
                bank.forward([before], input_ids=ids[:1])
                mixed = bank.forward(keys, input_ids=ids)
                worst = max(worst, *(float((mixed[n] - one).abs().max()) for n, one in enumerate(alone)))
        return worst

    assert backend.engine.call(run) <= TOLERANCE
