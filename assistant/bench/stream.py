"""One stream through our model object beside ``model.generate``, and what sharing a batch brings."""

import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from assistant.bench import Figure
from assistant.models import open_model
from assistant.paths import data_root
from assistant.protocols import ChatModel
from assistant.schema import Message, Sampling, collect
from assistant.settings import EngineSettings, ModelSettings

ROUNDS = 7
TOKENS = 192
ROWS = (4, 16, 32)
QUESTION = [Message("user", "도서관 이용 시간과 휴관일을 알려 주세요. " * 8)]


def measure() -> list[Figure]:
    """Return tokens per second of both, their ratio (median of paired rounds), and the batch speed-ups.

    The weights are random, in the embedded model's shape: such a model never ends early, so both
    sides write the same number of tokens.
    """
    with tempfile.TemporaryDirectory() as folder:
        bare, prompt = _random_model(Path(folder))
        backend = open_model(ModelSettings(name=folder), EngineSettings(max_tokens=TOKENS))
        ours = backend.model()
        _ours(ours, 1)
        _bare(bare, prompt)
        pairs = [(_ours(ours, 1), _bare(bare, prompt)) for _ in range(ROUNDS)]
        alone = median(speed for speed, _ in pairs)
        batches = [
            Figure("stream", f"{rows} streams at once, tokens/s of one", _ours(ours, rows) / alone, "x")
            for rows in ROWS
        ]
        backend.close()
    ratio = median(mine / theirs for mine, theirs in pairs)
    return [
        Figure("stream", "one stream", alone, "tokens/s"),
        Figure("stream", "bare generate", median(theirs for _, theirs in pairs), "tokens/s"),
        Figure("stream", "ratio", ratio, "x", floor=0.95),
        *batches,
    ]


def _random_model(folder: Path) -> tuple[Any, Any]:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    source = data_root() / "models" / "embedded"
    torch.manual_seed(7)
    model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(source), dtype=torch.float32).eval()
    model.save_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(source)
    tokenizer.save_pretrained(folder)
    turns = [{"role": message.role, "content": message.content} for message in QUESTION]
    return model, tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_tensors="pt")


def _bare(model: Any, prompt: Any) -> float:
    import torch

    started = time.perf_counter()
    with torch.inference_mode():
        made = model.generate(**prompt, max_new_tokens=TOKENS, do_sample=False)
    return float(made.shape[1] - prompt["input_ids"].shape[1]) / (time.perf_counter() - started)


def _ours(model: ChatModel, rows: int) -> float:
    written = [0] * rows

    def work(row: int) -> None:
        written[row] = collect(model.stream(QUESTION, Sampling(max_tokens=TOKENS))).usage.completion_tokens

    started = time.perf_counter()
    _run_all([threading.Thread(target=work, args=(row,)) for row in range(rows)])
    return sum(written) / (time.perf_counter() - started)


def _run_all(threads: Sequence[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
