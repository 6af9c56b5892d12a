"""Training rows that a model makes out of the user's documents and rows; they wait in the review queue."""

from typing import TYPE_CHECKING, Any

from assistant.errors import CancelledError, InputError, UnavailableError, UsageError
from assistant.lazy import nearest
from assistant.progress import Cancelled, Progress

if TYPE_CHECKING:
    from assistant.datasets.rows import Row
    from assistant.datasets.synthetic import Ask, Source, Workshop
    from assistant.services import Services

MOST_TOKENS, WORTH_ASKING = 512, 40  # tokens an answer may have; characters a passage needs


def make(services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled) -> dict[str, Any]:
    """Have ``variant``'s model make rows of ``kinds`` and keep what stands up to its checks for review.

    Questions come from ``sources`` passages of ``collection``; paraphrases and twins from those questions, or
    from rows of ``dataset`` where one is named. ``count`` rows of a kind are asked for each.

    Raises:
        UsageError: an unknown kind or variant, or questions wanted of a dataset.
        InputError: there is no document or no row to begin with.
        UnavailableError: the model failed; what it made before is kept.
        CancelledError: ``cancelled`` returned true; what was made before is kept.
    """
    from assistant.collect import SYNTHETIC, keep_rows
    from assistant.datasets.synthetic import KINDS

    kinds = tuple(params.get("kinds") or (KINDS[1:] if params.get("dataset") else KINDS))
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        raise UsageError(f"unknown kind {unknown[0]!r}", nearest(unknown[0], KINDS))
    if params.get("dataset") and "questions" in kinds:
        raise UsageError("questions come from documents, not from a dataset", "leave the dataset or that kind out")
    begins: list[Any] = _seeds(services, params) if params.get("dataset") else _passages(services, params)
    workshop = _workshop(services, params, cancelled)
    counts, kept = dict.fromkeys(KINDS, 0), 0
    for number, begin in enumerate(begins):
        progress({"stage": "synthesise", "done": number, "total": len(begins), "rows": kept})
        for kind, rows in _made(workshop, begin, kinds):
            counts[kind] += len(rows)
            kept += keep_rows(services.home, SYNTHETIC, rows)
    progress({"stage": "synthesise", "done": len(begins), "total": len(begins), "rows": kept})
    left_out = dict(workshop.left_out.most_common())
    return {"kept": kept, "kinds": counts, "sources": len(begins), "left_out": left_out, "listed": workshop.listed}


def _made(workshop: "Workshop", begin: Any, kinds: tuple[str, ...]) -> "list[tuple[str, list[Row]]]":
    """Return the rows of one passage or row, by kind."""
    from assistant.datasets.synthetic import Source

    fresh = workshop.questions(begin) if isinstance(begin, Source) else [begin]
    made = [("questions", fresh)] if isinstance(begin, Source) and "questions" in kinds else []
    for row in fresh:
        made += [("paraphrase", workshop.paraphrases(row))] if "paraphrase" in kinds else []
        made += [("unanswerable", workshop.twins(row))] if "unanswerable" in kinds else []
    return made


def _passages(services: "Services", params: dict[str, Any]) -> "list[Source]":
    from assistant.datasets.synthetic import Source, spread

    collection = str(params.get("collection") or "documents")
    found = []
    for document in services.library.documents(collection):
        if document.status != "ready":
            continue
        text = services.library.read(document.id).text
        for start, end in _paragraphs(text):
            found.append(Source(text[start:end], document.name, start))
    if not found:
        raise InputError(f"no document in {collection!r} has text to ask about", "add documents first")
    return spread(found, int(params.get("sources") or 10))


def _paragraphs(text: str, most: int = 600) -> list[tuple[int, int]]:
    """Return where paragraphs stand that are long enough to ask about; short neighbours are joined."""
    found: list[tuple[int, int]] = []
    place = 0
    for part in text.split("\n\n"):
        start, place = place, place + len(part) + 2
        bare = part.strip()
        if not bare or bare.startswith("#"):
            continue
        start += len(part) - len(part.lstrip())
        if found and start - found[-1][1] <= 2 and start + len(bare) - found[-1][0] <= most:
            found[-1] = (found[-1][0], start + len(bare))
        else:
            found.append((start, start + len(bare)))
    return [(start, end) for start, end in found if end - start >= WORTH_ASKING]


def _seeds(services: "Services", params: dict[str, Any]) -> "list[Row]":
    from assistant.datasets.store import DatasetStore
    from assistant.datasets.synthetic import seeds

    version = DatasetStore(services.home.datasets).get(str(params["dataset"]))
    found = seeds(version.rows(), int(params.get("sources") or 10))
    if not found:
        raise InputError(f"dataset {version.manifest.ref}: no row has an answer", "choose one with answers")
    return found


def _workshop(services: "Services", params: dict[str, Any], cancelled: Cancelled) -> "Workshop":
    from assistant.datasets.cleaning import Evaluated, evaluation_questions, suite_items
    from assistant.datasets.review import synthetic_rows
    from assistant.datasets.store import DatasetStore
    from assistant.datasets.synthetic import Workshop

    known = list(synthetic_rows(services.home))
    if params.get("dataset"):
        known += DatasetStore(services.home.datasets).get(str(params["dataset"])).rows()
    evaluated = Evaluated(evaluation_questions(suite_items(services.home.root)))
    return Workshop(_ask(services, params, cancelled), known, evaluated, int(params.get("count") or 2))


def _ask(services: "Services", params: dict[str, Any], cancelled: Cancelled) -> "Ask":
    """Return how to ask the variant's model, with its adapter but without its prompt and its documents."""
    from assistant.datasets.synthetic import Said
    from assistant.schema import Message, Sampling, collect

    live = services.variants.build(str(params.get("variant") or "zero-shot"))
    sampling = Sampling(max_tokens=MOST_TOKENS)

    def ask(prompt: str) -> Said:
        if cancelled():
            raise CancelledError("making rows was stopped", "what was made before waits in the review queue")
        made = collect(live.model.stream([Message("user", prompt)], sampling))
        if made.finish == "error" or made.origin is None:
            raise UnavailableError("the model stopped before it had answered", "look into the log, try again")
        return Said(made.text, " + ".join(part for part in (made.origin.base, made.origin.adapter) if part))

    return ask
