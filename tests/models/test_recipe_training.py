"""The model half of the recipe: the lean forward pass, resuming, export, scores."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from data.models.recipe import scores
from data.models.recipe.average import average, parts_of
from data.models.recipe.export import export, shape_of, to_transformers
from data.models.recipe.model import SHAPES, LanguageModel, load_weights, parameter_count
from data.models.recipe.optimise import Optimiser, orthogonalise
from data.models.recipe.train import Run, arguments

ROOT = Path(__file__).parents[2]
EMBEDDED = ROOT / "data" / "models" / "embedded"


def run(prepared: Path, out: Path, *more: str) -> Run:
    line = ["--prepared", str(prepared), "--out", str(out), "--size", "tiny", "--tokens", "512", "--device", "cpu"]
    made = Run(arguments([*line, "--workers", "0", "--threads", "1", *more]))
    made.train()
    return made


def test_stopped_and_resumed_run_equals_a_straight_one(prepared: Path, tmp_path: Path) -> None:
    straight = run(prepared, tmp_path / "straight", "--steps", "12")
    # A part that stops at its first look at the clock, and one that finishes.
    run(prepared, tmp_path / "parts", "--steps", "12", "--stop-after", "1e-9")
    resumed = run(prepared, tmp_path / "parts", "--steps", "12")
    assert straight.optimiser.steps == resumed.optimiser.steps == 12
    assert straight.tokens == resumed.tokens
    for name, value in straight.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name]), name
    events = [json.loads(line).get("event") for line in (tmp_path / "parts" / "log.jsonl").read_text().splitlines()]
    assert events.count("start") == events.count("stop") == 2


def test_training_lowers_the_loss(prepared: Path, tmp_path: Path) -> None:
    made = run(prepared, tmp_path, "--steps", "1000", "--stop-after", "1e-9", "--warm-steps", "1")
    batch = made.loader.next()
    first = made.learn(batch)[0]
    for _ in range(25):
        last = made.learn(batch)[0]
    assert last < first - 1


def test_exported_folder_gives_the_same_logits(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.manual_seed(0)
    model = LanguageModel(SHAPES["tiny"], dtype=torch.float32)
    ids = torch.randint(10, 8000, (2, 40))
    with torch.no_grad():
        ours = model.logits(ids)
        assert torch.allclose(ours, to_transformers(model)(ids).logits, atol=1e-5)
        export(model, EMBEDDED, tmp_path)
        loaded = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32)
        again = LanguageModel(SHAPES["tiny"], dtype=torch.float32)
        load_weights(again, tmp_path)
        assert torch.allclose(again.logits(ids), loaded(ids).logits, atol=1e-5)
        assert (ours - again.logits(ids)).abs().max() < 0.05
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    rows = [{"role": "user", "content": "안녕"}, {"role": "assistant", "content": "네"}]
    made = tokenizer.apply_chat_template(rows, return_dict=True, return_assistant_tokens_mask=True)
    assert sum(made["assistant_masks"]) == len(tokenizer("네", add_special_tokens=False).input_ids) + 1
    about = json.loads((tmp_path / "joyul.json").read_text())
    assert about["parameters"] == parameter_count(model) and about["window"] == 512 and about["stop_loops"]


def test_an_average_lies_between_its_models_by_their_shares(tmp_path: Path) -> None:
    models = [LanguageModel(SHAPES["tiny"]) for _ in range(2)]
    for number, model in enumerate(models):
        torch.manual_seed(number)
        export(model, EMBEDDED, tmp_path / str(number))
    mean = average(parts_of([f"{tmp_path / '0'}=0.25", f"{tmp_path / '1'}=0.75"])).state_dict()
    assert shape_of(tmp_path / "0") == SHAPES["tiny"]
    for name, first in models[0].state_dict().items():
        wanted = 0.25 * first + 0.75 * models[1].state_dict()[name]
        assert torch.allclose(mean[name], wanted, atol=5e-3), name  # the folders hold bfloat16
    assert [share for _, share in parts_of(["a", "b", "c", "d"])] == [0.25] * 4


@pytest.mark.parametrize("texts", [["a", "b=0.5"], ["a=0.5", "b=0.6"]])
def test_shares_that_do_not_add_up_are_refused(texts: list[str]) -> None:
    with pytest.raises(ValueError, match="share"):
        parts_of(texts)


def test_models_of_two_shapes_have_no_average(tmp_path: Path) -> None:
    for name in ("tiny", "small"):
        export(LanguageModel(SHAPES[name]), EMBEDDED, tmp_path / name)
    with pytest.raises(ValueError, match="another shape"):
        average(parts_of([str(tmp_path / "tiny"), str(tmp_path / "small")]))


def test_the_committed_checkpoint_loads_and_agrees() -> None:
    from transformers import AutoModelForCausalLM

    model = LanguageModel(SHAPES["small"], dtype=torch.float32)
    load_weights(model, EMBEDDED)
    ids = torch.randint(10, 8000, (1, 32))
    with torch.no_grad():
        theirs = AutoModelForCausalLM.from_pretrained(EMBEDDED, dtype=torch.float32)(ids).logits
        assert torch.allclose(model.logits(ids), theirs, atol=1e-3)


def test_committed_sizes_stay_small() -> None:
    count = parameter_count(LanguageModel(SHAPES["large"]))
    assert count * 2 <= 40e6


def test_muon_orthogonalises_and_rates_follow_the_schedule() -> None:
    values = torch.linalg.svdvals(orthogonalise(torch.randn(2, 24, 16)).float())
    assert values.min() > 0.3
    assert values.max() < 1.4
    optimiser = Optimiser(LanguageModel(SHAPES["tiny"]), 0.01, 1e-3, decay_from=0.25, warm_steps=10)
    assert optimiser.scale(0.0) == pytest.approx(0.1)
    optimiser.steps = 100
    assert [optimiser.scale(p) for p in (0.1, 0.25, 0.625, 1.0)] == pytest.approx([1, 1, 0.5, 0.02])


@pytest.mark.parametrize(
    ("answer", "references", "expected"),
    [("The Mill.", ["mill"], 1.0), ("1874", ["1875"], 0.0), ("방앗간", ["방앗간"], 1.0)],
)
def test_exact_match_ignores_case_articles_and_marks(answer: str, references: list[str], expected: float) -> None:
    assert scores.exact(answer, references) == expected


def test_scores_tell_refusals_loops_and_forms_apart() -> None:
    assert scores.refuses("문서에서 답을 찾을 수 없어요.")
    assert scores.refuses("I can't find that in the documents.")
    assert not scores.refuses("a red mill")
    assert scores.loops("go home go home go home")
    assert not scores.loops("I had a banana")
    assert scores.valid_form("seat", "label", ["seat", "staff"])
    assert not scores.valid_form("seats", "label", ["seat", "staff"])
    assert scores.valid_form('{"a": "x"}', "json", ['{"a": "y"}'])
    assert not scores.valid_form('{"b": "x"}', "json", ['{"a": "y"}'])
    assert scores.word_f1("방앗간이에요", ["방앗간"], "ko") == 1.0
    assert scores.word_f1("built by Tessa Brandt", ["Tessa Brandt"], "en") == pytest.approx(2 / 3)
    assert scores.letter_f1("박서진", ["박서린"]) == pytest.approx(2 / 3)
