"""Few-parameter methods of PEFT: IA3 scales activations, soft prompts are learnt positions before the text.

IA3 (Liu et al. 2022, arXiv 2205.05638); prompt tuning (Lester et al. 2021, arXiv 2104.08691) learns
embeddings, p-tuning (Liu et al. 2021, arXiv 2103.10385) makes them with a small network, prefix
tuning (Li and Liang 2021, arXiv 2101.00190) learns the keys and values of every layer.
"""

from collections.abc import Callable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tuning.methods import Method
from tuning.methods.lora import save_adapter, target_names
from tuning.methods.sft import Outcome, Task, train_sft


class _Params(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Ia3Params(_Params):
    """The linear modules whose outputs are scaled, and those whose inputs are (the feed-forward ones)."""

    target_modules: Literal["all-linear"] | list[str] = ["k_proj", "v_proj"]
    feedforward_modules: list[str] = ["down_proj"]


class PromptParams(_Params):
    """``tokens`` learnt positions; they begin as the words of ``text`` over and over, or as random words."""

    tokens: int = Field(16, ge=1, le=512)
    text: str = ""


class PTuningParams(_Params):
    """``tokens`` learnt positions, made by a network of ``hidden`` units; 0 takes the base's width."""

    tokens: int = Field(16, ge=1, le=512)
    hidden: int = Field(0, ge=0, le=16384)


class PrefixParams(_Params):
    """``tokens`` learnt keys and values in every layer; ``projection`` makes them with a small network."""

    tokens: int = Field(16, ge=1, le=512)
    projection: bool = False


def _ia3(task: Task, params: Any) -> Any:
    from peft import IA3Config

    outputs = list(target_names(task.model, params.target_modules))
    inputs = params.feedforward_modules
    target_names(task.model, inputs or outputs, "feedforward_modules")
    return IA3Config(
        target_modules=sorted({*outputs, *inputs}),
        feedforward_modules=sorted(inputs),
        task_type="CAUSAL_LM",
    )


def _prompt(task: Task, params: Any) -> Any:
    from peft import PromptTuningConfig

    # Real words are a better beginning than random numbers (Lester et al., section 3.2).
    return PromptTuningConfig(
        num_virtual_tokens=params.tokens, prompt_tuning_init="SAMPLE_VOCAB", task_type="CAUSAL_LM"
    )


def _p_tuning(task: Task, params: Any) -> Any:
    from peft import PromptEncoderConfig

    width = task.model.config.get_text_config().hidden_size
    return PromptEncoderConfig(
        num_virtual_tokens=params.tokens, encoder_hidden_size=params.hidden or width, task_type="CAUSAL_LM"
    )


def _prefix(task: Task, params: Any) -> Any:
    from peft import PrefixTuningConfig

    width = task.model.config.get_text_config().hidden_size
    return PrefixTuningConfig(
        num_virtual_tokens=params.tokens,
        prefix_projection=params.projection,
        encoder_hidden_size=width,
        task_type="CAUSAL_LM",
    )


def _begin_with(model: Any, task: Task, text: str) -> None:
    """Set the learnt positions to the embeddings of a text, repeated until it fills them."""
    import torch

    ids = task.tokenizer(text, add_special_tokens=False)["input_ids"]
    places = model.prompt_encoder["default"].embedding.weight
    repeated = [ids[place % len(ids)] for place in range(len(places))]
    words = task.model.get_input_embeddings().weight
    with torch.no_grad():
        places.copy_(words[torch.tensor(repeated, device=words.device)])


def _trainer(schema: type[_Params], configure: Callable[[Task, Any], Any]) -> Callable[[Task], Outcome]:
    def train(task: Task) -> Outcome:
        """Train and save, unless the run was cancelled.

        Raises:
            UsageError: a target module does not exist.
            InputError, ResourceError: see :func:`tuning.methods.sft.fit`.
        """
        from peft import get_peft_model
        from transformers import set_seed

        params = schema(**task.recipe.params)
        config = configure(task, params)
        set_seed(task.recipe.seed)
        model: Any = get_peft_model(task.model, config)
        if isinstance(params, PromptParams) and params.text.strip():
            _begin_with(model, task, params.text)
        outcome = train_sft(task, model)
        if outcome.status == "succeeded":
            save_adapter(task, model)
        return outcome

    return train


IA3 = Method(params=Ia3Params, train=_trainer(Ia3Params, _ia3), rates=(3e-2, 8e-3))
PROMPT_TUNING = Method(params=PromptParams, train=_trainer(PromptParams, _prompt), rates=(0.3, 0.03))
P_TUNING = Method(params=PTuningParams, train=_trainer(PTuningParams, _p_tuning), rates=(0.02, 1e-3))
PREFIX_TUNING = Method(params=PrefixParams, train=_trainer(PrefixParams, _prefix), rates=(0.1, 0.01))
