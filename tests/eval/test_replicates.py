"""Several training seeds of one recipe: how their scores come together, widen the bounds, and how a run asks them."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from assistant.adapters import Manifest
from assistant.errors import InputError
from assistant.paths import Home
from assistant.schema import Variant
from assistant.settings import RetrievalSettings, Settings
from eval.replicates import check_one_recipe, merged, names_of, specs_of
from eval.result import RunResult, assemble
from eval.runner import run_suite
from eval.schema import Answer, Score, Suite
from eval.suite import load_suite

if TYPE_CHECKING:
    from assistant.services import Services

ADAPTERS = ("one", "two", "three")


def answer(right: bool, item: Any, error: str = "") -> Answer:
    return Answer("" if error else item.reference[0] if right else "else", error=error, base="made-up", query="q")


@pytest.fixture
def run_of(make_suite: Callable[..., Suite]) -> Callable[..., RunResult]:
    """Three adapters of ``tuned``, each right on its own share of 100 items; nothing else ever is."""

    def make(shares: tuple[int, ...], broken: int = 0, **changes: Any) -> RunResult:
        names = ("zero-shot", "rag", "tuned")
        suite = make_suite(100, names, replicates={"tuned": ADAPTERS[: len(shares)]}, **changes)
        answers = {name: {item.id: answer(False, item) for item in suite.items} for name in names[:2]}
        for name, share in zip(names_of(suite, "tuned"), shares, strict=True):
            answers[name] = {
                item.id: answer(at < share, item, "it broke" if name == "tuned" and at < broken else "")
                for at, item in enumerate(suite.items)
            }
        specs = {spec.name: spec for spec in suite.variants}
        return assemble(suite, specs=specs, fingerprints=dict.fromkeys(specs, "f"), answers=answers)

    return make


def test_a_score_is_the_mean_of_the_adapters_that_have_one() -> None:
    rows = [{"a": Score(1.0), "b": Score(None, "broke")}, {"a": Score(0.0), "b": Score(None, "broke too")}]
    found = merged([*rows, {"a": Score(None, "late"), "b": Score(1.0)}])
    assert (found["a"].value, found["b"].value) == (0.5, 1.0)
    assert [part.value for part in found["a"].replicates] == [1.0, 0.0, None]
    nothing = merged(rows)["b"]
    assert nothing.value is None and nothing.reason == "broke"
    assert merged(rows[:1]) is rows[0]


def test_the_variant_is_the_mean_and_each_adapter_is_shown(run_of: Callable[..., RunResult]) -> None:
    document = run_of((50, 60, 70)).to_json()
    assert set(document["variants"]) == {"zero-shot", "rag", "tuned"}
    tuned = document["variants"]["tuned"]
    assert tuned["metrics"]["exact_match"]["mean"] == pytest.approx(0.6)
    shown = [(each["adapter"], each["metrics"]["exact_match"]) for each in tuned["replicates"]]
    assert shown == [("one", pytest.approx(0.5)), ("two", pytest.approx(0.6)), ("three", pytest.approx(0.7))]
    assert document["verdict"]["choice"] == "tune" and document["verdict"]["seeds"] == 3
    assert "Tuning pays." in document["verdict"]["text"]["en"]


def test_seeds_that_disagree_widen_every_bound(run_of: Callable[..., RunResult]) -> None:
    def bounds(result: RunResult) -> tuple[float, float]:
        pair = next(pair for pair in result.scored.pairs if (pair.first, pair.second) == ("tuned", "rag"))
        assert pair.low is not None and pair.high is not None
        return pair.low, pair.high

    # The same item scores in the mean would be 0.6 either way only for the first 50; so compare reach.
    alike, apart = bounds(run_of((60, 60, 60))), bounds(run_of((30, 60, 90)))
    assert apart[1] - apart[0] > 2 * (alike[1] - alike[0])
    assert run_of((30, 60, 90)).verdict.choice == "not_enough_evidence"


def test_an_unscored_adapter_is_left_out_and_not_zero(run_of: Callable[..., RunResult]) -> None:
    document = run_of((100, 100, 100), broken=5).to_json()["variants"]["tuned"]
    assert document["metrics"]["exact_match"]["mean"] == pytest.approx(1.0)
    assert document["metrics"]["exact_match"]["unscored"] == 0
    assert [each["metrics"]["exact_match"] for each in document["replicates"]] == [1.0, 1.0, 1.0]


def test_leaked_items_stand_beside(run_of: Callable[..., RunResult], make_suite: Callable[..., Suite]) -> None:
    items = make_suite(100).items
    leaks = {item.id: "train.jsonl: row 1, 100% alike" for item in items[:40]}
    document = run_of((40, 40, 40), leaks=leaks).to_json()
    estimate = document["variants"]["tuned"]["metrics"]["exact_match"]
    assert (estimate["mean"], estimate["leaked"]) == (pytest.approx(0.4), 40)
    assert (estimate["without_leaked"]["mean"], estimate["without_leaked"]["n"]) == (0.0, 60)
    verdict = document["verdict"]
    assert (verdict["choice"], verdict["leaked"], verdict["without_leaked"]) == ("tune", 40, "not_enough_evidence")
    assert "40 items are also in the training data" in verdict["text"]["en"]
    assert "leaked" not in run_of((40, 40, 40)).to_json()["variants"]["tuned"]["metrics"]["exact_match"]


def test_each_adapter_answers_under_a_name_of_its_own(make_suite: Callable[..., Suite]) -> None:
    suite = make_suite(names=("zero-shot", "tuned"), replicates={"tuned": ADAPTERS})
    found = [(each.name, each.adapter) for spec in suite.variants for each in specs_of(suite, spec)]
    assert found == [("zero-shot", None), ("tuned", "one"), ("tuned#2", "two"), ("tuned#3", "three")]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({}, ""),
        ({"seed": 1}, "two adapters have the same training seed (1, 1, 3)"),
        ({"data_hash": "other"}, "differ in data_hash"),
        ({"method": "dora"}, "differ in method"),
    ],
)
def test_adapters_must_be_one_recipe(make_suite: Callable[..., Suite], change: dict[str, Any], message: str) -> None:
    facts: dict[str, Any] = {"base": "b", "base_hash": "h", "method": "lora", "data_hash": "d", "recipe": "zero_shot"}
    changes: dict[str, dict[str, Any]] = {"one": {"seed": 1}, "two": {"seed": 2, **change}, "three": {"seed": 3}}
    shelf = {name: Manifest(name=name, **facts | changes[name]) for name in ADAPTERS}

    def manifest(spec: Variant) -> Manifest | None:
        return shelf[spec.adapter] if spec.adapter else None

    suite = make_suite(names=("rag", "tuned"), replicates={"tuned": ADAPTERS}, path=str(Path("suite.yaml")))
    variants = cast(Any, SimpleNamespace(manifest=manifest))
    if not message:
        check_one_recipe(suite, variants)
        return
    with pytest.raises(InputError) as caught:
        check_one_recipe(suite, variants)
    assert message in caught.value.message and "variants.tuned.adapters" in caught.value.message


SUITE = """\
suite: seeds
kind: qa
items: items.jsonl
primary: exact_match
sampling: {max_tokens: 4}
variants:
  zero-shot:
  tuned: {adapters: [first, second]}
"""


@pytest.fixture
def embedded_services(demo_home: Home) -> Iterator["Services"]:
    from assistant.services import Services

    opened = Services.open(Settings(home=demo_home.root, retrieval=RetrievalSettings(embedder="hashing")))
    yield opened
    opened.close()


def install(home: Home, name: str, seed: int) -> None:
    """Put a copy of a shipped adapter beside it, as if trained with another seed."""
    folder = home.adapters / name
    shutil.copytree(home.adapters / "handbook-tuned", folder)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    (folder / "manifest.json").write_text(json.dumps({**manifest, "name": name, "seed": seed}), encoding="utf-8")


def test_a_run_asks_every_adapter_and_keeps_their_answers_apart(embedded_services: "Services", tmp_path: Path) -> None:
    services, home = embedded_services, embedded_services.home
    rows = [{"question": f"What is {at}?", "reference": ["x"], "group": str(at)} for at in range(3)]
    (tmp_path / "items.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "suite.yaml").write_text(SUITE)
    suite = load_suite(tmp_path / "suite.yaml")
    install(home, "first", 1)
    install(home, "second", 1)
    parts: dict[str, Any] = {"variants": services.variants, "library": services.library, "runs": home.runs}
    with pytest.raises(InputError, match="two adapters have the same training seed"):
        run_suite(suite, **parts)
    shutil.rmtree(home.adapters / "second")
    install(home, "second", 2)
    result = run_suite(suite, **parts)
    assert set(result.answers) == {"zero-shot", "tuned", "tuned#2"}
    assert {answer.adapter for answer in result.answers["tuned#2"].values()} == {"second"}
    assert {answer.adapter for answer in result.answers["tuned"].values()} == {"first"}
    document = result.to_json()
    assert [each["adapter"] for each in document["variants"]["tuned"]["replicates"]] == ["first", "second"]
    assert document["verdict"]["seeds"] == 0 and document["verdict"]["reason"] == "no_rag_row"
    again = run_suite(suite, **parts)
    assert again.asked == 0
