"""The cache that is written in place holds what transformers' own would, whoever joins, leaves or breaks."""

from typing import Any

import pytest
import torch

from assistant.models.cache import SPARE_COLUMNS, add_rows, drop_columns, keep_rows, new_cache, size_of
from assistant.models.local import LocalBackend

HEADS, SIZE = 4, 64


@pytest.fixture
def model(backend: LocalBackend) -> Any:
    return backend.engine.bank.model


def states(rows: int, columns: int, seed: int) -> torch.Tensor:
    return torch.randn(rows, HEADS, columns, SIZE, generator=torch.Generator().manual_seed(seed))


def fed(model: Any, *parts: torch.Tensor) -> Any:
    made = new_cache(model, plain=True)
    for part in parts:
        write(made, part)
    return made


def write(made: Any, part: torch.Tensor) -> None:
    for number in range(len(made.layers)):
        made.update(part + number, -part - number, number)


def check(made: Any, expected: torch.Tensor) -> None:
    for number, layer in enumerate(made.layers):
        real = expected != 0  # padding is zero in each layer
        assert torch.equal(layer.keys, torch.where(real, expected + number, 0.0))
        assert torch.equal(layer.values, torch.where(real, -expected - number, 0.0))
        assert layer.get_seq_length() == expected.shape[2]


def test_steps_are_written_behind_each_other_also_beyond_the_room(model: Any) -> None:
    parts = [states(2, 5, 0), *(states(2, 1, seed) for seed in range(1, SPARE_COLUMNS + 9))]
    check(fed(model, *parts), torch.cat(parts, dim=2))


def test_rows_join_leave_and_padding_goes(model: Any) -> None:
    first, second, third = states(3, 10, 0), states(2, 25, 1), states(1, 4, 2)
    made = fed(model, first)
    add_rows(made, fed(model, second))
    add_rows(made, fed(model, third))
    padded = [torch.nn.functional.pad(part, (0, 0, 25 - part.shape[2], 0)) for part in (first, second, third)]
    expected = torch.cat(padded)
    check(made, expected)
    keep_rows(made, [0, 5, 2])
    check(made, expected[[0, 5, 2]])
    drop_columns(made, 15)
    check(made, expected[[0, 5, 2]][:, :, 15:])
    step = states(3, 1, 3)
    write(made, step)
    check(made, torch.cat([expected[[0, 5, 2]][:, :, 15:], step], dim=2))


def test_a_broken_row_leaves_nothing_behind(model: Any) -> None:
    healthy, broken = states(1, 12, 0), torch.full((1, HEADS, 12, SIZE), float("nan"))
    made = fed(model, healthy)
    add_rows(made, fed(model, broken))
    keep_rows(made, [0])
    late = states(1, 3, 1)
    add_rows(made, fed(model, late))
    longer = states(1, 30, 2)
    add_rows(made, fed(model, longer))
    padded = [torch.nn.functional.pad(part, (0, 0, 30 - part.shape[2], 0)) for part in (healthy, late, longer)]
    check(made, torch.cat(padded))


def test_what_it_holds_is_counted_with_its_room(model: Any) -> None:
    made = fed(model, states(2, 5, 0))
    shown = sum(layer.keys.nbytes + layer.values.nbytes for layer in made.layers)
    assert size_of(made) == shown * (5 + SPARE_COLUMNS) / 5
    assert size_of(None) == 0
