"""From start to a first answer, beside the bare imports and model load that no such app can avoid."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import httpx

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
    """Return the seconds to ready and to a first answer, those of the bare imports and load, and the ratio.

    The model loads while the page is already up, so the ratio counts up to the first answer.
    """
    folder = str(data_root() / "models" / "embedded")
    ours, ready, bare = [], [], []
    with tempfile.TemporaryDirectory() as home:
        with serving(Path(home)):
            pass  # installs the demo, which later starts find done
        for _ in range(ROUNDS):
            started = time.perf_counter()
            subprocess.run([sys.executable, "-c", "import assistant\n" + BARE.format(folder=folder)], check=True)
            bare.append(time.perf_counter() - started)
            started = time.perf_counter()
            with serving(Path(home)) as server:
                ready.append(server.seconds)
                _answer(server.url)
                ours.append(time.perf_counter() - started)
    return [
        Figure("startup", "start to ready", median(ready), "s"),
        Figure("startup", "start to the end of a first short answer", median(ours), "s"),
        Figure("startup", "bare imports and model load", median(bare), "s"),
        Figure("startup", "ratio", median(ours) / median(bare), "x", ceiling=1.3),
    ]


def _answer(url: str) -> None:
    body = {"model": "zero-shot", "messages": [{"role": "user", "content": "안녕하세요"}], "max_tokens": 1}
    httpx.post(f"{url}/v1/chat/completions", json=body, timeout=120).raise_for_status()
