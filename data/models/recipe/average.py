"""Average the weights of trained models: ``python -m data.models.recipe.average FOLDER FOLDER=0.5 --out FOLDER``.

Runs that started from the same weights lie in one valley, and their mean often beats each of them
(Wortsman et al., 2022, "Model soups"). Without shares all count alike.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch

from .export import export, shape_of
from .model import LanguageModel, load_weights


def parts_of(texts: Sequence[str]) -> list[tuple[Path, float]]:
    """Return folders and their shares of lines like ``FOLDER`` or ``FOLDER=0.3``.

    Raises:
        ValueError: shares are given for some folders only, or do not add up to one.
    """
    split = [text.rsplit("=", 1) for text in texts]
    if all(len(part) == 1 for part in split):
        return [(Path(part[0]), 1 / len(split)) for part in split]
    if any(len(part) == 1 for part in split):
        raise ValueError("give every folder a share, or none")
    parts = [(Path(folder), float(share)) for folder, share in split]
    total = sum(share for _, share in parts)
    if abs(total - 1) > 1e-6:
        raise ValueError(f"the shares add up to {total:g}, not to 1")
    return parts


def average(parts: Sequence[tuple[Path, float]]) -> LanguageModel:
    """Return a model whose weights are the weighted mean of the folders'; all must have one shape.

    Raises:
        ValueError: a folder holds a model of another shape.
    """
    shape = shape_of(parts[0][0])
    result = LanguageModel(shape)
    mean = {name: torch.zeros_like(value) for name, value in result.state_dict().items()}
    for folder, share in parts:
        if shape_of(folder) != shape:
            raise ValueError(f"{folder} has another shape than {parts[0][0]}")
        model = LanguageModel(shape)
        load_weights(model, folder)
        for name, value in model.state_dict().items():
            mean[name] += share * value
    result.load_state_dict(mean)
    return result


def main() -> None:
    """Average as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="+", help="model folders, each with =SHARE or none")
    parser.add_argument("--tokenizer", type=Path, help="folder with the tokenizer; the first model's by default")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    parts = parts_of(options.parts)
    export(average(parts), options.tokenizer or parts[0][0], options.out)


if __name__ == "__main__":
    main()
