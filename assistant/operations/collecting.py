"""What to collect next: where the best variant fails in the newest evaluation, and where votes are split."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from assistant.progress import Cancelled, Progress
from assistant.schema import language_of

if TYPE_CHECKING:
    from assistant.records import Vote
    from assistant.services import Services
    from eval.record import Record, Row

EXAMPLES, MOST = 3, 20
_SURE = 1.959964  # the normal quantile of a 95 % interval
_BAD, _TIE = "both_bad", "tie"


def next_(services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled) -> dict[str, Any]:
    """Return ``{"run", "suite", "variant", "metric", "topics", "votes"}``; without a run its parts are empty.

    ``run`` names another run than the newest finished one. A topic is ``{"topic", "kind", "n", "failed",
    "unscored", "share", "low", "high", "examples"}``: shares of ``n`` scored items with a 95 % Wilson interval,
    those that fail most surely first. Examples are test items: collect questions like them, never themselves.

    Raises:
        InputError: there is no such run.
        DamagedError: its record cannot be read.
    """
    from assistant.operations.evaluation import record_named
    from eval.run_folder import finished_runs

    runs = [each["run"] for each in finished_runs(services.home.runs)]
    wanted = str(params.get("run") or (runs[0] if runs else ""))
    found: dict[str, Any] = {"run": wanted, "suite": "", "variant": "", "metric": "", "topics": []}
    if wanted:
        found |= _failing(record_named(services, wanted))
    return found | {"votes": split_votes(services.store.votes())}


def _failing(record: "Record") -> dict[str, Any]:
    from eval.reports.scores import primary_of

    metric = primary_of(record.document)
    means = {name: (row["metrics"].get(metric) or {}).get("mean") for name, row in record.document["variants"].items()}
    scored = {name: mean for name, mean in means.items() if mean is not None}
    head = {"suite": record.document["suite"], "metric": metric}
    if not scored:
        return head
    best = max(scored, key=lambda name: scored[name])
    topics: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in record.rows:
        topics[_topic(row)].append(row)
    told = [_told(kind, topic, rows, best, metric) for (kind, topic), rows in topics.items()]
    failing = sorted((each for each in told if each["failed"]), key=lambda each: (-each["low"], -each["failed"]))
    return head | {"variant": best, "topics": failing[:MOST]}


def _topic(row: "Row") -> tuple[str, str]:
    """Return what an item is about: its label, else its slice, else its group."""
    item = row.item
    return next(
        (kind, value) for kind in ("label", "slice", "group") if (value := getattr(item, kind)) or kind == "group"
    )


def _told(kind: str, topic: str, rows: Sequence["Row"], variant: str, metric: str) -> dict[str, Any]:
    from eval.reports.browser import WRONG_BELOW

    values = [(row, row.scores.get(variant, {}).get(metric)) for row in rows]
    scored = [(row, score.value) for row, score in values if score is not None and score.value is not None]
    wrong = [row for row, value in scored if value < WRONG_BELOW]
    low, high = wilson(len(wrong), len(scored))
    counts = {"n": len(scored), "failed": len(wrong), "unscored": len(rows) - len(scored)}
    share = len(wrong) / len(scored) if scored else None
    examples = [
        {
            "question": row.item.question,
            "expected": row.item.reference[0] if row.item.reference else None,
            "said": row.answers[variant].text,
            "language": row.item.language,
        }
        for row in wrong[:EXAMPLES]
    ]
    return {"topic": topic, "kind": kind, **counts, "share": share, "low": low, "high": high, "examples": examples}


def wilson(hits: int, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927, "Probable inference"); nothing known without trials."""
    if not n:
        return 0.0, 1.0
    share, square = hits / n, _SURE**2
    middle = (share + square / (2 * n)) / (1 + square / n)
    spread = _SURE * (share * (1 - share) / n + square / (4 * n * n)) ** 0.5 / (1 + square / n)
    return max(0.0, middle - spread), min(1.0, middle + spread)


def split_votes(votes: Sequence["Vote"]) -> list[dict[str, Any]]:
    """Return questions whose votes settle nothing: no answer would do, people differ, or they call it a tie.

    ``why`` is ``bad``, ``split`` or ``tie``; of each person, question and variants the latest vote counts.
    """
    from eval.arena import counted
    from eval.arena.pairs import item_of

    asked: dict[str, list[Vote]] = defaultdict(list)
    for blind in (True, False):
        for vote in counted(votes, blind=blind):
            asked[item_of(vote)].append(vote)
    found: list[dict[str, Any]] = []
    for question, cast in asked.items():
        choices = Counter(vote.choice for vote in cast)
        if why := _why(choices):
            answers = [answer for answer in cast[-1].answers if answer.strip()]
            row = {"question": question, "why": why, "votes": len(cast), "choices": dict(choices.most_common())}
            found.append(row | {"language": language_of(question), "answers": answers})
    order = ("bad", "split", "tie")
    return sorted(found, key=lambda row: (order.index(row["why"]), -row["votes"]))[:MOST]


def _why(choices: Mapping[str, int]) -> str:
    if choices.get(_BAD, 0) * 2 >= sum(choices.values()):
        return "bad"
    if len(choices) > 1:
        return "split"
    return "tie" if _TIE in choices else ""
