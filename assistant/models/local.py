"""A model in this process: transformers weights, one engine, adapters by name."""

import json
import logging
import math
import threading
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

from assistant.adapters import Adapter, check_fits, hash_weights, verify
from assistant.errors import DamagedError, InputError, JoyulError, RefusedError, ResourceError, UnavailableError
from assistant.lora_files import read_header
from assistant.models.chat_format import ChatFormat
from assistant.models.classifier import told
from assistant.models.context import fit, prompt_room
from assistant.models.engine import Engine, Request
from assistant.models.hub import resolve
from assistant.models.loops import Loops
from assistant.models.scoring import continuation_scores, mean_losses
from assistant.models.stream_text import AnswerText
from assistant.models.whole import Shelf, WholeModel
from assistant.schema import Delta, Message, Origin, Sampling, Usage, digest
from assistant.settings import EngineSettings, ModelSettings

logger = logging.getLogger(__name__)
POLL_SECONDS = 0.2  # the longest a stream is silent; see protocols.ChatModel
BILLION = 1_000_000_000


class LocalModel:
    """The base, or the base with one adapter; many may stream at once. Also a ``Window`` and a ``Scorer``."""

    def __init__(self, backend: "LocalBackend", adapter: str | None = None, key: str | None = None) -> None:
        self._backend = backend
        self._key = key
        self._origin = Origin(backend.base, adapter)
        before = backend.engine.bank.prefix(key)  # a soft prompt takes its place from the text
        self._positions = backend.positions - before
        self.window = min(backend.window, self._positions)

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Return the prompt length in tokens after the chat template."""
        return len(self._backend.format.encode(messages))

    def stream(self, messages: Sequence[Message], sampling: Sampling) -> Generator[Delta, None, None]:
        """Yield the answer; see ``protocols.ChatModel``.

        Raises:
            InputError: the conversation is empty or the system prompt fills the window.
            JoyulError: the engine failed or was closed.
        """
        yield Delta()
        backend = self._backend
        limit = min(sampling.max_tokens, backend.settings.max_tokens)
        budget = prompt_room(self.window, limit)
        fitted = fit(messages, budget, self.count_tokens)
        for notice in fitted.notices:
            yield Delta(notice=notice)
        prompt = backend.format.encode(fitted.messages)
        key, bank = self._key, backend.engine.bank
        if key is not None and bank.classifies(key):
            yield from told(lambda: backend.engine.later(lambda: bank.label(key, prompt)), POLL_SECONDS)
            yield Delta(usage=Usage(len(prompt), 0), finish="stop", origin=self._origin)
            return
        room = max(1, min(limit, self._positions - len(prompt)))
        ticket = backend.engine.submit(Request(prompt, sampling, key, room, backend.ends))
        text = AnswerText(backend.format.decode, (*sampling.stop, *backend.format.stops))
        loops = Loops(backend.stops_loops)
        try:
            while not (ticket.ended or text.stopped or loops.found):
                yield Delta(text=text.add(loops.until_found(ticket.read(POLL_SECONDS))))
            if rest := text.finish():
                yield Delta(text=rest)
            finish = "stop" if text.stopped else "loop" if loops.found else ticket.finish
            yield Delta(usage=Usage(len(prompt), text.used), finish=finish, origin=self._origin)
        finally:
            ticket.cancel()

    def losses(self, texts: Sequence[str]) -> list[float]:
        """Return the mean cross-entropy in nats per token of each text.

        Raises:
            InputError: a text is empty.
        """
        ids = [self._backend.format.text_ids(text) for text in texts]
        return mean_losses(self._backend.engine, ids, self._key, self._positions)

    def continuations(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[float, bool]]:
        """Return the log probability in nats of each second text after the first, and whether it is the likeliest."""
        encode = self._backend.format.text_ids
        return continuation_scores(self._backend.engine, encode, pairs, self._key, self._positions)


class LocalBackend:
    """One base model in memory with its engine.

    Args:
        folder: what ``hub.resolve`` returned.
        name: what a person called it.
        model_settings: device, dtype and window.
        settings: rows and answer length.
        weights: a folder whose weights and configuration are loaded instead of the base's own.

    Raises:
        UnavailableError: transformers cannot load it.
        RefusedError: it needs code of its own.
        DamagedError: its weights are damaged.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        model_settings: ModelSettings,
        settings: EngineSettings,
        weights: Path | None = None,
    ) -> None:
        self.settings = settings
        self.folder = folder
        self.base_hash = hash_weights(folder)
        self.base = f"{name}@{self.base_hash[:8]}"
        self.format = ChatFormat(folder)
        model = load_weights(weights or folder, model_settings)
        self._name, self._model_settings = name, model_settings
        self.shelf = Shelf(settings.weights_mb * 1_000_000)
        config = model.config.get_text_config(decoder=True)
        self.positions = int(getattr(config, "max_position_embeddings", 0) or 4096)
        card = load_card(folder)
        self.stops_loops = bool(card.get("stop_loops"))
        limits = [self.positions, int(card.get("window") or 0), model_settings.window]
        self.window = min(limit for limit in limits if limit > 0)
        self.ends = _end_tokens(model, self.format.tokenizer)
        self.shapes = {
            module: tuple(layer.weight.shape)
            for module, layer in model.named_modules()
            if getattr(layer, "weight", None) is not None
        }
        self.engine = Engine(model, settings.max_rows)
        self._lock = threading.Lock()
        logger.info("%s opened, window %d, rows %s", self.base, self.window, self.engine.sharing.kind)

    def model(self, adapter: Adapter | None = None) -> "LocalModel | WholeModel":
        """Return the model with or without an adapter, loading that at first use.

        An adapter that was replaced on disk is another one: it is known by its weights and settings.

        Raises:
            InputError: it does not fit this base.
            DamagedError: its weights are not those of its manifest.
            RefusedError: its folder holds a pickle.
        """
        if adapter is None:
            return LocalModel(self)
        config = check_fits(adapter, self.base_hash, self.shapes)
        verify(adapter)
        if adapter.manifest.kind == "weights":
            return self._whole(adapter)
        key = digest([hash_weights(adapter.path), config], 64)
        with self._lock:
            if key not in self.engine.bank:
                self.engine.call(lambda: self.engine.bank.add(key, adapter, config))
        return LocalModel(self, adapter.name, key)

    def _whole(self, adapter: Adapter) -> WholeModel:
        settings = self._model_settings

        def load() -> LocalBackend:
            return LocalBackend(self.folder, self._name, settings, self.settings, adapter.path)

        return WholeModel(
            self.shelf,
            hash_weights(adapter.path),
            sum(file.stat().st_size for file in adapter.path.glob("*.safetensors")),
            load,
            lambda backend: LocalModel(backend, adapter.name),
        )

    def memory_mb(self) -> float:
        """Return the megabytes that weights, adapters and live answers hold, whole tuned models too."""
        return self.engine.call(self.engine.memory) / 1e6 + self.shelf.used / 1e6

    def close(self) -> None:
        """Stop the engine, and those of whole tuned models; open streams end with an error."""
        self.shelf.close()
        self.engine.close()


def open_local(settings: ModelSettings, engine: EngineSettings) -> LocalBackend:
    """Open the embedded model, a folder, or a hub id.

    Raises:
        UnavailableError: it cannot be found, reached or loaded.
        RefusedError: it needs code of its own or holds no safetensors.
        DamagedError: its files are damaged.
    """
    folder = resolve(settings)
    name = Path(settings.name).expanduser().resolve().name if Path(settings.name).is_dir() else settings.name
    return LocalBackend(folder, name, settings, engine)


def load_card(folder: Path) -> dict[str, Any]:
    """Return ``joyul.json``, which says what a model was really trained for; empty where there is none."""
    try:
        card = json.loads((folder / "joyul.json").read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise DamagedError(f"{folder}/joyul.json: not readable JSON ({error!s:.80})", "mend or remove it") from error
    return card if isinstance(card, dict) else {}


def _end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """Return every token id that ends an answer, by generation settings, configuration and tokenizer."""
    ends: set[int] = set()
    for source in (model.generation_config.eos_token_id, model.config.eos_token_id, tokenizer.eos_token_id):
        ends.update([source] if isinstance(source, int) else source or ())
    return frozenset(ends)


_UNLOADABLE = (OSError, ValueError, KeyError, ImportError, RuntimeError, TypeError, AttributeError)


def load_config(folder: Path) -> Any:
    """Return the transformers configuration of a folder.

    Raises:
        UnavailableError, RefusedError: it cannot be read, or needs code of its own.
    """
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(str(folder), trust_remote_code=False)
    except _UNLOADABLE as error:
        raise _unloadable(folder, error) from error


def _unloadable(folder: Path, error: Exception) -> JoyulError:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    if "trust_remote_code" in str(error) or "custom code" in str(error):
        return RefusedError(f"{folder}: needs code of its own", "choose a model transformers knows")
    return UnavailableError(f"{folder}: cannot be loaded ({reason:.160})", "choose another model")


def load_weights(folder: Path, settings: ModelSettings) -> Any:
    """Return the model of a folder on its device, in its type and in evaluation mode.

    Raises:
        UnavailableError, RefusedError, DamagedError, ResourceError: it cannot be loaded, and why.
    """
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging as their_logging

    their_logging.set_verbosity_error()
    their_logging.disable_progress_bar()
    parameters = 0
    for path in sorted(folder.glob("*.safetensors")):
        try:
            parameters += sum(math.prod(shape) for shape in read_header(path).values())
        except InputError as error:
            raise DamagedError(error.message, "download or copy the model again") from error
    device = _device(settings.device)
    small_on_cpu = device == "cpu" and parameters < BILLION
    dtype = settings.dtype if settings.dtype != "auto" else "float32" if small_on_cpu else "bfloat16"
    config = load_config(folder)
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            str(folder),
            config=config,
            dtype=getattr(torch, dtype),
            use_safetensors=True,
            trust_remote_code=False,
            ignore_mismatched_sizes=True,  # reported below, in one line
            output_loading_info=True,
        )
        model, report = loaded[0].to(device).eval(), loaded[1]
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise ResourceError(f"not enough memory for {folder.name!r}", "choose a smaller model or dtype") from error
    except _UNLOADABLE as error:
        raise _unloadable(folder, error) from error
    # transformers would go on with random numbers in these places
    unfilled = sorted([*report["missing_keys"], *(str(item[0]) for item in report["mismatched_keys"])])
    if unfilled:
        raise DamagedError(
            f"{folder}: {len(unfilled)} weights are missing or of another shape, first {unfilled[0]!r}",
            "download or copy the model again",
        )
    return model


def _device(wanted: str) -> str:
    import torch

    here = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return next(device for device, present in here.items() if present)
    if not here[wanted]:
        raise UnavailableError(f"this machine has no {wanted!r} device", "set model.device to auto or cpu")
    return wanted
