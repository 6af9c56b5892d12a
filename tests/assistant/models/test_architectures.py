"""Models of many families, tiny and random, through the same door: open, chat, batch, tune, reload."""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from assistant.adapters import Adapter
from assistant.models.chat_format import FALLBACK
from assistant.models.engine import Request, Ticket
from assistant.models.local import LocalBackend, open_local
from assistant.paths import data_root
from assistant.protocols import ChatModel, Scorer, Window
from assistant.schema import Message, Sampling, collect
from assistant.settings import EngineSettings, ModelSettings

EMBEDDED = data_root() / "models" / "embedded"
SIZE: dict[str, Any] = {
    "vocab_size": 8192,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "num_hidden_layers": 2,
    "max_position_embeddings": 512,
    "bos_token_id": None,
    "eos_token_id": 4,
    "pad_token_id": 0,
}
WINDOW = 16  # shorter than every prompt below, so that sliding layers do slide


@dataclass(frozen=True)
class Family:
    """A configuration class, what makes it typical, and and what its rows may share."""

    config: str
    extra: dict[str, Any]
    sharing: str
    template: bool = True


FAMILIES = {
    "qwen3": Family("Qwen3Config", {"head_dim": 16}, sharing="join"),
    "llama": Family(
        "LlamaConfig",
        {
            "rope_parameters": {
                "rope_type": "llama3",
                "rope_theta": 1e4,
                "factor": 4.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 128,
            }
        },
        sharing="join",
    ),
    "gemma3": Family(
        "Gemma3TextConfig",
        {
            "head_dim": 16,
            "sliding_window": WINDOW,
            "layer_types": ["sliding_attention", "full_attention"],
            "query_pre_attn_scalar": 16,
            "tie_word_embeddings": False,
        },
        sharing="together",
    ),
    "mistral": Family("MistralConfig", {"head_dim": 16, "sliding_window": WINDOW}, sharing="together", template=False),
    "mistral-full": Family("MistralConfig", {"head_dim": 16, "sliding_window": None}, sharing="join"),
    "phi3": Family("Phi3Config", {"sliding_window": WINDOW}, sharing="together"),
    "phi3-longrope": Family(
        "Phi3Config",
        {
            "original_max_position_embeddings": 40,
            "rope_parameters": {
                "rope_type": "longrope",
                "rope_theta": 1e4,
                "short_factor": [1.0] * 8,
                "long_factor": [2.0] * 8,
                "original_max_position_embeddings": 40,
                "partial_rotary_factor": 1.0,
            },
        },
        sharing="alone",
    ),
    "olmo2": Family("Olmo2Config", {}, sharing="join", template=False),
    "smollm3": Family("SmolLM3Config", {"no_rope_layers": [1, 0]}, sharing="join"),
    "exaone4": Family(
        "Exaone4Config",
        {
            "head_dim": 16,
            "sliding_window": WINDOW,
            "sliding_window_pattern": "LG",
            "layer_types": ["sliding_attention", "full_attention"],
        },
        sharing="together",
    ),
}
QUESTIONS = [
    [
        Message(
            "user", "문서 1: 하늘 도서관은 아침 9시에 열고 저녁 6시에 닫습니다. 월요일은 쉽니다.\n\n질문: 언제 여나요?"
        )
    ],
    [Message("system", "Answer in a word."), Message("user", "When does the library open on ordinary days, please?")],
    [
        Message("user", "안녕하세요, 반갑습니다. 오늘은 무엇을 하나요?"),
        Message("assistant", "네, 안녕하세요!"),
        Message("user", "주말은요?"),
    ],
    [Message("user", "The quick brown fox jumps over the lazy dog, again and again and again, until the evening.")],
]


def _build(folder: Path, family: Family) -> Path:
    import torch
    import transformers

    torch.manual_seed(3)
    config = getattr(transformers, family.config)(**{**SIZE, **family.extra})
    model = transformers.AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for weight in model.parameters():  # wider than the usual start, so that greedy choices are clear
            if weight.ndim > 1:
                weight.normal_(0, 0.12)
    model.save_pretrained(str(folder))
    for name in ("tokenizer.json", "tokenizer_config.json", *(["chat_template.jinja"] if family.template else [])):
        shutil.copy(EMBEDDED / name, folder / name)
    return folder


@pytest.fixture(scope="module", params=sorted(FAMILIES))
def opened(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    family = FAMILIES[request.param]
    folder = _build(tmp_path_factory.mktemp("models") / request.param, family)
    backend = open_local(ModelSettings(name=str(folder)), EngineSettings(max_tokens=24))
    yield family, backend, folder
    backend.close()


def _greedy(model: Any, ids: list[int], count: int, ends: frozenset[int]) -> list[int]:
    import torch

    with torch.inference_mode():
        out = model.generate(
            input_ids=torch.tensor([ids]),
            attention_mask=torch.ones(1, len(ids), dtype=torch.long),
            max_new_tokens=count,
            do_sample=False,
            eos_token_id=sorted(ends),
        )
    tokens: list[int] = out[0, len(ids) :].tolist()
    return tokens[: len(tokens) - (tokens[-1] in ends)]


def _together(backend: LocalBackend, keys: list[str | None], count: int = 16) -> list[list[int]]:
    prompts = [backend.format.encode(question) for question in QUESTIONS]
    tickets = [
        backend.engine.submit(Request(prompt, Sampling(), key, count, backend.ends))
        for prompt, key in zip(prompts, keys, strict=True)
    ]
    answers: list[list[int]] = []
    for ticket in tickets:
        answers.append([])
        while not ticket.ended:
            answers[-1] += ticket.read(10)
    return answers


def _one_by_one(backend: LocalBackend, keys: list[str | None], count: int = 16) -> list[list[int]]:
    """Each starts while the one before is being written."""
    answers: list[list[int]] = []
    tickets: list[Ticket] = []
    for question, key in zip(QUESTIONS, keys, strict=True):
        request = Request(backend.format.encode(question), Sampling(), key, count, backend.ends)
        tickets.append(backend.engine.submit(request))
        answers.append(tickets[-1].read(10))
    for ticket, answer in zip(tickets, answers, strict=True):
        while not ticket.ended:
            answer += ticket.read(10)
    return answers


def test_it_opens_chats_and_counts(opened: Any) -> None:
    family, backend, folder = opened
    assert backend.base == f"{folder.name}@{backend.base_hash[:8]}"
    assert backend.window == 512
    assert backend.engine.sharing.kind == family.sharing
    assert (backend.format.tokenizer.chat_template == FALLBACK) == (not family.template)
    model = backend.model()
    assert isinstance(model, ChatModel)
    assert isinstance(model, Scorer)
    assert isinstance(model, Window)
    answer = collect(model.stream(QUESTIONS[1], Sampling(max_tokens=12)))
    assert answer.finish in ("stop", "length")
    assert answer.usage.prompt_tokens == model.count_tokens(QUESTIONS[1]) > WINDOW
    assert all(loss > 0 for loss in model.losses(["The library opens at nine.", "도서관은 9시에 열어요."]))


def test_four_at_once_equal_generate_alone(opened: Any, with_adapter: Callable[..., Any]) -> None:
    _, backend, folder = opened
    plain = with_adapter(None, folder)
    wanted = [_greedy(plain, backend.format.encode(question), 16, backend.ends) for question in QUESTIONS]
    assert len({token for answer in wanted for token in answer}) > 20  # no stammering, so equal means something
    assert _together(backend, [None] * 4) == wanted
    assert _one_by_one(backend, [None] * 4) == wanted
    with ThreadPoolExecutor(4) as pool:  # and through the model object, as text
        texts = list(
            pool.map(lambda ask: collect(backend.model().stream(ask, Sampling(max_tokens=16))).text, QUESTIONS)
        )
    alone = [collect(backend.model().stream(ask, Sampling(max_tokens=16))).text for ask in QUESTIONS]
    assert texts == alone


def test_one_lora_step_saved_and_reloaded_answers_as_peft_does(
    opened: Any, install_adapter: Callable[..., Adapter], with_adapter: Callable[..., Any], tmp_path: Path
) -> None:
    import torch
    from peft import LoraConfig, get_peft_model

    _, backend, folder = opened
    torch.manual_seed(5)
    model = get_peft_model(
        with_adapter(None, folder, fresh=True), LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM")
    )
    optimiser = torch.optim.SGD([weight for weight in model.parameters() if weight.requires_grad], lr=30.0)
    ids = torch.tensor([backend.format.encode(QUESTIONS[0])])
    model.train()
    model(input_ids=ids, labels=ids).loss.backward()
    optimiser.step()
    model.save_pretrained(str(tmp_path / "staging"))
    adapter = install_adapter(tmp_path / "staging", f"one-step-{folder.name}", folder)
    key = backend.model(adapter)._key
    reference = with_adapter(adapter, folder)
    wanted = [_greedy(reference, backend.format.encode(question), 16, backend.ends) for question in QUESTIONS]
    base = _together(backend, [None] * 4)
    assert wanted != base  # the step changed something
    assert _together(backend, [key] * 4) == wanted
    mixed = _together(backend, [key, None, key, None])
    assert mixed == [wanted[0], base[1], wanted[2], base[3]]
    answer = collect(backend.model(adapter).stream(QUESTIONS[0], Sampling(max_tokens=8)))
    assert answer.origin is not None
    assert answer.origin.adapter == adapter.name
