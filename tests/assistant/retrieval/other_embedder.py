"""An embedder from outside the table, reached by its dotted name."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from assistant.retrieval.embeddings import EmbedderIdentity, Hashing


class Other:
    """The hashing embedder folded to 32 dimensions."""

    identity = EmbedderIdentity("tests.assistant.retrieval.other_embedder:Other", "1", 32, ("ko", "en"))

    def embed(self, texts: Sequence[str], kind: Literal["query", "document"] = "document") -> np.ndarray:
        """Return unit vectors."""
        folded = Hashing().embed(texts, kind).reshape(len(texts), 8, 32).sum(1)
        return folded / np.maximum(np.linalg.norm(folded, axis=1, keepdims=True), 1e-9)
