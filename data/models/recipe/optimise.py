"""Muon for matrices, AdamW for the rest, and the learning-rate schedule.

Muon: Jordan et al. 2024 (momentum, then an approximate orthogonalisation by a quintic Newton-Schulz
iteration). Matrices of one shape are stepped together.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

_A, _B, _C = 3.4445, -4.7750, 2.0315


def orthogonalise(gradients: Tensor, rounds: int = 5) -> Tensor:
    """Return matrices (count, rows, columns) with singular values near one."""
    x: Tensor = gradients.bfloat16()
    tall = x.size(-2) > x.size(-1)
    if tall:
        x = x.mT
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(rounds):
        square = x @ x.mT
        x = _A * x + (_B * square + _C * square @ square) @ x
    result: Tensor = x.mT if tall else x
    return result


class Optimiser:
    """Both optimisers behind ``step(progress)`` with one schedule; its state can be saved."""

    def __init__(self, model: nn.Module, muon_lr: float, adam_lr: float, decay_from: float, warm_steps: int) -> None:
        self.muon_lr, self.adam_lr = muon_lr, adam_lr
        self.decay_from, self.warm_steps = decay_from, warm_steps
        self.steps = 0
        self.groups: dict[tuple[int, ...], list[nn.Parameter]] = {}
        rest = []
        for name, parameter in model.named_parameters():
            if parameter.ndim == 2 and "embed_tokens" not in name:
                self.groups.setdefault(tuple(parameter.shape), []).append(parameter)
            else:
                rest.append(parameter)
        self.rest = rest
        self.momentum = {s: torch.zeros(len(ps), *s, device=ps[0].device) for s, ps in self.groups.items()}
        decayed = [{"params": [p], "weight_decay": 0.01 if p.ndim == 2 else 0.0} for p in rest]
        self.adam = torch.optim.AdamW(decayed, lr=adam_lr, betas=(0.9, 0.98), eps=1e-10)

    def scale(self, progress: float) -> float:
        """Return the learning-rate factor: short warm-up, flat, then linear to 2 % at progress 1."""
        warm = min(1.0, (self.steps + 1) / self.warm_steps)
        if progress <= self.decay_from:
            return warm
        return warm * max(0.02, (1 - progress) / (1 - self.decay_from))

    @torch.no_grad()
    def step(self, progress: float) -> float:
        """Update all weights, clear gradients and return the factor used."""
        factor = self.scale(progress)
        blend = 1 - min(0.95, 0.85 + self.steps / 3000)
        for shape, parameters in self.groups.items():
            gradient = torch.stack([p.grad for p in parameters if p.grad is not None])
            momentum = self.momentum[shape]
            momentum.lerp_(gradient, blend)
            update = orthogonalise(gradient.lerp(momentum, 1 - blend)).float() * max(1.0, shape[0] / shape[1]) ** 0.5
            rate = self.muon_lr * factor
            for parameter, change in zip(parameters, update, strict=True):
                parameter.mul_(1 - rate * 0.01).add_(change, alpha=-rate)
                parameter.grad = None
        torch.nn.utils.clip_grad_norm_(self.rest, 1.0)
        for group in self.adam.param_groups:
            group["lr"] = self.adam_lr * factor
        self.adam.step()
        self.adam.zero_grad()
        self.steps += 1
        return factor

    def state(self) -> dict[str, Any]:
        """Return everything needed to go on as if never stopped."""
        return {"steps": self.steps, "adam": self.adam.state_dict(), "momentum": list(self.momentum.values())}

    def restore(self, state: dict[str, Any]) -> None:
        """Take back what ``state`` returned."""
        self.steps = state["steps"]
        self.adam.load_state_dict(state["adam"])
        for target, saved in zip(self.momentum.values(), state["momentum"], strict=True):
            target.copy_(saved)
