"""From start to ready, beside the bare imports and model load that no such app can avoid."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from assistant.bench import Figure
from assistant.bench.server import serving
from assistant.paths import data_root

ROUNDS = 3
BARE = """
import gradio, fastapi, uvicorn, torch, chromadb, peft
from transformers import AutoModelForCausalLM, AutoTokenizer
AutoTokenizer.from_pretrained({folder!r}); AutoModelForCausalLM.from_pretrained({folder!r}, dtype=torch.float32)
"""


def measure() -> list[Figure]:
    """Return the seconds to ready, those of the bare imports and load, and their ratio (paired rounds)."""
    folder = str(data_root() / "models" / "embedded")
    ours, bare = [], []
    with tempfile.TemporaryDirectory() as home:
        with serving(Path(home)):
            pass  # installs the demo, which later starts find done
        for _ in range(ROUNDS):
            started = time.perf_counter()
            subprocess.run([sys.executable, "-c", "import assistant\n" + BARE.format(folder=folder)], check=True)
            bare.append(time.perf_counter() - started)
            with serving(Path(home)) as server:
                ours.append(server.seconds)
    return [
        Figure("startup", "start to ready", median(ours), "s"),
        Figure("startup", "bare imports and model load", median(bare), "s"),
        Figure("startup", "ratio", median(ours) / median(bare), "x", ceiling=1.3),
    ]
