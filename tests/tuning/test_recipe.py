from importlib.util import find_spec
from pathlib import Path

import pytest

import tuning.configs
from assistant.errors import UsageError
from assistant.jobs.record import children_of
from assistant.paths import data_root
from tuning.methods import METHODS
from tuning.prepare import frozen_recipe, prepare, read_rows
from tuning.schema import load_recipe, read_shots


@pytest.mark.parametrize(
    ("text", "said", "mend"),
    [
        ("name: a\ndata: x\nepoch: 3\n", "r.yaml:3: unknown key 'epoch'", "did you mean 'epochs'?"),
        ("name: a\ndata: x\nparams: {ranc: 3}\n", "r.yaml:3: unknown key 'params.ranc'", "known: alpha, dora, dropout"),
        ("name: a\ndata: x\nparams:\n  drop_out: 0\n", "r.yaml:4: unknown key 'params.drop_out'", "'dropout'"),
        ("name: a\ndata: x\nreplay: {path: y, ration: 1}\n", "r.yaml:3: unknown key 'replay.ration'", "'ratio'"),
        ("data: x\n", "the key 'name' is missing", "'name' and 'data'"),
        ("name: Ünlü\ndata: x\n", "r.yaml:1: name: 'Ünlü' is not an adapter name", "a-z"),
        ("name: ../up\ndata: x\n", "is not an adapter name", "a-z"),
        ("name: a\ndata: x\nepochs: many\n", "r.yaml:3: epochs: should be a number, at least 0 and", "by heart"),
        (
            "name: a\ndata: x\nlearning_rate: 1e6\n",
            "learning_rate: should be at least 0 and at most 1, found",
            "babble",
        ),
        ("name: a\ndata: x\nparams: {r: 0}\n", "params.r: should be at least 1 and at most 1,024, found 0", "8 to 32"),
        ("name: a\ndata: x\nkeep: first\n", "keep: should be one of last, best, found 'first'", "README"),
        ("name: a\ndata: x\npackng: 1\n", "unknown key 'packng'", "did you mean 'packing'?"),
        ("name: a\ndata: x\npacking: maybe\n", "packing: should be true or false, found 'maybe'", "README"),
        ("name: a\ndata: x\nparams: {layers: all}\n", "params.layers: should be layer numbers such as 0,4-7", "empty"),
        ("name: a\ndata: x\nrecipe: grounded\nretrieval: {k: 99}\n", "retrieval.k: should be at least 1", "1 to 5"),
        ("name: a\ndata: x\nparams: {plus: 4}\noptimizer: sgd\n", "r.yaml:3: params.plus: LoRA+ needs adamw", "adamw"),
        ("name: a\ndata: x\nmethod: lorra\n", "r.yaml:3: method: unknown method 'lorra'", "did you mean 'lora'?"),
        ("name: a\ndata: x\nrecipe: groundd\n", "r.yaml:3: recipe: unknown prompt recipe", "did you mean 'grounded'?"),
        ("name: a\ndata: x\nrecipe: grounded\n", "'grounded' shows passages", "retrieval"),
        ("name: a\ndata: x\nretrieval: {k: 1}\n", "'zero_shot' shows no passages", "grounded"),
        ("name: a\ndata: x\nrecipe: few_shot\n", "'few_shot' shows worked examples", "shots"),
        ("name: a\ndata: x\nfile: y\n", "r.yaml:3: unknown key 'file'", "'data'"),
        ("name: a\n  data: x\n", "r.yaml:2: not YAML", "indentation"),
        ("- name\n", "expected keys and values", "data/demo/tune"),
        ("", "expected keys and values", "data/demo/tune"),
        ("name: [a\n", "not YAML", "quotes"),
    ],
)
def test_every_mistake_is_one_line_with_place_and_mend(tmp_path: Path, text: str, said: str, mend: str) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        load_recipe(path)
    assert said in caught.value.message
    assert mend in caught.value.hint
    assert "\n" not in caught.value.message


def test_a_missing_file_and_an_alias_bomb_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no tuning recipe"):
        load_recipe(tmp_path / "none.yaml")
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
    (tmp_path / "bomb.yaml").write_text(bomb)
    with pytest.raises(UsageError) as caught:
        load_recipe(tmp_path / "bomb.yaml")
    assert len(caught.value.message) < 300


def test_defaults_and_paths_are_relative_to_the_file(recipe_file) -> None:
    recipe = load_recipe(recipe_file(learning_rate="1e-3", system={"ko": "짧게", "en": "Be brief"}))
    assert recipe.learning_rate == 1e-3
    plain = {"target_modules": "all-linear", "layers": [], "rslora": False, "dora": False, "plus": 0}
    assert recipe.params == {"r": 4, "alpha": 8, "dropout": 0.0, **plain}
    assert recipe.path(recipe.data).is_file()
    assert recipe.instruction() == (("en", "Be brief"), ("ko", "짧게"))


def test_shots_come_from_a_file_in_the_question_language(recipe_file) -> None:
    recipe = load_recipe(recipe_file(recipe="few_shot", shots="rows.jsonl"))
    assert [shot.language for shot in read_shots(recipe)] == ["en", "en", "ko", "ko"]


@pytest.mark.parametrize("path", sorted((data_root() / "demo" / "tune").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_shipped_recipes_are_valid_and_their_files_exist(path: Path) -> None:
    recipe = load_recipe(path)
    assert recipe.name == path.stem
    assert set(recipe.description) == {"ko", "en"}
    assert recipe.path(recipe.data).is_file()
    assert recipe.replay is not None and recipe.path(recipe.replay.path).is_file()


CONFIGS = Path(tuning.configs.__path__[0])


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_recipe_to_start_from_can_be_prepared(path: Path, home, settings) -> None:
    recipe = load_recipe(path)
    assert set(recipe.description) == {"ko", "en"}
    if recipe.method == "qlora" and find_spec("bitsandbytes") is None:
        return
    job = prepare(recipe, home=home, settings=settings, retriever_for=None)
    runs = children_of(job)
    assert len(runs) == 3 * bool(recipe.grid)
    for each in runs or [job]:
        assert len(read_rows(each.path / "rows.jsonl")) >= 16 and len(read_rows(each.path / "validation.jsonl")) >= 16
        assert frozen_recipe(each).learning_rate > 0


def test_every_method_has_a_recipe_to_start_from() -> None:
    assert {load_recipe(path).method for path in CONFIGS.glob("*.yaml")} == set(METHODS)
