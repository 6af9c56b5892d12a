"""Who is ahead among the variants people voted on, and what the votes do not say.

Every interval comes from the Bayesian bootstrap (exponential weights: Rubin 1981, Annals of
Statistics 9) over whole items and, where several people voted, over whole persons; the wider of the
two is shown, as votes are alike within both (Cameron, Gelbach and Miller 2011, "Robust inference with
multiway clustering", Journal of Business and Economic Statistics 29: the variance lies between the
larger one and the sum). With one person the claim is about that person.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from assistant.records import Vote
from eval.arena.pairs import BAD, TIE, Pair, counted, item_of, pairs_of
from eval.arena.stopping import Verdict, verdicts
from eval.arena.strength import Array, Duels, Fit, duels, fit, grouped
from eval.arena.together import ranked_together

RESAMPLES = 999
TAIL = 0.025
FEW_ITEMS = 20
CELLS = 4_000_000


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Standing:
    """One variant among those that can be ranked together.

    ``beats`` is the chance to win a decisive vote, averaged over the other ranked variants;
    ``strength`` is the log strength (mean 0). Variants whose intervals of ``beats`` overlap, directly
    or through others, share a ``rank``; with under 20 items all do, as a bootstrap over so few is too
    sure of itself. The ``even_length`` figures are for answers of equal length.
    """

    name: str
    rank: int
    beats: Estimate
    strength: Estimate
    even_length_rank: int | None = None
    even_length: Estimate | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """One variant's pairs, by outcome; ``fingerprints`` says how many different things bore its name."""

    pairs: int
    wins: int
    losses: int
    ties: int
    bad: int
    fingerprints: int


@dataclass(frozen=True, slots=True)
class Ranking:
    """The ranking of one slice; ``unranked`` says why a variant has no place (a key under ``votes.why`` in the texts).

    ``longer`` is by what factor the odds of winning change for an answer twice as long as the other;
    ``no_length_control`` says why there is none.
    """

    task: str | None
    language: str | None
    votes: int
    people: int
    items: int
    ties: int
    bad: int
    standings: list[Standing]
    tallies: dict[str, Tally]
    unranked: dict[str, str]
    verdicts: list[Verdict]
    longer: Estimate | None = None
    no_length_control: str = ""


def rank(
    votes: Iterable[Vote],
    *,
    task: str | None = None,
    language: str | None = None,
    blind: bool = True,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Ranking:
    """Rank the variants of the votes that count; the rest of the slice is described beside.

    Args:
        votes: the whole history.
        task: only votes on this task (``""``: on none that is known); None for all.
        language: only votes in this language; None for all.
        blind: rank blind votes, or (apart from those) votes cast with names shown.
        resamples: of the bootstrap.
        seed: of the bootstrap.
    """
    inside = [v for v in votes if task in (None, v.task) and language in (None, v.language)]
    chosen = counted(inside, blind=blind)
    rows = [(vote, pair) for vote in chosen for pair in pairs_of(vote)]
    tallies = _tallies([pair for _, pair in rows])
    usable = [(vote, pair) for vote, pair in rows if pair.outcome != "bad"]
    names, unranked = ranked_together([pair for _, pair in usable], list(tallies))
    kept = [(vote, pair) for vote, pair in usable if pair.first in names and pair.second in names]
    found = _Found()
    if names:
        found = _strengths(duels([p for _, p in kept], names), [v for v, _ in kept], resamples, seed)
    return Ranking(
        task,
        language,
        len(chosen),
        len({vote.author for vote in chosen}),
        len({item_of(vote) for vote in chosen}),
        sum(vote.choice == TIE for vote in chosen),
        sum(vote.choice == BAD for vote in chosen),
        found.standings,
        tallies,
        unranked,
        verdicts(inside, blind=blind),
        found.longer,
        found.no_length_control,
    )


def slices(votes: Sequence[Vote], *, blind: bool = True, **options: Any) -> list[Ranking]:
    """Return the ranking of all votes, then of each language, each task, and each task in each language.

    A slice that holds the same votes as one before it is left out.
    """
    chosen = counted(votes, blind=blind)
    languages = [None, *sorted({vote.language for vote in chosen})]
    tasks = [None, *sorted({vote.task for vote in chosen})]
    wanted = sorted(((t, c) for t in tasks for c in languages), key=lambda key: (key[0] is not None, key[0] or ""))
    found, seen = [], set[frozenset[str]]()
    for task, language in wanted:
        ids = frozenset(v.id for v in chosen if task in (None, v.task) and language in (None, v.language))
        if ids and ids not in seen:
            seen.add(ids)
            found.append(rank(votes, task=task, language=language, blind=blind, **options))
    return found


def _tallies(pairs: Sequence[Pair]) -> dict[str, Tally]:
    found = {}
    for name in sorted({name for pair in pairs for name in (pair.first, pair.second)}):
        mine = [pair for pair in pairs if name in (pair.first, pair.second)]
        won = sum(pair.outcome == ("first" if pair.first == name else "second") for pair in mine)
        ties, bad = (sum(pair.outcome == outcome for pair in mine) for outcome in ("tie", "bad"))
        marks = {pair.first_fingerprint if pair.first == name else pair.second_fingerprint for pair in mine}
        found[name] = Tally(len(mine), won, len(mine) - won - ties - bad, ties, bad, len(marks - {""}))
    return found


@dataclass(frozen=True, slots=True)
class _Found:
    standings: list[Standing] = field(default_factory=list)
    longer: Estimate | None = None
    no_length_control: str = ""


def _strengths(table: Duels, votes: Sequence[Vote], resamples: int, seed: int) -> _Found:
    """Return the standings; row 0 of every fit is the votes as they are, the others are resampled."""
    import numpy as np

    def estimates(values: Array) -> list[Estimate]:
        return [_estimate(column, resamples) for column in values.T]

    few = len({item_of(vote) for vote in votes}) < FEW_ITEMS
    table, place = grouped(table)
    weights = _weights(votes, place, resamples, seed)
    without, groups = grouped(replace(table, length=np.zeros(len(table.length))))
    plain = fit(without, weights @ np.eye(len(without.first))[groups])
    beats, strengths = estimates(_beats(plain)), estimates(plain.strengths)
    ranks = [1] * len(beats) if few else _rank_groups(beats)
    standings = list(map(Standing, table.names, ranks, beats, strengths))
    longer, why = None, "few_items" if few else _no_length_control(table)
    if not why:
        controlled = fit(table, weights, with_length=True)
        even = estimates(_beats(controlled))
        standings = [
            replace(row, even_length_rank=place, even_length=each)
            for row, place, each in zip(standings, _rank_groups(even), even, strict=True)
        ]
        # Twice as long is a relative difference of one third.
        longer = _estimate(np.exp(controlled.length / 3), resamples)
    standings.sort(key=lambda row: (row.rank, -row.beats.value, row.name))
    return _Found(standings, longer, why)


def _weights(votes: Sequence[Vote], place: Array, resamples: int, seed: int) -> Array:
    """Return how much each of the grouped rows weighs: as it is, then resampled by item, then by person.

    Args:
        votes: the vote of each pair.
        place: the grouped row of each pair.
        resamples: how many for each factor.
        seed: of the draws.
    """
    import numpy as np
    from scipy.sparse import csr_array

    draw, rows = np.random.default_rng(seed), int(place.max()) + 1
    blocks = [np.bincount(place, minlength=rows)[None].astype(float)]
    for factor in ([item_of(vote) for vote in votes], [vote.author for vote in votes]):
        number = {name: at for at, name in enumerate(dict.fromkeys(factor))}
        if len(number) == 1 and len(blocks) > 1:
            break  # one person: there is nobody else to draw
        at = [number[name] for name in factor]
        counts = csr_array((np.ones(len(at)), (at, place)), shape=(len(number), rows))
        parts = np.array_split(np.arange(resamples), -(-resamples * len(number) // CELLS))
        blocks += [draw.exponential(size=(len(part), len(number))) @ counts for part in parts]
    return np.concatenate(blocks)


def _beats(found: Fit) -> Array:
    """Return each name's mean chance against the others in decisive votes, shape ``(fits, names)``."""
    from scipy.special import expit

    s = found.strengths
    chances: Array = (expit(s[:, :, None] - s[:, None, :]).sum(2) - 0.5) / (s.shape[1] - 1)
    return chances


def _estimate(values: Array, resamples: int) -> Estimate:
    import numpy as np

    low, high = np.quantile(values[1:].reshape(-1, resamples), [TAIL, 1 - TAIL], axis=1)
    return Estimate(float(values[0]), float(low.min()), float(high.max()))


def _rank_groups(rows: Sequence[Estimate]) -> list[int]:
    """Return competition ranks (1, 1, 3) in which overlapping intervals, also through others, are one group."""
    order = sorted(range(len(rows)), key=lambda at: -rows[at].high)
    ranks, reach = [0] * len(rows), float("inf")
    for position, at in enumerate(order):
        apart = rows[at].high < reach
        ranks[at] = position + 1 if apart else ranks[order[position - 1]]
        reach = rows[at].low if apart else min(reach, rows[at].low)
    return ranks


def _no_length_control(table: Duels) -> str:
    import numpy as np

    if not np.abs(table.length).max(initial=0.0) > 0:
        return "same_length"
    design = table.design(True)
    return "length_is_variant" if np.linalg.matrix_rank(design) < design.shape[1] else ""
