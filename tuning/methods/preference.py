"""Learning from judged answers with LoRA; the base with the adapter off is the reference.

DPO (Rafailov et al. 2023, arXiv 2305.18290) learns from pairs, KTO (Ethayarajh et al. 2024, arXiv
2402.01306) from single answers that were good or bad. Rows come rendered and tokenised, so TRL's own
preparation, which would render them another way, is passed over.
"""

from collections.abc import Callable, Sequence
from typing import Any

from pydantic import Field

from tuning.formats import TrainingRow
from tuning.methods import Method
from tuning.methods.lora import LoraParams, lora_config, save_adapter
from tuning.methods.sft import Loop, Outcome, Task, fit, in_order, padding


class PreferenceParams(LoraParams):
    """LoRA's settings, and ``beta``: how strongly the reference holds the tuned model back."""

    plus: float = Field(0, ge=0, le=0)
    beta: float = Field(0.1, gt=0, le=10)


class KtoParams(PreferenceParams):
    """Also what good and bad rows weigh, for data that has far more of one kind."""

    good_weight: float = Field(1.0, gt=0, le=100)
    bad_weight: float = Field(1.0, gt=0, le=100)


def _pairs(rows: Sequence[TrainingRow]) -> Any:
    from datasets import Dataset

    columns = {
        "prompt_ids": [list(row.prompt_ids) for row in rows],
        "chosen_ids": [list(row.answer_ids) for row in rows],
        "rejected_ids": [list(row.rejected_ids) for row in rows],
        "source": [row.source for row in rows],
    }
    return Dataset.from_dict(columns)


def _labels(rows: Sequence[TrainingRow]) -> Any:
    from datasets import Dataset

    columns = {
        "prompt_ids": [list(row.prompt_ids) for row in rows],
        "completion_ids": [list(row.answer_ids) for row in rows],
        "label": [row.good for row in rows],
        "source": [row.source for row in rows],
    }
    return Dataset.from_dict(columns)


def _with_strangers(features: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give every row another row's answer, for KTO's estimate of how far the model has moved (its section 4.1)."""
    answers = [each["completion_ids"] for each in features]
    return [each | {"KL_completion_ids": answers[at - 1]} for at, each in enumerate(features)]


def _prepared(trainer: type) -> type:
    """Return the trainer's class, taking its rows as they are."""

    class Prepared(trainer):
        def _prepare_dataset(self, dataset: Any, *_: Any) -> Any:
            return dataset

    return Prepared


def _learn(
    task: Task,
    params: PreferenceParams,
    table: Callable[[Sequence[TrainingRow]], Any],
    trainer: type,
    configure: Callable[[dict[str, Any]], Any],
    stack: Callable[[list[dict[str, Any]]], dict[str, Any]],
) -> Outcome:
    from transformers import set_seed

    config = lora_config(task.model, params)
    lengths = [len(row.prompt_ids) + max(len(row.answer_ids), len(row.rejected_ids)) for row in task.rows]

    def make(loop: Loop) -> Any:
        def collate(features: list[dict[str, Any]]) -> dict[str, Any]:
            if "source" in features[0]:
                loop.batches.append([each["source"] for each in features])
            return stack([{key: value for key, value in each.items() if key != "source"} for each in features])

        return in_order(_prepared(trainer), lengths, task.recipe)(
            model=task.model,
            args=configure(loop.arguments),
            train_dataset=table(task.rows),
            eval_dataset=table(task.validation).remove_columns("source") if task.validation else None,
            processing_class=task.tokenizer,
            data_collator=collate,
            peft_config=config,
            callbacks=[loop.callback],
        )

    set_seed(task.recipe.seed)
    outcome = fit(task, lengths, make)
    if outcome.to_save:
        save_adapter(task, outcome.model)
    return outcome


def train_dpo(task: Task) -> Outcome:
    """Train on pairs and save, unless the run was cancelled.

    Raises:
        UsageError: see :func:`tuning.methods.lora.lora_config`.
        InputError, ResourceError: see :func:`tuning.methods.sft.fit`.
    """
    from trl import DPOConfig, DPOTrainer
    from trl.trainer.dpo_trainer import DataCollatorForPreference

    params = PreferenceParams(**task.recipe.params)
    stack = DataCollatorForPreference(pad_token_id=padding(task.tokenizer))
    return _learn(task, params, _pairs, DPOTrainer, lambda common: DPOConfig(**common, beta=params.beta), stack)


def train_kto(task: Task) -> Outcome:
    """Train on good and bad answers and save, unless the run was cancelled.

    Raises:
        UsageError: see :func:`tuning.methods.lora.lora_config`.
        InputError, ResourceError: see :func:`tuning.methods.sft.fit`.
    """
    from trl import KTOConfig, KTOTrainer
    from trl.trainer.kto_trainer import DataCollatorForUnpairedPreference

    params = KtoParams(**task.recipe.params)
    collator = DataCollatorForUnpairedPreference(pad_token_id=padding(task.tokenizer))

    def stack(features: list[dict[str, Any]]) -> dict[str, Any]:
        batch: dict[str, Any] = collator(_with_strangers(features))
        return batch

    def configure(common: dict[str, Any]) -> Any:
        weights = {"desirable_weight": params.good_weight, "undesirable_weight": params.bad_weight}
        return KTOConfig(**common, beta=params.beta, **weights)

    return _learn(task, params, _labels, KTOTrainer, configure, stack)


DPO = Method(params=PreferenceParams, train=train_dpo, rates=(5e-4, 5e-5), rows="pairs", shards=True)
KTO = Method(params=KtoParams, train=train_kto, rates=(5e-4, 5e-5), rows="labels", shards=True)
