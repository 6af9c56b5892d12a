"""The data curve: quality over the number of training rows, and what more rows would bring.

An inverse power law, q(n) = a - b * n ** -c, is fitted where four sizes allow it (Figueroa et al. 2012,
"Predicting sample size required for classification performance", BMC Med Inform Decis Mak 12:8; Hestness
et al. 2017, "Deep learning scaling is predictable, empirically", arXiv:1712.00409), else a straight line
in log2(n), else nothing. The interval of the gain comes from refitting on resampled items (whole
clusters, the same ones for every size, since all sizes answered the same items) and training seeds;
with one seed a size, how far the points lie off a straight line in log2(n) stands in for the noise of
training, which is too much rather than too little where the true curve bends.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from eval.cost_words import cost_word
from eval.sentence import points
from eval.words import metric_name

if TYPE_CHECKING:
    from eval.stats import Array

CURVES, CURVE = "curves", "curve.json"
RESAMPLES = 300
TAIL = 0.025
FEWEST_SIZES, SIZES_FOR_POWER = 3, 4
STEEPEST = 3.0
# A law that fails on more than this share of the resamples is not believed.
FAILED_SHARE = 0.2
Law = Literal["power", "log", "none"]
Answer = Literal["worth", "not_worth", "cannot_tell", "no_fit"]


@dataclass(frozen=True, slots=True)
class Trial:
    """One training run of the curve: its rows and seed, and every item's summable score vector and cluster."""

    rows: int
    seed: int
    vectors: Mapping[str, Sequence[float]]
    clusters: Mapping[str, str]
    unscored: int = 0


@dataclass(frozen=True, slots=True)
class Point:
    """Quality at one size, over its seeds; None where nothing was scored."""

    rows: int
    mean: float | None
    low: float | None
    high: float | None
    n: int
    unscored: int
    seeds: int


@dataclass(frozen=True, slots=True)
class Curve:
    """The points, the law that was fitted, its line for the plot, and the gain from twice as many rows."""

    metric: str
    points: tuple[Point, ...]
    law: Law
    parameters: tuple[float, ...]
    line: tuple[tuple[float, float], ...]
    gain: float | None
    gain_low: float | None
    gain_high: float | None
    answer: Answer
    text: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values; ``answer`` holds ``key`` and ``text``."""
        return asdict(self) | {"answer": {"key": self.answer, "text": dict(self.text)}}


def fit_curve(
    trials: Sequence[Trial],
    metric: str,
    statistic: "Callable[[Array], Array]",
    margin: float,
    seed: int = 0,
) -> Curve:
    """Return the curve of training runs that all answered the same items.

    More rows are *worth* labelling where twice as many bring more than ``margin`` by the interval's
    lower end, *not worth* it where the upper end stays below; otherwise it cannot be told.

    Args:
        trials: one a size and seed; size 0 is the untuned base, shown but not fitted.
        metric: its name.
        statistic: summed vectors -> quality, as ``Metric.statistic``.
        margin: the smallest difference that matters, a fraction.
        seed: of the resampling.
    """
    shown = tuple(_point(rows, [t for t in trials if t.rows == rows], statistic) for rows in _sizes(trials))
    grown = [trial for trial in trials if trial.rows > 0]
    sizes = [rows for rows in _sizes(grown) if any(p.rows == rows and p.mean is not None for p in shown)]
    law: Law = "none"
    fitted: tuple[float, ...] = ()
    gains: list[float] = []
    for law in _laws(sizes):
        fitted, gains = _fit_all(grown, sizes, law, statistic, seed)
        if fitted and len(gains) >= (1 - FAILED_SHARE) * RESAMPLES:
            break
        law, fitted = "none", ()
    if not fitted:
        return _curve(metric, shown, "none", (), sizes, None, None, None, margin)
    import numpy as np

    low, high = (float(value) for value in np.quantile(gains, [TAIL, 1 - TAIL]))
    gain = _gain(law, fitted, sizes[-1])
    return _curve(metric, shown, law, fitted, sizes, gain, min(low, gain), max(high, gain), margin)


def _sizes(trials: Sequence[Trial]) -> list[int]:
    return sorted({trial.rows for trial in trials})


def _laws(sizes: Sequence[int]) -> list[Law]:
    if len(sizes) < FEWEST_SIZES:
        return []
    return ["power", "log"] if len(sizes) >= SIZES_FOR_POWER else ["log"]


def _point(rows: int, trials: Sequence[Trial], statistic: "Callable[[Array], Array]") -> Point:
    """Return a size's quality: all seeds of an item are of one cluster, as they share its question."""
    import numpy as np

    from eval.stats import interval

    vectors = [vector for trial in trials for vector in trial.vectors.values()]
    clusters = [trial.clusters[item] for trial in trials for item in trial.vectors]
    unscored = sum(trial.unscored for trial in trials)
    if not vectors:
        return Point(rows, None, None, None, 0, unscored, len(trials))
    found = interval(np.array(vectors, dtype=float), clusters, statistic, bounds=(0.0, 1.0))
    items = len({item for trial in trials for item in trial.vectors})
    return Point(rows, found.value, found.low, found.high, items, unscored, len(trials))


def _fit_all(
    trials: Sequence[Trial], sizes: Sequence[int], law: Law, statistic: "Callable[[Array], Array]", seed: int
) -> tuple[tuple[float, ...], list[float]]:
    """Return the fit on all items and the gain of each refit on resampled clusters and seeds."""
    import numpy as np

    rng = np.random.default_rng(seed)
    clusters = sorted({cluster for trial in trials for cluster in trial.clusters.values()})
    place = {name: at for at, name in enumerate(clusters)}
    sums = {id(trial): _cluster_sums(trial, place) for trial in trials}
    by_size = [[trial for trial in trials if trial.rows == rows] for rows in sizes]

    def qualities(weights: "Array", chosen: Sequence[Sequence[Trial]]) -> list[float]:
        with np.errstate(divide="ignore", invalid="ignore"):
            return [float(statistic(sum(weights @ sums[id(trial)] for trial in some))) for some in chosen]

    seen = qualities(np.ones(len(clusters)), by_size)
    fitted = _fit(law, sizes, seen)
    if not fitted:
        return (), []
    if np.ptp(seen) == 0.0:
        # Nothing varies: as in `stats.interval`, by the rule of three fewer clusters than this can differ.
        reach = 1.0 - TAIL ** (1.0 / len(clusters))
        return fitted, [-reach, reach] * (RESAMPLES // 2)
    noise = 0.0 if all(len(some) > 1 for some in by_size) else _spread(sizes, seen)
    gains = []
    for _ in range(RESAMPLES):
        weights = np.bincount(rng.integers(0, len(clusters), len(clusters)), minlength=len(clusters)).astype(float)
        drawn = [[some[at] for at in rng.integers(0, len(some), len(some))] for some in by_size]
        noisy = np.array(qualities(weights, drawn)) + rng.normal(0.0, 1.0, len(sizes)) * noise
        refit = _fit(law, sizes, noisy, fitted)
        if refit:
            gains.append(_gain(law, refit, sizes[-1]))
    return fitted, gains


def _cluster_sums(trial: Trial, place: Mapping[str, int]) -> "Array":
    import numpy as np

    width = len(next(iter(trial.vectors.values()), ()))
    found = np.zeros((len(place), width))
    for item, vector in trial.vectors.items():
        found[place[trial.clusters[item]]] += vector
    return found


def _spread(sizes: Sequence[int], qualities: Sequence[float]) -> float:
    """Return the residual standard deviation around a straight line in log2(rows)."""
    import numpy as np

    x, y = np.log2(np.array(sizes, dtype=float)), np.array(qualities)
    left = y - np.polyval(np.polyfit(x, y, 1), x)
    return float(np.sqrt((left**2).sum() / (len(sizes) - 2)))


def _fit(
    law: Law, sizes: Sequence[int], qualities: "Sequence[float] | Array", start: Sequence[float] = ()
) -> tuple[float, ...]:
    """Return the law's parameters, () where it cannot be fitted."""
    import numpy as np
    from scipy.optimize import curve_fit

    x, y = np.array(sizes, dtype=float) / sizes[-1], np.array(qualities)
    if not np.all(np.isfinite(y)):
        return ()
    if law == "log":
        slope, level = np.polyfit(np.log2(x), y, 1)
        return float(level), float(slope)
    if float(np.ptp(y)) < 1e-9:
        return ()
    # In units of the largest size the drop b is a quality too, which keeps the fit well scaled.
    begin, bounds = start or (min(y[-1] + 0.05, 1.0), 0.05, 0.5), ((0.0, -1.0, 0.01), (1.0, 1.0, STEEPEST))
    try:
        found, _ = curve_fit(lambda n, a, b, c: a - b * n**-c, x, y, p0=begin, bounds=bounds, maxfev=2000)
    except (RuntimeError, ValueError):
        return ()
    return tuple(float(value) for value in found)


def value_at(law: Law, parameters: Sequence[float], share: float) -> float:
    """Return the law's quality at ``share`` times the largest size that was trained, held within 0 and 1."""
    from math import log2

    if law == "log":
        value = parameters[0] + parameters[1] * log2(share)
    else:
        value = parameters[0] - parameters[1] * share ** -parameters[2]
    return min(max(value, 0.0), 1.0)


def _gain(law: Law, parameters: Sequence[float], largest: int) -> float:
    return value_at(law, parameters, 2.0) - value_at(law, parameters, 1.0)


def _curve(
    metric: str,
    shown: tuple[Point, ...],
    law: Law,
    parameters: tuple[float, ...],
    sizes: Sequence[int],
    gain: float | None,
    low: float | None,
    high: float | None,
    margin: float,
) -> Curve:
    answer: Answer = "no_fit"
    line: tuple[tuple[float, float], ...] = ()
    if gain is not None and low is not None and high is not None:
        answer = "worth" if low > margin else "not_worth" if high < margin else "cannot_tell"
        largest, smallest = sizes[-1], sizes[0] / sizes[-1]
        shares = [smallest * (2.0 / smallest) ** (at / 40) for at in range(41)]
        line = tuple((share * largest, value_at(law, parameters, share)) for share in shares)
    text = {}
    for language in ("ko", "en"):
        numbers = {
            "rows": f"{sizes[-1]:,}" if sizes else "0",
            "more": f"{2 * sizes[-1]:,}" if sizes else "0",
            "metric": metric_name(metric, language),
            "gain": points(gain, signed=True),
            "low": points(low, signed=True),
            "high": points(high, signed=True),
        }
        parts = [cost_word(answer, **numbers).of(language)]
        if law != "none":
            named = cost_word(f"model_{law}").of(language)
            parts.append(cost_word("fitted", model=named, n=len(sizes)).of(language))
        text[language] = " ".join(parts)
    return Curve(metric, shown, law, parameters, line, gain, low, high, answer, text)


def newest_curve(runs: Path, suite: str, variant: str, base: str) -> dict[str, Any] | None:
    """Return the newest finished study of a suite's variant on this very base, None where there is none."""
    found = []
    for file in (runs / CURVES).glob(f"{suite}-{variant}-*/{CURVE}"):
        try:
            document = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(document, dict) and [document.get(key) for key in ("variant", "base")] == [variant, base]:
            found.append(document)
    return max(found, key=lambda document: str(document.get("created", "")), default=None)
