"""Write a trained model as a folder that transformers loads: Qwen3 config, bf16 shards, tokenizer.

``python -m data.models.recipe.export --state FOLDER/state.pt --size small --out FOLDER`` exports a
saved state; training exports by itself at its end.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import torch

from .model import SHAPES, LanguageModel, Shape, load_weights, parameter_count

HERE = Path(__file__).parent
WINDOW = 512
SHARD = "15MB"


def config_of(shape: Shape) -> Any:
    """Return the transformers configuration of a shape."""
    from transformers import Qwen3Config

    return Qwen3Config(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.inner,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        head_dim=shape.head,
        max_position_embeddings=2048,
        rope_parameters={"rope_type": "default", "rope_theta": shape.theta},
        rms_norm_eps=shape.eps,
        tie_word_embeddings=True,
        attention_bias=False,
        use_sliding_window=False,
        bos_token_id=None,
        eos_token_id=4,
        pad_token_id=0,
    )


def shape_of(folder: Path) -> Shape:
    """Return the shape of an exported folder, read from its configuration."""
    values = json.loads((folder / "config.json").read_text("utf-8"))
    return Shape(
        vocabulary=values["vocab_size"],
        hidden=values["hidden_size"],
        layers=values["num_hidden_layers"],
        heads=values["num_attention_heads"],
        head=values["head_dim"],
        inner=values["intermediate_size"],
    )


def to_transformers(model: LanguageModel) -> Any:
    """Return an equal ``Qwen3ForCausalLM`` in fp32 on the CPU.

    Raises:
        ValueError: names of parameters do not match.
    """
    from transformers import Qwen3ForCausalLM

    twin = Qwen3ForCausalLM(config_of(model.shape)).eval()
    state = {name: value.detach().float().cpu() for name, value in model.state_dict().items()}
    result = twin.load_state_dict(state, strict=False)
    missing = [name for name in result.missing_keys if name != "lm_head.weight"]
    if missing or result.unexpected_keys:
        raise ValueError(f"cannot export: missing {missing}, unexpected {result.unexpected_keys}")
    twin.tie_weights()
    settings = twin.generation_config
    settings.eos_token_id, settings.pad_token_id = [4, 0], 0
    settings.do_sample, settings.max_new_tokens = False, 128
    return twin


def export(model: LanguageModel, tokenizer: Path, out: Path) -> None:
    """Write the folder: config, bf16 safetensors in shards of at most 15 MB, tokenizer, ``joyul.json``."""
    out.mkdir(parents=True, exist_ok=True)
    twin = to_transformers(model).to(torch.bfloat16)
    twin.save_pretrained(out, max_shard_size=SHARD)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copyfile(tokenizer / name, out / name)
    about = {"window": WINDOW, "languages": ["ko", "en"], "parameters": parameter_count(model), "stop_loops": True}
    (out / "joyul.json").write_text(json.dumps(about) + "\n", encoding="utf-8")


def main() -> None:
    """Export a saved training state or convert a model folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, required=True, help="state.pt of a run, or a model folder")
    parser.add_argument("--size", choices=sorted(SHAPES), default="small")
    parser.add_argument("--tokenizer", type=Path, default=HERE.parent / "embedded")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    model = LanguageModel(SHAPES[options.size])
    if options.state.is_dir():
        load_weights(model, options.state)
    else:
        model.load_state_dict(torch.load(options.state, map_location="cpu", weights_only=True)["mean"])
    export(model, options.tokenizer, options.out)


if __name__ == "__main__":
    main()
