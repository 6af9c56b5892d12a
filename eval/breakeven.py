"""Break-even: from which volume on tuning is cheaper than the untuned rival, and after how many months.

What a request uses is measured by the run (tokens, seconds), what tuning took stands in the adapter's
manifest, and what things cost comes from the price table. The arithmetic is linear, so it can be
redone for any table without the answers: the run keeps means and their covariance.

    saving        = cost of a request of the rival - cost of one of the tuned variant
    monthly       = hosting + retrains * (training + relabelled rows)
    once          = training + labelled rows + setup hours
    requests      = (once / months + monthly) / saving            a month; never where saving <= 0
    month         = once / (volume * saving - monthly)            never where that is <= 0
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from eval.prices import Billing, Prices
from eval.schema import Answer, Item

TAIL = 0.025


@dataclass(frozen=True, slots=True)
class Case:
    """What the answer would be under another assumption; ``key`` is a word of ``eval.cost_words``."""

    key: str
    requests: float | None
    month: float | None


@dataclass(frozen=True, slots=True)
class Crossing:
    """One tuned variant against one untuned rival, in the table's currency.

    ``requests`` a month and ``month`` are None where the lines never cross; ``known`` is false where
    something was not measured, and ``reason`` says what. ``requests_high`` None: the interval of the
    saving reaches down to no saving at all.
    """

    tuned: str
    rival: str
    known: bool
    reason: str = ""
    n: int = 0
    billing: Billing = "machine"
    cost_tuned: float | None = None
    cost_rival: float | None = None
    saving: float | None = None
    saving_low: float | None = None
    saving_high: float | None = None
    once: float | None = None
    monthly: float | None = None
    requests: float | None = None
    requests_low: float | None = None
    requests_high: float | None = None
    month: float | None = None
    sensitivity: tuple[Case, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def measure_use(
    items: Sequence[Item],
    answers: Mapping[str, Mapping[str, Answer]],
    tuned: Sequence[str],
    rivals: Sequence[str],
    streams: int,
) -> dict[str, Any]:
    """Return what a request uses, per variant and per pair, as plain JSON values.

    Seconds were measured while ``streams`` answers ran at once, so one answer keeps the machine busy
    for its seconds divided by ``streams`` (Little 1961, "A proof for the queuing formula L = lambda W").
    Pairs hold the means of (prompt tokens, completion tokens, machine seconds) of the rival, then of
    the tuned variant, over the items that both answered, and the covariance of those means over
    clusters (delete-one-cluster jackknife, as in ``eval.stats``).
    """
    uses = {}
    for name, row in answers.items():
        good = [answer for item in items if not (answer := row[item.id]).error]
        uses[name] = {"n": len(good), "unscored": len(items) - len(good)} | {
            "base": next((answer.base for answer in good), ""),
            "prompt_tokens": _mean([answer.prompt_tokens for answer in good]),
            "completion_tokens": _mean([answer.completion_tokens for answer in good]),
            "machine_seconds": _mean([answer.seconds / streams for answer in good]),
        }
    pairs = [_pair(items, answers, first, second, streams) for first in tuned for second in rivals]
    return {"streams": streams, "uses": uses, "pairs": pairs}


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _pair(
    items: Sequence[Item], answers: Mapping[str, Mapping[str, Answer]], tuned: str, rival: str, streams: int
) -> dict[str, Any]:
    import numpy as np

    from eval.stats import cluster_sums

    rows, clusters = [], []
    for item in items:
        both = (answers[rival][item.id], answers[tuned][item.id])
        if not any(answer.error for answer in both):
            clusters.append(item.group)
            used = [(each.prompt_tokens, each.completion_tokens, each.seconds / streams) for each in both]
            rows.append([*used[0], *used[1], 1.0])
    found: dict[str, Any] = {"tuned": tuned, "rival": rival, "n": len(rows), "clusters": 0}
    if not rows:
        return found
    sums = cluster_sums(np.array(rows, dtype=float), clusters)
    total = sums.sum(0)
    found |= {"clusters": len(sums), "means": (total[:6] / total[6]).tolist()}
    if len(sums) > 1:
        left = total - sums
        each = left[:, :6] / left[:, 6:]
        spread = each - each.mean(0)
        found["covariance"] = ((len(sums) - 1) / len(sums) * spread.T @ spread).tolist()
    return found


def break_even(measured: Mapping[str, Any], training: Mapping[str, Any], prices: Prices) -> tuple[Crossing, ...]:
    """Return every pair's crossing under a price table.

    Args:
        measured: from :func:`measure_use`.
        training: per tuned variant ``{"seconds", "rows"}``, either None where it is not known.
        prices: the table.
    """
    uses = measured["uses"]
    return tuple(_crossing(pair, uses, training.get(pair["tuned"]) or {}, prices) for pair in measured["pairs"])


def _crossing(
    pair: Mapping[str, Any], uses: Mapping[str, Any], training: Mapping[str, Any], prices: Prices
) -> Crossing:
    tuned, rival = str(pair["tuned"]), str(pair["rival"])
    billing = prices.billing_of(str(uses[tuned]["base"]))
    if not pair["n"]:
        return Crossing(tuned, rival, False, "no_answers", billing=billing)
    if training.get("seconds") is None or training.get("rows") is None:
        return Crossing(tuned, rival, False, "no_training_record", int(pair["n"]), billing)
    weights = [
        *prices.rates(prices.billing_of(str(uses[rival]["base"])), tuned=False),
        *(-rate for rate in prices.rates(billing, tuned=True)),
    ]
    parts = [weight * mean for weight, mean in zip(weights, pair["means"], strict=True)]
    saving, reach = sum(parts), _reach(pair, weights)
    once, monthly = _fixed(training, prices)
    low, high = (None, None) if reach is None else (saving - reach, saving + reach)
    return Crossing(
        tuned=tuned,
        rival=rival,
        known=True,
        n=int(pair["n"]),
        billing=billing,
        cost_tuned=-sum(parts[3:]),
        cost_rival=sum(parts[:3]),
        saving=saving,
        saving_low=low,
        saving_high=high,
        once=once,
        monthly=monthly,
        requests=requests_needed(saving, once, monthly, prices.months),
        requests_low=None if high is None else requests_needed(high, once, monthly, prices.months),
        requests_high=None if low is None else requests_needed(low, once, monthly, prices.months),
        month=month_of(saving, once, monthly, prices.requests_per_month),
        sensitivity=_cases(saving, training, prices),
    )


def _reach(pair: Mapping[str, Any], weights: Sequence[float]) -> float | None:
    """Return half the width of the saving's 95 % interval: Student's t on the clusters; None for one cluster."""
    if "covariance" not in pair:
        return None
    import numpy as np
    from scipy.stats import t

    vector = np.array(weights)
    variance = float(vector @ np.array(pair["covariance"]) @ vector)
    return float(t.ppf(1.0 - TAIL, pair["clusters"] - 1) * max(variance, 0.0) ** 0.5)


def _fixed(training: Mapping[str, Any], prices: Prices) -> tuple[float, float]:
    """Return what tuning costs once and what it costs every month."""
    run, labels = prices.training(float(training["seconds"])), float(training["rows"]) * prices.label_row
    again = run + labels * prices.relabelled_share
    return (
        run + labels + prices.setup_hours * prices.person_hour,
        prices.tuned_hosting_month + prices.retrains_per_month * again,
    )


def requests_needed(saving: float, once: float, monthly: float, months: float) -> float | None:
    """Return the requests a month from which tuning is cheaper over ``months``, None for never."""
    return (once / months + monthly) / saving if saving > 0 else None


def month_of(saving: float, once: float, monthly: float, volume: float) -> float | None:
    """Return after how many months tuning has paid for itself at a volume, None for never."""
    left = volume * saving - monthly
    return once / left if left > 0 else None


def _cases(saving: float, training: Mapping[str, Any], prices: Prices) -> tuple[Case, ...]:
    volume, label = prices.requests_per_month, prices.label_row
    variations: list[tuple[str, float, Prices]] = [
        ("price_half", saving / 2, prices),
        ("price_double", saving * 2, prices),
        ("volume_tenth", saving, prices.changed(requests_per_month=volume / 10)),
        ("volume_tenfold", saving, prices.changed(requests_per_month=volume * 10)),
        ("retrain_never", saving, prices.changed(retrains_per_month=0.0)),
        ("retrain_monthly", saving, prices.changed(retrains_per_month=1.0)),
        ("retrain_weekly", saving, prices.changed(retrains_per_month=4.0)),
        ("labels_free", saving, prices.changed(label_row=0.0)),
        ("labels_double", saving, prices.changed(label_row=2 * label)),
    ]
    found = []
    for key, each, table in variations:
        once, monthly = _fixed(training, table)
        requests = requests_needed(each, once, monthly, table.months)
        found.append(Case(key, requests, month_of(each, once, monthly, table.requests_per_month)))
    return tuple(found)
