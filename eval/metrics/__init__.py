"""The metrics. A new one is one file here and one line in ``METRICS``.

An entry names a class with ``name``, ``higher_is_better``, ``unit``, ``kinds``, ``searches`` and
``score(item, answer)``; ``eval.metrics.base.Metric`` gives the rest. ``DEFAULTS`` says which ones a
suite reports when it does not list its own.
"""

from typing import TYPE_CHECKING

from assistant.lazy import lookup

if TYPE_CHECKING:
    from eval.metrics.base import Metric

METRICS: dict[str, str] = {
    "exact_match": "eval.metrics.exact_match:ExactMatch",
    "token_f1": "eval.metrics.token_f1:TokenF1",
    "rouge_l": "eval.metrics.rouge:RougeL",
    "contains": "eval.metrics.contains:Contains",
    "chrf": "eval.metrics.chrf:ChrF",
    "semantic_similarity": "eval.metrics.semantic:SemanticSimilarity",
    "accuracy": "eval.metrics.accuracy:Accuracy",
    "macro_precision": "eval.metrics.macro:MacroPrecision",
    "macro_recall": "eval.metrics.macro:MacroRecall",
    "macro_f1": "eval.metrics.macro:MacroF1",
    "micro_precision": "eval.metrics.macro:MicroPrecision",
    "micro_recall": "eval.metrics.macro:MicroRecall",
    "micro_f1": "eval.metrics.macro:MicroF1",
    "json_validity": "eval.metrics.json_fields:JsonValidity",
    "field_accuracy": "eval.metrics.json_fields:FieldAccuracy",
    "hit_at_k": "eval.metrics.retrieval:HitAtK",
    "recall_at_k": "eval.metrics.retrieval:RecallAtK",
    "mrr": "eval.metrics.retrieval:ReciprocalRank",
    "ndcg": "eval.metrics.retrieval:NDCG",
    "citations_exist": "eval.metrics.citations:CitationsExist",
    "citations_support": "eval.metrics.citations:CitationsSupport",
    "ragas_string_similarity": "eval.metrics.ragas_nonjudge:StringSimilarity",
    "ragas_context_precision": "eval.metrics.ragas_nonjudge:ContextPrecision",
    "ragas_context_recall": "eval.metrics.ragas_nonjudge:ContextRecall",
    "faithfulness": "eval.metrics.judged:Faithfulness",
    "response_relevancy": "eval.metrics.judged:ResponseRelevancy",
    "context_precision": "eval.metrics.judged:ContextPrecision",
    "context_recall": "eval.metrics.judged:ContextRecall",
    "factual_correctness": "eval.metrics.judged:FactualCorrectness",
    "answer_accuracy": "eval.metrics.judged:AnswerAccuracy",
    "prompt_tokens": "eval.metrics.efficiency:PromptTokens",
    "completion_tokens": "eval.metrics.efficiency:CompletionTokens",
    "seconds": "eval.metrics.efficiency:Seconds",
    "first_token_seconds": "eval.metrics.efficiency:FirstTokenSeconds",
    "tokens_per_second": "eval.metrics.efficiency:TokensPerSecond",
}

EFFICIENCY = ("prompt_tokens", "completion_tokens", "seconds", "first_token_seconds", "tokens_per_second")
DEFAULTS: dict[str, tuple[str, ...]] = {
    "qa": (
        "exact_match",
        "token_f1",
        "rouge_l",
        "contains",
        "chrf",
        "hit_at_k",
        "recall_at_k",
        "mrr",
        "ndcg",
        "ragas_string_similarity",
        "ragas_context_precision",
        "ragas_context_recall",
    ),
    "label": (
        "accuracy",
        "macro_precision",
        "macro_recall",
        "macro_f1",
        "micro_precision",
        "micro_recall",
        "micro_f1",
        "json_validity",
        "field_accuracy",
    ),
}


def metric_named(name: str) -> "Metric":
    """Return a fresh metric.

    Raises:
        UsageError: no metric has that name; the nearest one is suggested.
    """
    metric: Metric = lookup(METRICS, name, "metric")()
    return metric
