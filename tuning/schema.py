"""The training recipe: one YAML file, validated once, every mistake named by file and line."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from assistant.errors import UsageError
from assistant.lazy import nearest
from assistant.prompts import load_prompt, prompt_names
from assistant.schema import Language, Shot, language_of
from tuning.fields import Automatic, OneOf, explained
from tuning.methods import METHODS, load_method

File = Annotated[str, Field(min_length=1)]
# "auto" is 0 from here on; ``tuning.methods.auto`` puts a number there once the rows and the base are known.
AUTO = 0
AutoReal = Annotated[float, BeforeValidator(lambda value: AUTO if value == "auto" else value), Automatic()]
AutoWhole = Annotated[int, BeforeValidator(lambda value: AUTO if value == "auto" else value), Automatic()]
# Only rows that are answers can be packed, carry noise, or have general rows mixed among them.
ANSWERS_ONLY = ("packing", "neftune", "replay")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Retrieval(_Section):
    """How rows get their passages, so that the adapter learns from what retrieval really brings.

    ``wrong_share`` of the rows get passages of other questions. Where no accepted answer is in the
    passages, ``missed`` decides: learn to refuse, search deeper for the right one (``recover``),
    drop the row, or keep the answer (``keep``, right for label tasks, whose passages are examples).
    ``leave_out`` drops passages that hold the row's own question, or one of its ``group``.
    """

    collection: str = "documents"
    k: int = Field(2, ge=1, le=20)
    wrong_share: float = Field(0.1, ge=0, le=1)
    missed: Literal["refuse", "recover", "drop", "keep"] = "refuse"
    leave_out: Literal["question", "group"] = "question"


class Replay(_Section):
    """General rows mixed in so that the model keeps what it could do: ``ratio`` per row of data."""

    path: File
    ratio: float = Field(0.5, gt=0, le=10)


class After(_Section):
    """What is measured once the adapter is there; ``forgetting`` on general text and probes."""

    forgetting: bool = True


class TuneRecipe(_Section):
    """Everything one training run depends on, besides the base model's weights.

    Paths are relative to ``file``, the YAML file it was read from. ``recipe``, ``system`` and
    ``shots`` mean what they mean in a variant: training prompts are rendered by the same code.
    ``epochs``, ``learning_rate`` and ``batch_size`` may be ``auto`` (0); ``steps`` ends a run instead of
    ``epochs``. ``patience`` counts validations without a better loss, ``neftune`` is the noise on the
    embeddings (Jain et al. 2023, "NEFTune", arXiv 2310.05914), ``packing`` puts several rows into one
    sequence, ``accumulate`` adds up the gradients of so many batches before a step. ``warmup`` is the share of the
    updates in which the rate rises, ``clip`` the norm that a gradient is cut to, ``grid`` the values to try.

    What else is to be said of a key (bounds, and why) is read from here by ``tuning.fields``; the words for it are
    in the locales, so that a message and the tune page say the same.
    """

    file: Path = Field(Path("recipe.yaml"), exclude=True)
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    description: dict[Language, str] = Field(default_factory=dict)
    model: str = "default"
    method: str = "lora"
    params: dict[str, Any] = Field(default_factory=dict)
    data: File
    validation: str = ""
    encoding: str = "utf-8"
    recipe: Annotated[str, OneOf(prompt_names)] = "zero_shot"
    system: str | dict[Language, str] = ""
    shots: str = ""
    retrieval: Retrieval | None = None
    replay: Replay | None = None
    epochs: AutoReal = Field(AUTO, ge=0, le=1000)
    steps: int = Field(0, ge=0)
    learning_rate: AutoReal = Field(AUTO, ge=0, le=1)
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    warmup: float = Field(0.05, ge=0, lt=1)
    batch_size: AutoWhole = Field(AUTO, ge=0, le=1024)
    accumulate: int = Field(1, ge=1, le=1024)
    optimizer: Literal["adamw", "adafactor", "sgd"] = "adamw"
    weight_decay: float = Field(0.0, ge=0, le=1)
    clip: float = Field(1.0, gt=0)
    neftune: float = Field(0.0, ge=0, le=100)
    packing: bool = False
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    evaluate_steps: int = Field(0, ge=0)
    patience: int = Field(0, ge=0)
    keep: Literal["last", "best"] = "last"
    save_steps: int = Field(0, ge=0)
    save_seconds: float = Field(60.0, gt=0)
    max_length: int = Field(0, ge=0)
    seed: int = Field(0, ge=0, lt=2**31)
    after: After = Field(default_factory=After)
    grid: dict[str, list[Any]] = Field(default_factory=dict)

    def path(self, relative: str) -> Path:
        """Return a path of the recipe as seen from its file."""
        return (self.file.parent / relative).resolve()

    def instruction(self) -> str | tuple[tuple[str, str], ...]:
        """Return ``system`` in the form that a :class:`assistant.schema.Variant` takes."""
        return self.system if isinstance(self.system, str) else tuple(sorted(self.system.items()))


_SECTIONS: dict[str, type[BaseModel]] = {"retrieval": Retrieval, "replay": Replay, "after": After}


def load_recipe(path: Path, language: Language = "en") -> TuneRecipe:
    """Read and check a recipe file.

    Args:
        path: of the file.
        language: of bounds and their reasons; the rest of a message is translated where it is shown.

    Raises:
        UsageError: the file is missing, is not YAML, or a key or value is wrong; the message names
            ``file:line: key`` and the hint the nearest known key or the bound.
    """
    if not path.is_file():
        raise UsageError(f"no tuning recipe at {str(path)!r}", "give the path of a YAML file, see data/demo/tune")
    try:
        text = path.read_text(encoding="utf-8-sig")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise UsageError(f"{path.name}{line}: not YAML: {problem:.120}", "check indentation and quotes") from None
    if not isinstance(content, dict):
        raise UsageError(f"{path.name}: expected keys and values", "start from a file in data/demo/tune")
    lines = dict(_lines(node))
    try:
        recipe = TuneRecipe(**{str(key): value for key, value in content.items() if key != "file"}, file=path)
    except ValidationError as error:
        raise _explain(error, path, lines, TuneRecipe, language=language) from None
    if "file" in content:
        raise UsageError(f"{path.name}:{lines.get(('file',), 1)}: unknown key 'file'", "the data's path goes in 'data'")
    _check_sense(recipe, path, lines)
    schema = load_method(recipe.method).params
    try:
        params = schema(**recipe.params)
    except ValidationError as error:
        raise _explain(error, path, lines, schema, ("params",), language) from None
    recipe = recipe.model_copy(update={"params": params.model_dump()})
    if recipe.grid:
        from tuning.grid import variations

        try:
            variations(recipe)
        except UsageError as error:
            raise UsageError(f"{path.name}:{lines.get(('grid',), 1)}: {error.message}", error.hint) from None
    return recipe


def read_shots(recipe: TuneRecipe) -> tuple[Shot, ...]:
    """Return the worked examples of the recipe's ``shots`` file, a JSONL of questions and answers."""
    from assistant.dataset import read_examples

    if not recipe.shots:
        return ()
    rows = read_examples(recipe.path(recipe.shots), need_answer=True)
    return tuple(Shot(row.question, row.answer, language_of(row.question)) for row in rows)


def _check_sense(recipe: TuneRecipe, path: Path, lines: dict[tuple[str, ...], int]) -> None:
    """Refuse what is well-formed but cannot be meant."""

    def refuse(key: str, problem: str, hint: str) -> None:
        parts = tuple(key.split("."))
        line = lines.get(parts, lines.get(parts[:1], 1))
        raise UsageError(f"{path.name}:{line}: {key}: {problem}", hint)

    if recipe.method not in METHODS:
        refuse("method", f"unknown method {recipe.method!r}", nearest(recipe.method, list(METHODS)))
    check_training(recipe, refuse)
    try:
        needs = load_prompt(recipe.recipe).needs
    except UsageError as error:
        refuse("recipe", error.message, error.hint)
        raise
    if needs == "passages" and recipe.retrieval is None:
        refuse("recipe", f"{recipe.recipe!r} shows passages", "say under 'retrieval:' where they come from")
    if needs != "passages" and recipe.retrieval is not None:
        refuse("retrieval", f"the prompt recipe {recipe.recipe!r} shows no passages", "take e.g. recipe: grounded")
    if needs == "shots" and not recipe.shots:
        refuse("recipe", f"{recipe.recipe!r} shows worked examples", "name a JSONL file of them under 'shots:'")


def check_training(recipe: TuneRecipe, refuse: Callable[[str, str, str], None]) -> None:
    """Call ``refuse(key, problem, hint)`` for settings that a method does not have or that need others."""
    rows = load_method(recipe.method).rows
    if recipe.steps and recipe.epochs:
        refuse("steps", "'epochs' is given too", "keep one of them; 0 leaves the other out")
    for key, wanted in (("patience", recipe.patience > 0), ("keep", recipe.keep == "best")):
        if wanted and not recipe.validation:
            refuse(key, "needs the loss on held-out rows", "name a JSONL file of them under 'validation:'")
    if recipe.params.get("plus") and recipe.optimizer != "adamw":
        refuse("params.plus", f"LoRA+ needs adamw, not {recipe.optimizer!r}", "set optimizer: adamw")
    if rows == "answers":
        return
    if recipe.replay is not None:
        learns = "which label is the answer" if rows == "classes" else "from judged answers"
        refuse("replay", f"{recipe.method!r} learns {learns}; general rows have none", "remove it")
    for key in ANSWERS_ONLY:
        if key != "replay" and getattr(recipe, key):
            refuse(key, f"{recipe.method!r} does not have it", "remove it, or train with another method")
    if rows == "labels" and recipe.batch_size == 1:
        refuse("batch_size", "kto compares the rows of a batch, so it needs two", "set 2 or more")


def _lines(node: Any, path: tuple[str, ...] = ()) -> Any:
    """Yield the line of every key of a YAML tree, as ``(path, line)``."""
    if isinstance(node, yaml.MappingNode) and len(path) < 4:
        for key, value in node.value:
            here = (*path, str(key.value))
            yield here, key.start_mark.line + 1
            yield from _lines(value, here)


def _explain(
    error: ValidationError,
    path: Path,
    lines: dict[tuple[str, ...], int],
    model: type[BaseModel],
    prefix: tuple[str, ...] = (),
    language: Language = "en",
) -> UsageError:
    first = error.errors()[0]
    where = tuple(str(part) for part in first["loc"])
    full = (*prefix, *where)
    line = next((lines[full[:size]] for size in range(len(full), 0, -1) if full[:size] in lines), 1)
    key = ".".join(full)
    at = f"{path.name}:{line}"
    if first["type"] == "extra_forbidden":
        known = _SECTIONS.get(where[0], model) if len(where) > 1 else model
        return UsageError(f"{at}: unknown key {key!r}", nearest(where[-1], sorted(set(known.model_fields) - {"file"})))
    if first["type"] == "missing":
        return UsageError(f"{path.name}: the key {key!r} is missing", "every recipe needs 'name' and 'data'")
    shown = f"{first.get('input')!r:.80}"
    if where == ("name",):
        wrong = f"{shown} is not an adapter name"
        return UsageError(f"{at}: name: {wrong}", "use a-z, 0-9, '.', '_' and '-', at most 64")
    section = _SECTIONS.get(where[0], model) if not prefix and len(where) > 1 else model
    reason, hint = explained(section, first, language)
    return UsageError(f"{at}: {key}: should be {reason}, found {shown}", hint)
