"""``joyul eval forgetting | break-even | checklist | curve`` on the scripted model, and what they refuse."""

import json
from pathlib import Path

import pytest

SUITE = """\
suite: cars
items: items.jsonl
variants:
  zero-shot:
  rag:
  tuned: {recipe: zero_shot, model: default, approach: tune}
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    rows = [
        {"question": f"Where is car park {at}?", "reference": ["here"], "group": str(at), "language": "en"}
        for at in range(4)
    ]
    (tmp_path / "items.jsonl").write_text("\n".join(map(json.dumps, rows)))
    file = tmp_path / "cars.yaml"
    file.write_text(SUITE)
    return file


def test_a_run_carries_its_costs_and_they_can_be_priced_again(joyul, suite, tmp_path: Path) -> None:
    done = joyul("eval", "run", str(suite), "--json")
    assert done.code == 0, done.err
    document = done.document
    assert document["forgetting"] == {"tuned": None}  # no adapter, so nothing was measured
    assert {pair["rival"] for pair in document["break_even"]["pairs"]} == {"zero-shot", "rag"}
    assert all(pair["reason"] == "no_training_record" for pair in document["break_even"]["pairs"])
    assert document["break_even"]["assumptions"]["label_row"]["source"].endswith("prices.yaml")

    prices = tmp_path / "mine.yaml"
    prices.write_text("label_row: 12\n")
    again = joyul(
        "eval", "break-even", document["run"], "--prices", str(prices), "--volume", "500", "--retrains", "2", "--json"
    )
    assert again.code == 0, again.err
    assumed = again.document["assumptions"]
    assert (assumed["label_row"]["value"], assumed["requests_per_month"]["value"]) == (12.0, 500.0)
    assert assumed["retrains_per_month"] == {"value": 2.0, "source": "given"}
    assert again.document["measured"] == document["break_even"]["measured"]

    text = joyul("eval", "break-even")
    assert text.code == 0 and "Break-even" in text.out and "not known" in text.out
    listed = joyul("eval", "checklist", "--json").document["checklist"]
    lines = {line["key"]: line for line in listed}
    assert lines["use_case"]["measured"] and not lines["generality"]["measured"]
    assert lines["reuse"]["answer"]["ko"].startswith("재지 않았어요")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("break-even",), "no finished run"),
        (("checklist", "nothing"), "'nothing'"),
        (("forgetting", "triage-tunde"), "triage-tunde"),
        (("forgetting", "triage-tuned"), "scripted"),  # another base than the adapter's
        (("curve", "no-suite"), "no suite"),
        (("curve", "triage", "--variant", "tunde"), "tunde"),
    ],
)
def test_what_is_not_there_is_named(joyul, arguments, said: str) -> None:
    done = joyul("eval", *arguments, "--json")
    assert done.code == 3, done.out
    error = done.document["error"]
    assert said in error["message"] and error["hint"]


def test_a_missing_price_table_is_named(joyul, suite) -> None:
    assert joyul("eval", "run", str(suite), "--json").code == 0
    done = joyul("eval", "break-even", "--prices", "/nowhere.yaml", "--json")
    assert done.code == 3 and "/nowhere.yaml" in done.document["error"]["message"]
    done = joyul("eval", "break-even", "--volume", "-5", "--json")
    assert done.code == 3 and "below 0" in done.document["error"]["message"]


def test_the_list_of_adapters_says_what_each_forgot(joyul, demo_home) -> None:
    folder = demo_home.adapters / "triage-tuned"
    weights = json.loads((folder / "manifest.json").read_text())["weights_hash"]
    report = {"weights_hash": weights, "loss": {"ko": {"change": 0.187}, "en": {"change": None}}}
    (folder / "forgetting.json").write_text(json.dumps(report))
    listed = {each["name"]: each for each in joyul("adapters", "list", "--json").document["adapters"]}
    assert listed["triage-tuned"]["forgetting"] == {"ko": 0.187, "en": None}
    (folder / "forgetting.json").write_text("{}")  # damaged
    again = joyul("adapters", "list", "--json").document["adapters"]
    assert {each["name"]: each["forgetting"]["ko"] for each in again}["triage-tuned"] is None
    (folder / "forgetting.json").write_text(json.dumps(report))
    assert "ko +18.7%" in joyul("adapters", "list").out
