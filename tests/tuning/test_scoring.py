"""Only trained positions meet the vocabulary, and the loss does not change."""

from typing import Any

import pytest
import torch
from trl.trainer import utils

from assistant.paths import data_root
from tuning.methods.sft import scoring_answers_only


def test_prompts_are_not_scored_and_the_loss_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(data_root() / "models" / "embedded", dtype=torch.float32)
    utils.add_fused_lm_head(model)
    ids = torch.arange(100, 124).reshape(2, 12)
    labels = ids.clone()
    labels[0, :9], labels[1, :7] = -100, -100
    scored: list[int] = []
    apply = utils._ChunkedLogProbFunction.apply

    def counting(hidden: torch.Tensor, *rest: Any) -> Any:
        scored.append(hidden.shape[0])
        return apply(hidden, *rest)

    monkeypatch.setattr(utils._ChunkedLogProbFunction, "apply", counting)
    plain = model(input_ids=ids, labels=labels, fused_lm_head=True).loss
    with scoring_answers_only():
        short = model(input_ids=ids, labels=labels, fused_lm_head=True).loss
    again = model(input_ids=ids, labels=labels, fused_lm_head=True).loss
    assert scored == [22, 8, 22]
    assert short.item() == pytest.approx(plain.item(), rel=1e-6) and again.item() == plain.item()
