"""Every kind of variant side by side in one run: each answer's receipt says what was switched on for it."""

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assistant.adapters import Manifest, hash_weights, publish
from assistant.models.pool import ModelPool
from assistant.paths import Home, data_root
from assistant.retrieval.library import Library
from assistant.settings import ModelSettings, Settings
from assistant.store import Store
from assistant.variants import VariantFactory
from eval.runner import run_suite
from eval.suite import load_suite

EMBEDDED = data_root() / "models" / "embedded"
SUITE = """\
suite: kinds
kind: qa
items: items.jsonl
documents: documents
primary: token_f1
sampling: {max_tokens: 8}
variants:
  zero-shot:
  rag: {k: 1}
  tuned: {adapters: [lora-1, lora-2]}
  rag-tuned: {adapter: lora-1, k: 1}
  soft: {recipe: zero_shot, adapter: soft}
  full: {recipe: zero_shot, adapter: whole}
  remote: {recipe: zero_shot, model: elsewhere}
"""
TUNED = {"tuned": "lora-1", "tuned#2": "lora-2", "rag-tuned": "lora-1", "soft": "soft", "full": "whole"}


class Stub(http.server.BaseHTTPRequestHandler):
    """An OpenAI-compatible server that always says the same."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        chunk: dict[str, Any] = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m"}
        choice = {"index": 0, "delta": {"content": "from elsewhere"}, "finish_reason": "stop"}
        lines = [json.dumps({**chunk, "choices": [choice]}), "[DONE]"]
        body = "".join(f"data: {line}\n\n" for line in lines).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stub)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    thread.join()
    server.server_close()


def put(home: Home, staging: Path, name: str, **manifest: Any) -> None:
    publish(staging, Manifest(name=name, base="embedded", base_hash=hash_weights(EMBEDDED), **manifest), home)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A state folder with two LoRA adapters of one recipe, a soft prompt and a whole model, all of random numbers."""
    import torch
    from peft import LoraConfig, PromptTuningConfig, get_peft_model
    from safetensors.torch import load_file, save_file
    from transformers import AutoModelForCausalLM

    made = Home(tmp_path / "home").create()
    configs: dict[str, tuple[Any, dict[str, Any]]] = {
        "lora-1": (LoraConfig(r=2, init_lora_weights=False, task_type="CAUSAL_LM"), {"method": "lora", "seed": 1}),
        "lora-2": (LoraConfig(r=2, init_lora_weights=False, task_type="CAUSAL_LM"), {"method": "lora", "seed": 2}),
        "soft": (PromptTuningConfig(num_virtual_tokens=4, task_type="CAUSAL_LM"), {"method": "prompt"}),
    }
    for number, (name, (config, manifest)) in enumerate(configs.items()):
        torch.manual_seed(number)
        model: Any = get_peft_model(AutoModelForCausalLM.from_pretrained(str(EMBEDDED), dtype=torch.float32), config)
        with torch.no_grad():
            for weight in (weight for weight in model.parameters() if weight.requires_grad):
                weight.add_(0.3 * torch.randn_like(weight))
        model.save_pretrained(str(tmp_path / name))
        put(made, tmp_path / name, name, **manifest)
    staging = tmp_path / "whole"
    staging.mkdir()
    for name in ("config.json", "generation_config.json"):
        (staging / name).write_bytes((EMBEDDED / name).read_bytes())
    tensors = {key: value for file in EMBEDDED.glob("*.safetensors") for key, value in load_file(file).items()}
    tensors["model.norm.weight"] *= -0.5
    save_file(tensors, staging / "model.safetensors", metadata={"format": "pt"})
    put(made, staging, "whole", method="full", kind="weights")
    return made


def test_every_kind_runs_beside_the_others_and_the_receipt_says_which(home: Home, tmp_path: Path, url: str) -> None:
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "bread.md").write_text("# Bread\n\nThe bread is ready at eight.", encoding="utf-8")
    rows = [{"question": f"When is bread number {at} ready?", "reference": "at eight"} for at in range(3)]
    (tmp_path / "items.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "suite.yaml").write_text(SUITE)
    settings = Settings(home=home.root, models={"elsewhere": ModelSettings(name="m", base_url=url)})
    store = Store(home.database)
    library, pool = Library(home, store, settings.retrieval), ModelPool(settings)
    try:
        variants = VariantFactory(settings, home, pool, library)
        result = run_suite(load_suite(tmp_path / "suite.yaml"), variants=variants, library=library, runs=home.runs)
    finally:
        pool.close()
        library.close()
        store.close()
    assert result.asked == 3 * len(result.answers) == 24
    said = {}
    for name, answers in result.answers.items():
        for answer in answers.values():
            assert (answer.error, answer.adapter) == ("", TUNED.get(name)), name
            assert answer.base.startswith("127.0.0.1" if name == "remote" else "embedded@")
        said[name] = [answer.text for answer in answers.values()]
    assert said["remote"] == ["from elsewhere"] * 3
    # None of them answers as the bare base does: each adapter was really on.
    assert all(said[name] != said["zero-shot"] for name in (*TUNED, "remote"))
    document = result.to_json()
    assert {name: entry["approach"] for name, entry in document["variants"].items()} == {
        "zero-shot": "prompt",
        "rag": "rag",
        "tuned": "tune",
        "rag-tuned": "rag+tune",
        "soft": "tune",
        "full": "tune",
        "remote": "prompt",
    }
    assert document["verdict"]["choice"] == "not_enough_evidence"
