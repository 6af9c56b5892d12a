"""Ragas' judged metrics, with our own connection and strict reading of replies under them.

Ragas' own client layer retries and swallows failures: a metric then returns NaN, averages the half
that worked, or counts an unparsable statement as 0. Here every question goes through
:class:`~eval.judge.client.JudgeClient`; the first thing that goes wrong is remembered, ends the item
and becomes its reason.
"""

import warnings
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from assistant.errors import UnavailableError
from assistant.schema import Message, language_of
from eval.judge.client import JudgeClient, JudgeFailure
from eval.judge.parse import json_reply
from eval.judge.prompts import question_of
from eval.schema import Answer, Item, Score

if TYPE_CHECKING:
    from assistant.retrieval.embeddings import LiveEmbedder

CLASSES = {
    "faithfulness": "Faithfulness",
    "response_relevancy": "AnswerRelevancy",
    "context_precision": "ContextPrecisionWithReference",
    "context_recall": "ContextRecall",
    "factual_correctness": "FactualCorrectness",
    "answer_accuracy": "AnswerAccuracy",
}
# Ragas takes any whole number for these and counts what is not 0 as a yes.
ALLOWED = {"verdict": {0, 1}, "attributed": {0, 1}, "noncommittal": {0, 1}, "rating": {0, 2, 4}}


@cache
def _ragas() -> Mapping[str, Any]:
    """Import Ragas.

    Raises:
        UnavailableError: it cannot be imported (its releases and langchain-community fall out of step easily).
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import ragas
            from ragas.embeddings.base import BaseRagasEmbedding
            from ragas.llms.base import InstructorBaseRagasLLM
            from ragas.metrics import collections
    except Exception as error:  # any third-party import failure
        why = str(error) or type(error).__name__
        raise UnavailableError(f"ragas cannot be loaded: {why:.160}", "install Joyul again") from error
    # Ragas asks for instances of its own base classes, which exist only once it is imported.
    return {
        "version": ragas.__version__,
        "judge": type("Judge", (_Judge, InstructorBaseRagasLLM), {}),
        "meaning": type("Meaning", (_Meaning, BaseRagasEmbedding), {}),
        "metrics": collections,
    }


class _Judge:
    """What Ragas asks; one for each item and metric."""

    def __init__(self, client: JudgeClient) -> None:
        self.client = client
        self.failure: JudgeFailure | None = None
        self.expected = 0

    def generate(self, prompt: str, response_model: Any) -> Any:
        """Refuse: Ragas only asks inside an event loop here."""
        raise NotImplementedError

    async def agenerate(self, prompt: str, response_model: Any) -> Any:
        """Return the reply as ``response_model``."""
        if self.failure is not None:  # Ragas asks on after a failure
            raise self.failure
        try:
            return self._checked(response_model, json_reply(await self.client.ask([Message("user", prompt)])))
        except JudgeFailure as failure:
            self.failure = failure
            raise

    def _checked(self, response_model: Any, reply: dict[str, Any]) -> Any:
        try:
            found = response_model.model_validate(reply)
        except ValidationError as error:
            where = ".".join(str(part) for part in error.errors()[0]["loc"])
            raise JudgeFailure("no_score", f"the judge's reply has no usable field {where!r}") from None
        self.expected = _refuse_nonsense(found.model_dump(), self.expected)
        return found


class _Meaning:
    """The app's embedder as Ragas wants it."""

    cache = None

    def __init__(self, embedder: "LiveEmbedder") -> None:
        self.embedder = embedder

    def embed_text(self, text: str, **_: Any) -> list[float]:
        """Return one vector."""
        return [float(value) for value in self.embedder.embed([text])[0]]

    async def aembed_text(self, text: str, **_: Any) -> list[float]:
        """Return one vector."""
        return self.embed_text(text)


def _refuse_nonsense(reply: Mapping[str, Any], expected: int) -> int:
    """Refuse numbers off their scale, and lists that do not match what was asked; return how many come back next.

    Raises:
        JudgeFailure: ``out_of_range``, ``no_statements`` or ``incomplete``.
    """
    rows = [
        reply,
        *(row for value in reply.values() if isinstance(value, list) for row in value if isinstance(row, dict)),
    ]
    for row in rows:
        for key, allowed in ALLOWED.items():
            if key in row and row[key] not in allowed:
                raise JudgeFailure("out_of_range", f"{key!r} is {row[key]!r}, none of {sorted(allowed)}")
    if not str(reply.get("question", "?")).strip():
        raise JudgeFailure("no_score", "the judge made no question of the answer")
    for key in ("statements", "claims", "classifications"):
        found = reply.get(key)
        if found is None:
            continue
        if not found:
            raise JudgeFailure("no_statements", "the judge found no statement to check")
        if isinstance(found[0], str):
            return len(found)
        if key == "statements" and expected and len(found) != expected:
            raise JudgeFailure("incomplete", f"the judge checked {len(found)} of {expected} statements")
    return 0


def load_ragas() -> str:
    """Import Ragas and return its version.

    Raises:
        UnavailableError: it cannot be imported.
    """
    return str(_ragas()["version"])


async def ragas_score(
    name: str, client: JudgeClient, item: Item, answer: Answer, reference: str, embedder: "LiveEmbedder | None"
) -> Score:
    """Return a metric of one answer.

    Args:
        name: a key of ``CLASSES``.
        client: the judge.
        item: what was asked.
        answer: with its passages.
        reference: the accepted answer to judge by; "" where there is none.
        embedder: for ``response_relevancy``.

    Raises:
        JudgeFailure: the judge gave no usable reply somewhere on the way.
    """
    ragas = _ragas()
    judge = ragas["judge"](client)
    parts: dict[str, Any] = {"llm": judge}
    if name == "response_relevancy":
        parts |= {"embeddings": ragas["meaning"](_readable(embedder, item, answer)), "strictness": 1}
    metric = getattr(ragas["metrics"], CLASSES[name])(**parts)
    values: dict[str, Any] = {"user_input": question_of(item), "response": answer.text, "reference": reference}
    values |= {"retrieved_contexts": [passage.text for passage in answer.passages]}
    wanted = metric.ascore.__code__.co_varnames[1 : metric.ascore.__code__.co_argcount]
    try:
        found = float((await metric.ascore(**{key: values[key] for key in wanted})).value)
    except JudgeFailure:
        raise
    except Exception as error:  # a foreign metric's failure is a reason, not a score
        raise JudgeFailure("ragas", f"ragas failed: {str(error) or type(error).__name__:.160}") from error
    if judge.failure is not None:
        raise judge.failure
    if found != found:
        raise JudgeFailure("no_score", "ragas returned no number")
    return Score(min(1.0, max(0.0, found)))


def _readable(embedder: "LiveEmbedder | None", item: Item, answer: Answer) -> "LiveEmbedder":
    languages = {item.language, language_of(answer.text)}
    if embedder is None or not languages <= set(embedder.identity.languages):
        name = embedder.identity.name if embedder else "none"
        raise JudgeFailure("unreadable", f"the embedder {name!r} cannot read the item's language")
    return embedder
