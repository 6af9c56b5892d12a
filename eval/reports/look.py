"""How variants, metrics and figures are written: one name, one colour and one letter wherever they appear."""

from collections.abc import Mapping
from typing import Any

from eval.metrics import METRICS, metric_named
from eval.reports.blocks import Both
from eval.sentence import points
from eval.words import method_name, metric_name, variant_name, word

KINDS = ("zero-shot", "few-shot", "rag", "tuned", "rag-tuned", "remote")
LETTERS = {"zero-shot": "Z", "few-shot": "F", "rag": "R", "tuned": "T", "rag-tuned": "RT", "remote": "S"}
_BY_APPROACH = {"rag": "rag", "tune": "tuned", "rag+tune": "rag-tuned"}
MISSING = "–"


def say(key: str, **values: object) -> Both:
    """Return a word of the reports in both languages."""
    return Both(word(key, "ko", **values), word(key, "en", **values))


def label(variant: str) -> Both:
    """Return a variant's name; the usual ones have a Korean name, in English the name of the suite stays."""
    return Both(variant_name(variant, "ko"), variant)


def metric(name: str) -> Both:
    """Return a metric's name."""
    return Both(metric_name(name, "ko"), metric_name(name, "en"))


def kind_of(name: str, row: Mapping[str, Any] | None = None) -> str:
    """Return which of the six looks a variant has: by its name where that is a usual one, else by what it is."""
    if name in KINDS:
        return name
    row = row or {}
    approach = str(row.get("approach", ""))
    if approach in _BY_APPROACH:
        return _BY_APPROACH[approach]
    if row.get("model", "default") != "default":
        return "remote"
    return "few-shot" if row.get("shots") else "zero-shot"


def figure(name: str, value: float | None) -> str:
    """Return a metric's value as people read it: fractions in points, the rest with their unit."""
    if value is None:
        return MISSING
    unit = metric_named(name).unit if name in METRICS else "fraction"
    if unit == "fraction":
        return f"{100 * value:.1f}"
    return f"{value:,.0f}" if unit == "tokens" else f"{value:,.2f}"


def interval(name: str, low: float | None, high: float | None) -> str:
    """Return both ends of a metric's interval, '' where it has none."""
    return "" if low is None or high is None else f"{figure(name, low)}–{figure(name, high)}"


def bounds(pair: Mapping[str, Any]) -> str:
    """Return a difference's interval in points."""
    if pair.get("low") is None or pair.get("high") is None:
        return MISSING
    return f"{points(pair['low'], signed=True)} … {points(pair['high'], signed=True)}"


def method(name: str) -> Both:
    """Return how an interval or a test was made."""
    return Both(method_name(name, "ko"), method_name(name, "en"))


def p_value(pair: Mapping[str, Any]) -> Both:
    """Return the descriptive test of no difference, '' where there is none."""
    p = pair.get("p")
    if p is None:
        return Both("", "")
    shown = "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
    ko, en = method(str(pair["test"]))
    return Both(f"{ko}: {shown}", f"{en}: {shown}")
