"""A new adapter: how soon a running app answers with it, and what memory the tenth one takes beside its own size."""

import gc
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

import httpx
import psutil
import yaml

from assistant.adapters import WEIGHTS, Adapter, Manifest, publish
from assistant.bench import Figure
from assistant.bench.server import Server, serving
from assistant.jobs.launch import enqueue, follow
from assistant.models import open_model
from assistant.paths import Home, data_root
from assistant.schema import Message, Sampling, collect
from assistant.settings import EngineSettings, ModelSettings, load_settings
from tuning.base import open_base
from tuning.prepare import prepare
from tuning.schema import load_recipe

# PEFT's modules around an adapter's tensors are some 0.6 MB, whatever their size.
MOST_SECONDS, MOST_SIZE = 2.0, 1.1
PATIENCE_SECONDS = 60.0
ROWS, MANY = 32, 10
RANK = 64  # large enough that an adapter is more than what memory figures vary by


def measure() -> list[Figure]:
    """Return the seconds from a job's end to an answer of the running app, and the growth by the tenth adapter."""
    with tempfile.TemporaryDirectory() as name:
        home = Home(Path(name) / "home").create()
        # Nothing is searched for: the embedder that is quickest to start with.
        with serving(home.root, "--no-page", "--set", "retrieval.embedder=hashing") as server:
            _ask(server, "default")
            seconds = _answered(server, home)
        size, growth = _tenth(home)
    return [
        Figure("adapters", "from a job's end to the new adapter's first answer", seconds, "s", ceiling=MOST_SECONDS),
        Figure("adapters", "one adapter on disk", size / 2**20, "MB"),
        Figure("adapters", "memory that the tenth one takes, to its size", growth / size, "x", ceiling=MOST_SIZE),
    ]


def _answered(server: Server, home: Home) -> float:
    rows, file = home.root.parent / "rows.jsonl", home.root.parent / "recipe.yaml"
    lines = (data_root() / "demo" / "triage" / "train.jsonl").read_text("utf-8").splitlines(keepends=True)
    rows.write_text("".join(lines[:ROWS]), "utf-8")
    recipe = {"name": "fresh", "data": rows.name, "steps": 4, "batch_size": 4, "after": {"forgetting": False}}
    file.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    settings = load_settings(overrides={"home": home.root})
    job = prepare(load_recipe(file), home=home, settings=settings, retriever_for=None)
    enqueue(job)
    for _ in follow(job):
        pass
    ended = job.read().ended
    while not _ask(server, "fresh"):
        if time.time() - ended > PATIENCE_SECONDS:
            raise RuntimeError(f"no answer: {job.read()}")
        time.sleep(0.05)
    return time.time() - ended


def _ask(server: Server, model: str) -> bool:
    body = {"model": model, "max_tokens": 1, "messages": [{"role": "user", "content": "책을 잃어버렸어요."}]}
    return httpx.post(f"{server.url}/v1/chat/completions", json=body, timeout=60).is_success


def _tenth(home: Home) -> tuple[int, int]:
    """Return the bytes of an adapter on disk, and those that the process grew by when it answered with the tenth."""
    with get_context("spawn").Pool(1) as helper:  # what making them leaves free would hide what they take
        adapters = helper.apply(_made, (home,))
    backend = open_model(ModelSettings(), EngineSettings())
    held = []
    for adapter in adapters:
        collect(backend.model(adapter).stream([Message("user", "책을 잃어버렸어요.")], Sampling(max_tokens=4)))
        gc.collect()
        held.append(psutil.Process().memory_info().rss)
    backend.close()
    return (adapters[-1].path / WEIGHTS).stat().st_size, held[-1] - held[-2]


def _made(home: Home) -> list[Adapter]:
    import torch
    from peft import LoraConfig, get_peft_model

    base = open_base(ModelSettings())
    model = get_peft_model(base.model, LoraConfig(r=RANK, target_modules="all-linear", task_type="CAUSAL_LM"))
    made = []
    for number in range(1, MANY + 1):
        torch.manual_seed(number)  # equal weights would be held once
        for weights in model.parameters():
            if weights.requires_grad:
                torch.nn.init.normal_(weights, std=0.01)
        staging = home.root / "adapters" / f".staging-{number}"
        model.save_pretrained(str(staging))
        (staging / "README.md").unlink(missing_ok=True)
        made.append(publish(staging, Manifest(f"a{number}", base.name, base.hash, "lora"), home))
    return made
