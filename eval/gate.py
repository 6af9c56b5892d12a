"""The gate of a build: does a finished run still keep what was promised? Every check says what it saw.

Quality is checked on the mean ("at least 0.5"), a change against an earlier run by non-inferiority: the
lower end of the paired difference must lie above minus the margin, so that too few items never pass
for "no worse" (Committee for Proprietary Medicinal Products 2001, "Points to consider on switching
between superiority and non-inferiority").
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from assistant.errors import InputError, UsageError
from assistant.lazy import nearest
from eval.metrics import METRICS, metric_named
from eval.pairing import compare_runs
from eval.record import Record
from eval.sentence import points

COVERAGE = 0.9
MARGIN = 0.02


@dataclass(frozen=True, slots=True)
class Limits:
    """What the gate asks for; None and empty mean "not asked"."""

    least: Mapping[str, float]
    coverage: float = COVERAGE
    forgetting: float | None = None
    margin: float = MARGIN


@dataclass(frozen=True, slots=True)
class Check:
    """One check: what was seen, what was asked, and whether that is enough."""

    check: str
    variant: str
    passed: bool
    seen: float | None
    asked: float
    text: str

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return asdict(self)


def check_run(record: Record, limits: Limits, variant: str = "", earlier: Record | None = None) -> list[Check]:
    """Return every check of one variant of a run.

    Args:
        record: the run.
        limits: what is asked.
        variant: whose figures count; by default the one that the verdict chose.
        earlier: a run that this one must not be worse than.

    Raises:
        UsageError: an unknown metric, or one of which less is better.
        InputError: an unknown variant, none chosen by the verdict, or forgetting was never measured.
    """
    name = variant or str(record.document["verdict"].get("chosen") or "")
    known = record.document["variants"]
    if name not in known:
        problem = f"the run has no variant {name!r:.60}" if name else "the verdict chose no variant"
        raise InputError(problem, f"name one with --variant: {nearest(name, known)}")
    checks = [_coverage(record, name, limits.coverage)]
    checks += [_least(record, name, metric, asked) for metric, asked in limits.least.items()]
    if earlier is not None:
        checks.append(_no_worse(record, earlier, name, limits.margin))
    if limits.forgetting is not None:
        checks += _forgetting(record, name, limits.forgetting)
    return checks


def _coverage(record: Record, name: str, asked: float) -> Check:
    primary = record.suite.primary
    found = record.document["variants"][name]["metrics"].get(primary) or {"n": 0, "unscored": 1}
    seen = found["n"] / max(1, found["n"] + found["unscored"])
    text = f"{found['n']} of {found['n'] + found['unscored']} items have a {primary}"
    return Check("coverage", name, seen >= asked, seen, asked, text)


def _least(record: Record, name: str, metric: str, asked: float) -> Check:
    if metric not in METRICS:
        raise UsageError(f"--min: unknown metric {metric!r:.60}", nearest(metric, METRICS))
    if not metric_named(metric).higher_is_better:
        raise UsageError(f"--min {metric}: less of it is better", "gate on a metric of quality")
    found = record.document["variants"][name]["metrics"].get(metric)
    if found is None:
        raise InputError(f"the run did not measure {metric}", f"joyul eval rescore RUN --metrics {metric}")
    mean = found["mean"]
    if mean is None:
        return Check(f"min {metric}", name, False, None, asked, f"{metric} has no score at all")
    ends = f" [{points(found['low'])}, {points(found['high'])}]" if found["low"] is not None else ""
    text = f"{metric} {points(mean)}{ends}, n {found['n']}, asked for {points(asked)}"
    return Check(f"min {metric}", name, mean >= asked, mean, asked, text)


def _no_worse(record: Record, earlier: Record, name: str, margin: float) -> Check:
    found = compare_runs(earlier, record)
    pair = found["variants"].get(name)
    if pair is None:
        raise InputError(f"the earlier run has no variant {name!r}", "name another one with --variant")
    check = f"no worse than {found['first']}"
    if pair["same_variant"]:
        text = "the variant is the very same, down to weights, prompt and index"
        return Check(check, name, True, pair["delta"], -margin, text)
    if pair["low"] is None:
        return Check(check, name, False, None, -margin, "the difference has no interval: too few groups or scores")
    passed = pair["low"] > -margin
    told = "no worse" if passed else "worse" if pair["high"] < 0 else "not shown to be no worse"
    delta, low, high = (points(pair[key], signed=True) for key in ("delta", "low", "high"))
    span = f"{delta} [{low}, {high}]"
    text = f"{told}: {found['metric']} {span}, {pair['n']} paired items, margin {points(margin)}"
    return Check(check, name, passed, pair["low"], -margin, text)


def _forgetting(record: Record, name: str, asked: float) -> list[Check]:
    if not record.document["variants"][name].get("adapter"):
        return [Check("forgetting", name, True, 0.0, asked, "the variant has no adapter, so nothing was forgotten")]
    lost = (record.document.get("forgetting") or {}).get(name) or {}
    if "loss" not in lost:
        adapter = record.document["variants"][name]["adapter"]
        raise InputError(
            f"forgetting of {name} was never measured",
            f"joyul eval forgetting {adapter}, then run the suite again; its answers are kept",
        )
    checks = []
    for language, change in lost["loss"].items():
        seen = change["change"]
        text = "not measured" if seen is None else f"loss on general text {points(seen, signed=True)} %"
        passed = seen is not None and seen <= asked
        checks.append(Check(f"forgetting {language}", name, passed, seen, asked, text))
    return checks
