"""Feature extraction: the base stays frozen and reads, a linear head learns which label its hidden states stand for.

Logistic regression on a language model's features, as "Feature-based" in Devlin et al. 2019 (arXiv 1810.04805,
section 5.3), trained with the same loop as every other method. Where all answers are JSON objects of one
shape, each key gets a head of its own and the answer is put together from them.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from assistant.errors import InputError
from assistant.models.classifier import LabelField, Pool, features
from assistant.soft_files import CLASSIFIER
from tuning.formats import TrainingRow
from tuning.methods import Method
from tuning.methods.sft import Loop, Outcome, Task, fit, in_order

MOST_CHARACTERS = 64
ROWS_PER_LABEL = 2


class ClassifierParams(BaseModel):
    """What the head reads: the ``mean`` of the hidden states over the prompt, or the one after its ``last`` token."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pool: Pool = "mean"


def label_fields(answers: Sequence[str], source: str) -> tuple[LabelField, ...]:
    """Return what the answers of a label task are chosen from.

    Args:
        answers: of all training rows.
        source: the data's name, for messages.

    Raises:
        InputError: the answers are no labels: too long, nearly all different, or all the same.
    """
    shaped = [_shaped(answer) for answer in answers]
    keys = [list(each) for each in shaped if each is not None]
    if len(keys) < len(answers) or any(each != keys[0] for each in keys):
        shaped = [{"": answer.strip()} for answer in answers]
    rows: list[Mapping[str, Any]] = [each for each in shaped if each is not None]
    found = []
    for name in rows[0]:
        labels = {repr(row[name]): row[name] for row in rows}  # by their looks: True and 1 are equal
        found.append(LabelField(name, tuple(labels[key] for key in sorted(labels))))
    for field in found:
        key = field.name or "answer"
        long = next((label for label in field.labels if len(str(label)) > MOST_CHARACTERS or "\n" in str(label)), None)
        if long is not None:
            raise _no_labels(f"{source}: {key} {str(long)[:40]!r} is too long for a label")
        if len(field.labels) * ROWS_PER_LABEL > len(rows):
            raise _no_labels(f"{source}: {len(rows)} rows have {len(field.labels)} different values of {key!r}")
    if all(len(field.labels) == 1 for field in found):
        raise _no_labels(f"{source}: every answer is the same")
    return tuple(found)


def _no_labels(problem: str) -> InputError:
    hint = (
        f"feature_extraction chooses between short labels, each in {ROWS_PER_LABEL} rows or more; "
        "train free answers with lora"
    )
    return InputError(problem, hint)


def _shaped(answer: str) -> dict[str, Any] | None:
    """Return an answer that is a flat JSON object and would be written the same way again; None otherwise."""
    try:
        value = json.loads(answer)
    except (ValueError, RecursionError):
        return None
    flat = isinstance(value, dict) and value and all(isinstance(each, str | bool | int) for each in value.values())
    return value if flat and json.dumps(value, ensure_ascii=False) == answer.strip() else None


def _targets(rows: Sequence[TrainingRow], fields: Sequence[LabelField]) -> list[list[int]]:
    """Return the number of every field's label.

    Raises:
        InputError: a row has a label that no training row has.
    """
    places = [{repr(label): at for at, label in enumerate(field.labels)} for field in fields]
    found = []
    for row in rows:
        values = {"": row.answer.strip()} if not fields[0].name else _shaped(row.answer) or {}
        try:
            found.append([place[repr(values[f.name])] for f, place in zip(fields, places, strict=True)])
        except KeyError:
            problem = f"{row.source}: no training row has the answer {row.answer[:MOST_CHARACTERS]!r}"
            raise InputError(problem, "add rows with it to the data, or take this one out") from None
    return found


class _Features:
    """Features of rows, each computed when it is first asked for: an epoch later they are there."""

    def __init__(self, task: Task, rows: Sequence[TrainingRow], pool: Pool) -> None:
        self._model, self._rows, self._pool = task.model, rows, pool
        self._known: dict[int, Any] = {}

    def __call__(self, numbers: Sequence[int]) -> Any:
        import torch

        fresh = [at for at in numbers if at not in self._known]
        if fresh:
            with torch.no_grad():
                found = features(self._model, [self._rows[at].prompt_ids for at in fresh], self._pool)
            self._known |= dict(zip(fresh, found, strict=True))
        return torch.stack([self._known[at] for at in numbers])


def _head(width: int, fields: Sequence[LabelField]) -> Any:
    """Return the trained part; its loss is that of the whole answer, the sum over its fields, in nats."""
    import torch

    sizes = [len(field.labels) for field in fields]

    class Head(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = torch.nn.Linear(width, sum(sizes))
            torch.nn.init.zeros_(self.linear.weight)
            torch.nn.init.zeros_(self.linear.bias)

        def forward(self, states: Any, labels: Any) -> dict[str, Any]:
            parts = self.linear(states).split(sizes, dim=-1)
            losses = [torch.nn.functional.cross_entropy(part, labels[:, at]) for at, part in enumerate(parts)]
            return {"loss": torch.stack(losses).sum()}

    return Head()


def train(task: Task) -> Outcome:
    """Train a head and save it into ``task.folder`` unless the run was cancelled.

    Raises:
        InputError: the rows are no label task, or see :func:`tuning.methods.sft.fit`.
        ResourceError: memory ran out.
    """
    params = ClassifierParams(**task.recipe.params)
    fields = label_fields([row.answer for row in task.rows], task.recipe.data)
    held_out = _targets(task.validation, fields)
    task.model.requires_grad_(False)
    task.model.eval()
    head = _head(task.model.config.get_text_config().hidden_size, fields)
    outcome = _fit(task, params, head, _targets(task.rows, fields), held_out)
    if outcome.status == "succeeded":
        _save(task, params, head, fields)
    return outcome


def _fit(
    task: Task, params: ClassifierParams, head: Any, targets: list[list[int]], held_out: list[list[int]]
) -> Outcome:
    import torch
    from transformers import Trainer, TrainingArguments

    sets = {"train": (task.rows, targets), "validation": (task.validation, held_out)}
    read = {name: _Features(task, rows, params.pool) for name, (rows, _) in sets.items()}
    lengths = [len(row.prompt_ids) for row in task.rows]

    def make(loop: Loop) -> Any:
        def collate(items: list[tuple[str, int]]) -> dict[str, Any]:
            name, numbers = items[0][0], [number for _, number in items]
            rows, wanted = sets[name]
            if name == "train":
                loop.batches.append([rows[at].source for at in numbers])
            return {"states": read[name](numbers), "labels": torch.tensor([wanted[at] for at in numbers])}

        own = ("max_length", "bf16", "gradient_checkpointing")  # TRL's, or of no use to one layer
        return in_order(Trainer, lengths, task.recipe)(
            model=head,
            args=TrainingArguments(
                **{key: value for key, value in loop.arguments.items() if key not in own},
                dataloader_pin_memory=False,  # on a GPU the features are there already
            ),
            train_dataset=[("train", at) for at in range(len(task.rows))],
            eval_dataset=[("validation", at) for at in range(len(task.validation))] or None,
            data_collator=collate,
            callbacks=[loop.callback],
        )

    outcome = fit(task, lengths, make)
    epochs = task.recipe.epochs or task.recipe.steps * task.recipe.batch_size / max(len(task.rows), 1)
    outcome.tokens = round(sum(lengths) * min(1.0, epochs))
    outcome.model = None  # a head has no logits over words that could be compared after reloading
    return outcome


def _save(task: Task, params: ClassifierParams, head: Any, fields: Sequence[LabelField]) -> None:
    from safetensors.torch import save_file

    tensors = {key: getattr(head.linear, key).detach().cpu().contiguous() for key in ("weight", "bias")}
    save_file(tensors, str(task.folder / "adapter_model.safetensors"))
    shown = [{"name": field.name, "labels": list(field.labels)} for field in fields]
    config = {"peft_type": CLASSIFIER, "pool": params.pool, "fields": shown}
    text = json.dumps(config, ensure_ascii=False, indent=2) + "\n"
    (task.folder / "adapter_config.json").write_text(text, "utf-8")


METHOD = Method(params=ClassifierParams, train=train, rates=(3e-3, 3e-3), rows="classes", reads_once=True)
