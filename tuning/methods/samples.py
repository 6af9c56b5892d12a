"""Answers to a few held-out prompts, before training and at each evaluation: a person sees them improve."""

from typing import Any

from transformers import TrainerCallback

from tuning.formats import TrainingRow
from tuning.methods.sft import Task

PROMPTS, ANSWER_TOKENS, SHOWN = 3, 48, 240


class Samples(TrainerCallback):
    """Tells an event ``{"step", "samples": [{"prompt", "expected", "answer"}]}`` whenever the loss is measured.

    All processes of a launcher ask, because a sharded model answers only where all do; one of them is heard.
    Greedy, so that two steps differ by what was learnt and nothing else, and no random number is drawn.

    Args:
        task: the run; its validation rows are asked, a fixed few of them.
    """

    def __init__(self, task: Task) -> None:
        rows = task.validation
        self._task = task
        self._rows = [rows[at * len(rows) // PROMPTS] for at in range(PROMPTS)] if len(rows) > PROMPTS else list(rows)

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Ask the model that nothing has been taught yet; a resumed run has told that already."""
        if state.global_step == 0:
            self._tell(state, kwargs["model"])

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Ask again."""
        self._tell(state, kwargs["model"])

    def _tell(self, state: Any, model: Any) -> None:
        if not (self._rows and hasattr(model, "generate")):
            return  # a classifier's head writes nothing
        training = model.training
        model.eval()
        try:
            told = [
                {
                    "prompt": _shortened(row.messages[-1].content),
                    "expected": _shortened(row.answer),
                    "answer": _shortened(self._answer(row, model)),
                }
                for row in self._rows
            ]
        finally:
            model.train(training)
        self._task.progress({"step": state.global_step, "samples": told})

    def _answer(self, row: TrainingRow, model: Any) -> str:
        import torch

        tokenizer = self._task.tokenizer
        ids = torch.tensor([list(row.prompt_ids)], device=model.device)
        with torch.no_grad():
            found = model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=ANSWER_TOKENS,
                do_sample=False,
                use_cache=True,
                eos_token_id=tokenizer.eos_token_id,
                pad_token_id=tokenizer.eos_token_id,
            )
        return str(tokenizer.decode(found[0, ids.shape[1] :], skip_special_tokens=True)).strip()


def _shortened(text: str) -> str:
    """Return the end of a long text: a prompt with passages has its question there."""
    return text if len(text) <= SHOWN else "…" + text[1 - SHOWN :]
