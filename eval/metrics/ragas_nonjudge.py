"""Ragas metrics that need no judge. The only file that imports Ragas for them.

Where Ragas cannot be imported (its releases and langchain-community fall out of step easily) the
metrics are unscored with that reason and the run goes on. Ragas' ROUGE and BLEU are left out: they
drop every Hangul letter, so any Korean answer would get 0.
"""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

from eval.metrics.base import Metric, TextMetric
from eval.metrics.retrieval import RetrievalMetric, same_document
from eval.schema import Answer, Item, Score

_loaded: dict[str, Any] = {}


def _ragas() -> Any:
    """Import Ragas once; an exception is remembered and returned instead."""
    if "module" not in _loaded:
        try:
            import warnings

            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                from ragas import SingleTurnSample
                from ragas.metrics import IDBasedContextPrecision, IDBasedContextRecall, NonLLMStringSimilarity
            _loaded["module"] = {
                "sample": SingleTurnSample,
                "similarity": cache(NonLLMStringSimilarity),
                "precision": cache(IDBasedContextPrecision),
                "recall": cache(IDBasedContextRecall),
            }
        except Exception as error:  # any third-party import failure
            _loaded["module"] = error
    return _loaded["module"]


def _run(work: Callable[[dict[str, Any]], Coroutine[Any, Any, float]]) -> Score:
    ragas = _ragas()
    if isinstance(ragas, Exception):
        return Score(None, f"ragas cannot be loaded: {str(ragas) or type(ragas).__name__:.120}")
    try:
        # On a thread of its own: whoever calls may be inside a running event loop.
        with ThreadPoolExecutor(1) as worker:
            value = float(worker.submit(lambda: asyncio.run(work(ragas))).result())
    except Exception as error:  # a foreign metric's failure is a reason, not a score
        return Score(None, f"ragas failed: {str(error) or type(error).__name__:.120}")
    # Ragas reports its own failures as NaN.
    return Score(value) if value == value else Score(None, "ragas returned no number")


class StringSimilarity(TextMetric):
    """``NonLLMStringSimilarity``: 1 minus the normalised edit distance."""

    name = "ragas_string_similarity"

    def value(self, item: Item, answer: Answer) -> Score:
        """Score the closest reference; refusals as in every text metric."""
        broken = _ragas()
        if isinstance(broken, Exception):
            return _run(lambda ragas: ragas["similarity"])
        reason: list[Score] = []

        def one(reference: str) -> float:
            score = _run(
                lambda ragas: ragas["similarity"]().single_turn_ascore(
                    ragas["sample"](response=answer.text, reference=reference)
                )
            )
            if score.value is None:
                reason.append(score)
            return score.value or 0.0

        self._one = one
        result = super().value(item, answer)
        return reason[0] if reason else result

    def against(self, text: str, reference: str, item: Item) -> float:
        """Return the similarity to one reference."""
        return self._one(reference)


class _ContextMetric(RetrievalMetric):
    key = ""

    def value(self, item: Item, answer: Answer) -> Score:
        """Score the documents of the passages against the item's document."""
        if not answer.passages:
            return Score(0.0)
        # Ragas compares ids as strings; names of one file become one id first.
        ids = [item.document if same_document(p.document, item.document) else p.document for p in answer.passages]
        return _run(
            lambda ragas: ragas[self.key]().single_turn_ascore(
                ragas["sample"](retrieved_context_ids=ids, reference_context_ids=[item.document])
            )
        )


class ContextPrecision(_ContextMetric):
    """``IDBasedContextPrecision``: share of the distinct documents found that are the right one."""

    name, key = "ragas_context_precision", "precision"


class ContextRecall(_ContextMetric):
    """``IDBasedContextRecall``: share of the right documents among the passages."""

    name, key = "ragas_context_recall", "recall"


__all__ = ["ContextPrecision", "ContextRecall", "Metric", "StringSimilarity"]
