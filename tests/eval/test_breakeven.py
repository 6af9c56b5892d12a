"""Break-even: the arithmetic by hand, never, what is not known, and the price table."""

from dataclasses import replace
from pathlib import Path

import pytest

from assistant.errors import InputError
from assistant.paths import data_root
from eval.breakeven import break_even, measure_use
from eval.prices import Prices, load_prices
from eval.schema import Answer, Item

SHIPPED = data_root() / "prices.yaml"
TRAINING = {"tuned": {"seconds": 3600.0, "rows": 100}}


def items(count: int = 30) -> list[Item]:
    return [Item(f"q{at}", ("a",), f"g{at % 10}", "en") for at in range(count)]


def answers(prompt: dict[str, int], *, spread: int = 0, seconds: float = 3.2, base: str = "m@12345678") -> dict:
    return {
        name: {
            item.id: Answer(prompt_tokens=size + spread * (at % 10), completion_tokens=10, seconds=seconds, base=base)
            for at, item in enumerate(items())
        }
        for name, size in prompt.items()
    }


@pytest.fixture
def prices() -> Prices:
    table = load_prices([SHIPPED])
    plain = {"answer_hour": 3600.0, "training_hour": 1000.0, "label_row": 10.0, "setup_hours": 0.0}
    rhythm = {"retrains_per_month": 0.5, "relabelled_share": 0.2, "tuned_hosting_month": 100.0, "months": 10.0}
    return table.changed(**plain, **rhythm, requests_per_month=4000.0)


def crossing(found: dict, prices: Prices, training: dict = TRAINING):
    measured = measure_use(items(), found, ["tuned"], ["rag"], 32)
    return break_even(measured, training, prices)[0]


def test_the_arithmetic_by_hand(prices: Prices) -> None:
    found = answers({"rag": 100, "tuned": 100})
    for item in items():
        found["rag"][item.id] = replace(found["rag"][item.id], seconds=6.4)
    each = crossing(found, prices)
    # A second of the machine costs 1; the rival keeps it busy for 6.4 / 32 s, the tuned variant for 0.1 s.
    assert each.billing == "machine" and each.n == 30
    assert (each.cost_rival, each.cost_tuned) == (pytest.approx(0.2), pytest.approx(0.1))
    assert each.once == pytest.approx(1000 + 100 * 10)
    assert each.monthly == pytest.approx(100 + 0.5 * (1000 + 0.2 * 1000))
    assert each.requests == pytest.approx((2000 / 10 + 700) / 0.1)
    assert each.month is None  # 4,000 requests save 400 a month, less than the 700 that tuning costs
    richer = crossing(found, prices.changed(requests_per_month=17_000.0))
    assert richer.month == pytest.approx(2000 / (1700 - 700))


def test_never_is_an_answer(prices: Prices) -> None:
    each = crossing(answers({"rag": 100, "tuned": 100}), prices)
    assert each.known and each.saving == pytest.approx(0.0) and each.requests is None and each.month is None
    assert all(case.requests is None for case in each.sensitivity)


def test_tokens_are_priced_by_the_table_where_a_server_answers(prices: Prices) -> None:
    table = prices.changed(prompt_million=1e6, completion_million=2e6, tuned_prompt_million=3e6)
    table = table.changed(tuned_completion_million=4e6)
    each = crossing(answers({"rag": 100, "tuned": 20}, base="host:8000/model"), table)
    assert each.billing == "tokens"
    assert (each.cost_rival, each.cost_tuned) == (pytest.approx(100 + 20), pytest.approx(60 + 40))


def test_the_interval_of_the_saving_is_carried_over(prices: Prices) -> None:
    table = replace(prices, billing="tokens").changed(prompt_million=1e6, tuned_prompt_million=1e6)
    found = answers({"rag": 100, "tuned": 20})
    for at, item in enumerate(items()):
        found["rag"][item.id] = replace(found["rag"][item.id], prompt_tokens=100 + 5 * (at % 10))
    each = crossing(found, table.changed(completion_million=0.0, tuned_completion_million=0.0))
    assert each.saving == pytest.approx(102.5) and each.saving_low < each.saving < each.saving_high
    assert each.requests_low < each.requests < each.requests_high
    # Ten clusters of 80, 85, ... 125 tokens: Student's t with 9 degrees of freedom.
    assert each.saving_high - each.saving == pytest.approx(2.262 * 15.138 / 10**0.5, rel=1e-3)
    unsure = answers({"rag": 21, "tuned": 20})
    for at, item in enumerate(items()):
        unsure["rag"][item.id] = replace(unsure["rag"][item.id], prompt_tokens=21 + 40 * (-1) ** (at % 10))
    wide = crossing(unsure, table.changed(completion_million=0.0, tuned_completion_million=0.0))
    assert wide.requests is not None and wide.requests_high is None


def test_what_is_not_known_is_said(prices: Prices) -> None:
    found = answers({"rag": 100, "tuned": 20})
    each = crossing(found, prices, {"tuned": {"seconds": None, "rows": 100}})
    assert not each.known and each.reason == "no_training_record" and each.requests is None
    for item in items():
        found["tuned"][item.id] = Answer(error="it broke")
    each = crossing(found, prices)
    assert not each.known and each.reason == "no_answers"


def test_failed_answers_are_no_part_of_the_means(prices: Prices) -> None:
    found = answers({"rag": 100, "tuned": 20})
    found["tuned"][items()[0].id] = Answer(error="it broke")
    measured = measure_use(items(), found, ["tuned"], ["rag"], 32)
    assert measured["uses"]["tuned"] == {
        "n": 29,
        "unscored": 1,
        "base": "m@12345678",
        "prompt_tokens": 20.0,
        "completion_tokens": 10.0,
        "machine_seconds": pytest.approx(0.1),
    }
    assert measured["pairs"][0]["n"] == 29


def test_sensitivity_moves_the_right_way(prices: Prices) -> None:
    found = answers({"rag": 100, "tuned": 100})
    for item in items():
        found["rag"][item.id] = replace(found["rag"][item.id], seconds=6.4)
    each = crossing(found, prices.changed(requests_per_month=20_000.0))
    cases = {case.key: case for case in each.sensitivity}
    assert cases["price_double"].requests < each.requests < cases["price_half"].requests
    assert cases["retrain_never"].requests < cases["retrain_monthly"].requests < cases["retrain_weekly"].requests
    assert cases["labels_free"].requests < each.requests < cases["labels_double"].requests
    assert cases["volume_tenfold"].month < each.month and cases["volume_tenth"].month is None


def test_own_prices_override_single_keys_and_say_where_they_come_from(tmp_path: Path) -> None:
    own = tmp_path / "prices.yaml"
    own.write_text("label_row: 7\ncurrency: USD\n")
    table = load_prices([SHIPPED, own, tmp_path / "missing.yaml"])
    assert (table.label_row, table.currency) == (7.0, "USD")
    assert table.origins["label_row"] == f"{tmp_path.name}/prices.yaml"
    assert table.origins["kwh"].endswith("/prices.yaml") and table.origins["kwh"] != table.origins["label_row"]
    assert table.other(2.0) == ("KRW", 2800.0)
    assert table.changed(label_row=1.0).origins["label_row"] == "given"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("lable_row: 3", "did you mean 'label_row'"),
        ("label_row: -3", ":1: label_row: -3 is no price"),
        ("label_row: .nan", "label_row: nan is no price"),
        ("label_row: many", "label_row: expected"),
        ("currency: EUR", "'EUR' is unknown"),
        ("months: 0", "months: has to be above 0"),
        ("relabelled_share: 2", "is no share"),
    ],
)
def test_a_bad_price_is_named(tmp_path: Path, line: str, message: str) -> None:
    own = tmp_path / "prices.yaml"
    own.write_text(line + "\n")
    with pytest.raises(InputError) as caught:
        load_prices([SHIPPED, own])
    assert message in f"{caught.value.message} {caught.value.hint}"
    assert "prices.yaml:1" in caught.value.message


def test_a_table_alone_has_to_be_whole(tmp_path: Path) -> None:
    own = tmp_path / "prices.yaml"
    own.write_text("label_row: 1\n")
    with pytest.raises(InputError, match="missing"):
        load_prices([own])
