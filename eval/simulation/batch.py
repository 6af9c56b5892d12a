"""Many studies at once: the evidence that ``eval.evidence.gather`` would find in each, with whole arrays.

Every formula is the product's own (``eval.stats``); only the resampling is done for all studies with
one matrix product, with the very draws that scipy makes. ``tests/eval/test_simulation.py`` holds both
against each other.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import combinations
from typing import TYPE_CHECKING, Any

from eval.evidence import correlation_of
from eval.schema import Approach, Comparison
from eval.simulation.worlds import Cell
from eval.stats import FEW_CLUSTERS, NOTHING, RESAMPLES, ROUNDED, SeedNoise, ends, pooled, spread_error
from eval.verdict import Evidence, few_differ, tail_for

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray
else:
    Array = Any

RIVAL_NAMES: dict[str, Approach] = {"zero-shot": "prompt", "rag": "rag", "few-shot": "prompt"}
METRIC = "score"
CHUNK = 200
# Ends of the sorted resamples that are looked at first; BCa hardly ever reaches further in.
EDGE = 400


class Batch:
    """The sums of many studies of one cell; bounds for any pair of variants."""

    def __init__(self, cell: Cell, scores: Array, resamples: int = RESAMPLES) -> None:
        """Add up scores of shape ``(studies, rows, items)`` within clusters."""
        import numpy as np

        self.cell, self.resamples = cell, resamples
        self.names = [*(f"tuned-{at + 1}" for at in range(cell.candidates)), *RIVAL_NAMES]
        member = np.zeros((cell.items, cell.clusters or cell.items))
        member[np.arange(cell.items), cell.groups] = 1.0
        self.member, self.counts = member, member.sum(0)
        studies, adapters = len(scores), cell.candidates * cell.seeds
        tuned = scores[:, :adapters].reshape(studies, cell.candidates, cell.seeds, cell.items)
        # What each adapter reaches, then the variant's score of an item: the mean over its adapters.
        self.figures = tuned.mean(-1)
        self.scores = np.concatenate([tuned.mean(2), scores[:, adapters:]], axis=1) if cell.seeds > 1 else scores
        self.sums = self.scores @ member if cell.clusters else self.scores
        total = self.sums.sum(-1)
        self.means = total / cell.items
        self.left = (total[..., None] - self.sums) / (cell.items - self.counts)

    def seeds(self, a: int, b: int) -> SeedNoise | None:
        """Return the noise of the training seeds in a pair, arrays over the studies."""
        sides = [self.figures[:, at] for at in (a, b) if at < self.cell.candidates and self.cell.seeds > 1]
        parts = [(side.var(-1, ddof=1) / self.cell.seeds, self.cell.seeds - 1.0) for side in sides]
        return SeedNoise(*pooled(parts)) if parts else None

    def bounds(
        self, a: int, b: int, tail: float, drawn: tuple[Array, Array] | None
    ) -> tuple[Array, Array, Array, Array, Array, Array]:
        """Return value, low, high, standard error, degrees of freedom, items that differ: variant a minus variant b.

        ``drawn`` are the pair's ends from :meth:`resample`, where there are any.
        """
        import numpy as np

        value, se = self.means[:, a] - self.means[:, b], spread_error(self.left[:, a] - self.left[:, b])
        differing = np.abs(self.scores[:, a] - self.scores[:, b]) > NOTHING
        count, differ = len(self.counts), differing.sum(-1)
        few = few_differ(differ, self.cell.items, count)
        rare = np.full(len(value), np.nan)
        if few.any():
            rare[few] = ((differing[few] @ self.member) > 0).sum(-1)
        low, high, total, df = ends(
            value, se, count, tail, drawn=drawn, rare=rare, seeds=self.seeds(a, b), bounds=(-1.0, 1.0)
        )
        return value, low, high, total, np.broadcast_to(df, value.shape), differ

    def resample(self, pairs: Sequence[tuple[int, int]], tail: float) -> dict[tuple[int, int], tuple[Array, Array]]:
        """Return the bootstrap's ends of pairs in every study; nothing where the clusters are too few for it."""
        import numpy as np

        studies, _, count = self.sums.shape
        if count < FEW_CLUSTERS:
            return {}
        weights = _weights(count, self.resamples)
        whole = weights @ self.counts
        variants = sorted({at for pair in pairs for at in pair})
        found: dict[tuple[int, int], tuple[Array, Array]] = {
            pair: (np.empty(studies), np.empty(studies)) for pair in pairs
        }
        for start in range(0, studies, CHUNK):
            part = slice(start, start + CHUNK)
            sums = self.sums[part][:, variants]
            drawn = (sums.reshape(-1, count) @ weights.T / whole).reshape(*sums.shape[:2], -1)
            for (a, b), (low, high) in found.items():
                figures = np.round(drawn[:, variants.index(a)] - drawn[:, variants.index(b)], ROUNDED)
                value = np.round(self.means[part, a] - self.means[part, b], ROUNDED)
                low[part], high[part] = bca(figures, value, self.left[part, a] - self.left[part, b], tail)
        return found

    def evidence(self, margin: float, alpha: float) -> Iterator[Evidence]:
        """Yield what the rule reads, study by study."""
        import numpy as np

        cell, names = self.cell, self.names
        approaches: dict[str, Approach] = dict.fromkeys(names[: cell.candidates], "tune")
        approaches |= RIVAL_NAMES
        tail = tail_for(alpha, cell.candidates, len(RIVAL_NAMES))
        pairs = list(combinations(range(len(names)), 2))
        drawn = self.resample(pairs, tail)
        found = {pair: self.bounds(*pair, tail, drawn.get(pair)) for pair in pairs}
        noise = {pair: self.seeds(*pair) for pair in pairs}
        rivals = range(cell.candidates, len(names))
        alike = {}
        for at in range(cell.candidates):
            errors = np.stack([found[at, rival][3] for rival in rivals], axis=-1)
            seeds = noise[at, cell.candidates]
            seed_se = np.sqrt(seeds.variance) if seeds is not None else np.zeros(len(errors))
            left = self.left[:, [at]] - self.left[:, cell.candidates :]
            alike[names[at]] = correlation_of(left, errors, seed_se).tolist()
        columns = {pair: [np.asarray(each).tolist() for each in found[pair]] for pair in pairs}
        means = self.means.tolist()
        seeds_of = {name: cell.seeds if at < cell.candidates else 1 for at, name in enumerate(names)}
        items, clusters = cell.items, len(self.counts)
        for study in range(len(means)):
            made = {}
            for a, b in pairs:
                value, low, high, se, df, differ = (column[study] for column in columns[a, b])
                first, second = names[a], names[b]
                made[first, second] = Comparison(
                    first, second, METRIC, value, low, high, items, clusters, tail, se=se, df=df, differing=differ
                )
            yield Evidence(
                approaches=approaches,
                pairs=made,
                means=dict(zip(names, means[study], strict=True)),
                items=items,
                metric=METRIC,
                margin=margin,
                alpha=alpha,
                correlations={name: table[study] for name, table in alike.items()},
                seeds=seeds_of,
            )


@lru_cache(maxsize=2)
def _weights(count: int, resamples: int) -> Array:
    """Return how often scipy.stats.bootstrap draws each cluster, shape ``(resamples, clusters)``, from seed 0."""
    import numpy as np

    drawn = np.random.default_rng(0).integers(0, count, (resamples, count))
    drawn += count * np.arange(resamples)[:, None]
    return np.bincount(drawn.ravel(), minlength=resamples * count).reshape(resamples, count).astype(float)


def bca(drawn: Array, value: Array, left: Array, tail: float) -> tuple[Array, Array]:
    """Return the BCa ends of many studies, percentile ends where it is undefined (Efron 1987).

    Args:
        drawn: resampled figures, shape ``(studies, resamples)``; its order is changed.
        value: the figure, shape ``(studies,)``.
        left: leave-one-out values, shape ``(studies, clusters)``.
        tail: error probability outside each end.
    """
    import numpy as np
    from scipy.special import ndtr, ndtri

    resamples = drawn.shape[-1]
    below = (drawn < value[:, None]).sum(-1) + (drawn <= value[:, None]).sum(-1)
    bias = ndtri(below / (2 * resamples))
    with np.errstate(divide="ignore", invalid="ignore"):
        pull = left.mean(-1, keepdims=True) - left
        squares = (pull**2).sum(-1)
        skew = (pull * pull * pull).sum(-1) / (6.0 * squares * np.sqrt(squares))
        shares = []
        for z in (ndtri(tail), -ndtri(tail)):
            moved = bias + z
            shares.append(ndtr(bias + moved / (1.0 - skew * moved)))
    low, high = shares
    edge = min(EDGE, resamples // 2 - 1)
    drawn.partition((edge, resamples - 1 - edge), axis=-1)
    drawn[:, :edge].sort(axis=-1)
    drawn[:, resamples - edge :].sort(axis=-1)
    ends = _quantile(drawn, low, edge), _quantile(drawn, high, edge)
    with np.errstate(invalid="ignore"):
        fine = np.isfinite(ends[0]) & np.isfinite(ends[1]) & (ends[0] < ends[1])
    if not fine.all():
        plain = [_quantile(drawn, np.full(len(drawn), share), edge) for share in (tail, 1.0 - tail)]
        ends = np.where(fine, ends[0], plain[0]), np.where(fine, ends[1], plain[1])
    return ends


def _quantile(drawn: Array, share: Array, edge: int) -> Array:
    """Return a quantile a row by linear interpolation; the rows are sorted within ``edge`` of both ends."""
    import numpy as np

    last = drawn.shape[-1] - 1
    place = np.nan_to_num(share) * last
    floor = np.clip(np.floor(place), 0, last - 1).astype(int)
    inner = (floor + 1 >= edge) & (floor <= last - edge)
    if inner.any():
        drawn[inner] = np.sort(drawn[inner], axis=-1)
    rows, part = np.arange(len(drawn)), place - floor
    found = drawn[rows, floor] * (1.0 - part) + drawn[rows, floor + 1] * part
    return np.where(np.isfinite(share), found, np.nan)
