"""When and why to tune: the questions a careful person asks, answered from what a run measured.

Every answer is a figure of the run's document or says that nothing was measured; nobody's opinion is
filled in.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from eval.cost_words import cost_word
from eval.price import mean_change
from eval.reports.blocks import Both, Section, table
from eval.reports.look import MISSING, label
from eval.sentence import points
from eval.words import metric_name

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answered:
    """One line of the list; ``measured`` is false where the run has nothing to say."""

    key: str
    question: Both
    answer: Both
    measured: bool

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        texts = {
            name: {"ko": both.ko, "en": both.en}
            for name, both in (("question", self.question), ("answer", self.answer))
        }
        return {"key": self.key, **texts, "measured": self.measured}


def checklist(document: Document) -> tuple[Answered, ...]:
    """Return the list for a run's document (``eval run --json``)."""
    found = []
    for key, answer in _QUESTIONS.items():
        parts = answer(document)
        text = Both(*("; ".join(part.of(code) for part in parts) for code in ("ko", "en")))
        measured = bool(parts)
        if key == "reuse":
            text, measured = cost_word("reuse"), False
        found.append(Answered(key, cost_word(f"ask_{key}"), text if parts or key == "reuse" else _nothing(), measured))
    return tuple(found)


def checklist_section(document: Document) -> list[Section]:
    """Return the list as a section of the report, nothing where no variant is tuned."""
    if not _tuned(document):
        return []
    rows = [[line.question, line.answer] for line in checklist(document)]
    return [Section("checklist", cost_word("checklist"), (table([cost_word("question"), cost_word("found")], rows),))]


def _nothing() -> Both:
    return cost_word("not_measured")


def _tuned(document: Document) -> list[str]:
    return [name for name, row in document["variants"].items() if "tune" in str(row.get("approach", ""))]


def _training(document: Document) -> dict[str, Document]:
    found = (document.get("break_even") or {}).get("training") or {}
    return {name: took for name, took in found.items() if took.get("rows") is not None}


def _use_case(document: Document) -> list[Both]:
    declared = document["declared"]
    texts = []
    for code in ("ko", "en"):
        kind = cost_word(f"kind_{declared['kind']}").of(code)
        values = {"suite": document["suite"], "kind": kind, "items": declared["items"], "groups": declared["groups"]}
        texts.append(cost_word("use_case", **values, metric=metric_name(declared["primary"], code)).of(code))
    return [Both(*texts)]


def _alternatives(document: Document) -> list[Both]:
    found = []
    for name, row in document["variants"].items():
        score = row["metrics"].get(document["declared"]["primary"])
        if name in _tuned(document) or not score or score["mean"] is None:
            continue
        trials = (document["declared"].get("trials") or {}).get(name)
        texts = []
        for code in ("ko", "en"):
            ends = {end: points(score[end]) for end in ("mean", "low", "high")}
            text = cost_word("score", name=label(name).of(code), **ends).of(code)
            texts.append(text + (cost_word("tried", trials=trials).of(code) if trials else ""))
        found.append(Both(*texts))
    return found


def _tunability(document: Document) -> list[Both]:
    return [
        cost_word(
            "tunability",
            name=name,
            method=took["method"],
            first=f"{took['first_loss']:.2f}",
            final=f"{took['final_loss']:.2f}",
        )
        for name, took in _training(document).items()
        if took.get("first_loss") is not None and took.get("final_loss") is not None
    ]


def _effort(document: Document) -> list[Both]:
    rows = [took["rows"] for took in _training(document).values()]
    hours = ((document.get("break_even") or {}).get("assumptions") or {}).get("setup_hours")
    if not rows or hours is None:
        return []
    return [cost_word("effort", rows=f"{max(rows):,}", hours=f"{hours['value']:g}")]


def _compute(document: Document) -> list[Both]:
    found = []
    for name, cost in (document.get("costs") or {}).items():
        took = cost.get("training") or {}
        if took.get("seconds") is not None:
            memory = took.get("peak_memory_mb")
            shown = MISSING if memory is None else f"{memory:,.0f}"
            found.append(cost_word("compute", name=name, seconds=f"{took['seconds']:,.0f}", memory=shown))
    return found


def _data(document: Document) -> list[Both]:
    found = [cost_word("data", name=name, rows=f"{took['rows']:,}") for name, took in _training(document).items()]
    warnings = document["declared"].get("warnings") or []
    if found and warnings:
        found.append(cost_word("data_warnings", count=len(warnings)))
    answer = (document.get("curve") or {}).get("answer")
    return [*found, Both(answer["text"]["ko"], answer["text"]["en"])] if answer else found


def _pair(document: Document) -> Document | None:
    """Return the comparison of the verdict, seen from the tuned variant."""
    verdict, tuned = document["verdict"], _tuned(document)
    names = (verdict.get("chosen"), verdict.get("against"))
    for pair in document["pairs"]:
        if {pair["first"], pair["second"]} == set(names) and pair["first"] in tuned and pair["delta"] is not None:
            return dict(pair)
    return None


def _quality(document: Document) -> list[Both]:
    pair = _pair(document)
    if pair is None:
        return []
    ends = {end: points(pair[end], signed=True) for end in ("delta", "low", "high")}
    return [cost_word("quality_gained", tuned=pair["first"], rival=pair["second"], n=pair["n"], **ends)]


def _tokens(document: Document) -> list[Both]:
    found = document.get("break_even") or {}
    chosen = found.get("chosen") or {}
    for pair in (found.get("measured") or {}).get("pairs", ()):
        if chosen and all(pair[key] == chosen[key] for key in chosen) and "means" in pair:
            more = [pair["means"][at + 3] - pair["means"][at] for at in (0, 1)]
            prompt, completion = (f"{value + 0.0:+.1f}".replace("-", "−") for value in more)
            return [cost_word("tokens_saved", **chosen, prompt=prompt, completion=completion)]
    return []


def _cost(document: Document) -> list[Both]:
    found = document.get("break_even") or {}
    chosen = found.get("chosen") or {}
    for pair in found.get("pairs", ()):
        if chosen and all(pair[key] == chosen[key] for key in chosen) and pair["known"]:
            never = pair["requests"] is None
            return [cost_word("pays_never") if never else cost_word("pays", requests=f"{pair['requests']:,.0f}")]
    return []


def _reuse(document: Document) -> list[Both]:
    return []


def _generality(document: Document) -> list[Both]:
    found = []
    for name, lost in (document.get("forgetting") or {}).items():
        changes = {code: mean_change(lost, code) for code in ("ko", "en")}
        if any(change is not None for change in changes.values()):
            shown = {code: points(change, signed=True) for code, change in changes.items()}
            found.append(cost_word("generality", name=name, **shown))
    return found


def _seeds(document: Document) -> list[Both]:
    rows = [document["variants"][name] for name in _tuned(document)]
    counts = [len(row.get("replicates") or ()) or 1 for row in rows if row.get("adapter")]
    return [cost_word("seeds_seen", count=max(counts))] if counts else []


_QUESTIONS: dict[str, Callable[[Document], list[Both]]] = {
    "use_case": _use_case,
    "alternatives": _alternatives,
    "tunability": _tunability,
    "effort": _effort,
    "compute": _compute,
    "data": _data,
    "quality": _quality,
    "tokens": _tokens,
    "cost": _cost,
    "reuse": _reuse,
    "generality": _generality,
    "seeds": _seeds,
}
