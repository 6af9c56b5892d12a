"""What a run says about the price of tuning: forgetting from the adapters, break-even from the price table."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.errors import JoyulError
from assistant.paths import data_root
from assistant.schema import Variant
from eval.breakeven import break_even, measure_use
from eval.curve import newest_curve
from eval.forgetting import LANGUAGES, read_forgetting
from eval.prices import FILE, Prices, load_prices
from eval.schema import TUNED, Answer, Approach, Price, Suite, Verdict

if TYPE_CHECKING:
    from assistant.variants import VariantFactory


@dataclass(frozen=True, slots=True)
class Bill:
    """The ``forgetting``, ``break_even`` and ``curve`` of a run's document, and what its sentence says of them."""

    forgetting: Mapping[str, Any] = field(default_factory=dict)
    break_even: Mapping[str, Any] = field(default_factory=dict)
    price: Price = field(default_factory=Price)
    curve: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the parts of the document, nothing where no variant is tuned."""
        if not self.break_even:
            return {}
        parts = {"forgetting": dict(self.forgetting), "break_even": dict(self.break_even)}
        return parts | ({"curve": dict(self.curve)} if self.curve else {})


def price_files(root: Path | None = None, named: Path | None = None) -> list[Path]:
    """Return the price tables in force: the shipped one, the state folder's, a named one."""
    own = [] if root is None else [root / FILE]
    return [data_root() / FILE, *own, *([named] if named else [])]


def bill_of(
    suite: Suite,
    answers: Mapping[str, Mapping[str, Answer]],
    specs: Mapping[str, Variant],
    approaches: Mapping[str, Approach],
    verdict: Verdict,
    variants: "VariantFactory",
    streams: int,
) -> Bill:
    """Return what tuning cost and costs, for every tuned variant of a run.

    A broken price table or forgetting report takes its part away and says so; the run goes on.
    Of a variant that was trained with several seeds, what a request uses and what training took are those
    of the first adapter, as one is what a person would run; forgetting is said over all of them.
    """
    tuned = [name for name in specs if approaches[name] in TUNED]
    if not tuned:
        return Bill()
    forgetting, training = {}, {}
    for name in tuned:
        forgetting[name], training[name] = _stored(specs[name], variants)
        more = suite.replicates.get(name, ())[1:]
        if more and forgetting[name]:
            others = [_stored(replace(specs[name], adapter=adapter), variants)[0] for adapter in more]
            forgetting[name]["adapters"] = [losses_of(each) for each in (forgetting[name], *others)]
    own = {name: answers[name] for name in specs}
    measured = measure_use(suite.items, own, tuned, [name for name in specs if name not in tuned], streams)
    pair = next(((a, b) for a, b in _orders(verdict) if a in tuned and b in specs and b not in tuned), None)
    chosen = {"tuned": pair[0], "rival": pair[1]} if pair else None
    try:
        prices = load_prices(price_files(variants.home.root))
    except JoyulError as error:
        document: dict[str, Any] = {"error": error.message, "measured": measured, "training": training}
    else:
        document = priced({"measured": measured, "training": training, "chosen": chosen}, prices)
    base = str(measured["uses"][pair[0]]["base"]) if pair else ""
    curve = newest_curve(variants.home.runs, suite.name, pair[0], base) if pair else None
    return Bill(forgetting, document, price_for(document, forgetting), curve)


def stored_bill(verdict: Verdict, extras: Mapping[str, Any]) -> Bill:
    """Return the bill that an earlier document holds, for a verdict that may have changed since."""
    document, forgetting = dict(extras.get("break_even") or {}), extras.get("forgetting") or {}
    if not document:
        return Bill()
    pairs = [(pair["tuned"], pair["rival"]) for pair in document.get("pairs", ())]
    pair = next((each for each in _orders(verdict) if each in pairs), None)
    document["chosen"] = {"tuned": pair[0], "rival": pair[1]} if pair else None
    return Bill(forgetting, document, price_for(document, forgetting), extras.get("curve"))


def _orders(verdict: Verdict) -> tuple[tuple[str, str], tuple[str, str]]:
    return (verdict.chosen, verdict.against), (verdict.against, verdict.chosen)


def _stored(spec: Variant, variants: "VariantFactory") -> tuple[Any, dict[str, Any]]:
    """Return an adapter's forgetting and what training it took; None where nothing says so."""
    unknown: dict[str, Any] = {"seconds": None, "rows": None}
    try:
        adapter = variants.adapter(spec)
        if adapter is None:
            return None, unknown
        manifest = adapter.manifest
        data = manifest.params.get("data")
        rows = data.get("rows") if isinstance(data, dict) else None
        training = {"seconds": manifest.cost.get("seconds"), "rows": rows, "method": manifest.method}
        training |= {key: manifest.metrics.get(key) for key in ("first_loss", "final_loss")}
        return read_forgetting(adapter.path, manifest.weights_hash), training
    except JoyulError as error:
        return {"error": error.message}, unknown


def priced(stored: Mapping[str, Any], prices: Prices) -> dict[str, Any]:
    """Return the ``break_even`` document under a table; ``stored`` is an earlier one or holds its measured parts."""
    measured, training = stored["measured"], stored["training"]
    costs = {}
    for name, use in measured["uses"].items():
        rates = prices.rates(prices.billing_of(str(use["base"])), tuned=name in training)
        parts = [use[key] for key in ("prompt_tokens", "completion_tokens", "machine_seconds")]
        known = all(part is not None for part in parts)
        costs[name] = sum(rate * part for rate, part in zip(rates, parts, strict=True)) if known else None
    return {
        "currency": prices.currency,
        "chosen": stored.get("chosen"),
        "pairs": [crossing.to_json() for crossing in break_even(measured, training, prices)],
        "cost_per_request": costs,
        "assumptions": prices.to_json(),
        "measured": measured,
        "training": training,
    }


def price_for(document: Mapping[str, Any], forgetting: Mapping[str, Any]) -> Price:
    """Return what the verdict's sentence says: break-even of its pair, forgetting of its tuned variant.

    The volume has two digits, as more would claim what no price table holds. Where the interval of the
    saving holds both signs, nothing is said.
    """
    chosen = document.get("chosen") or {}
    pair: Mapping[str, Any] = next(
        (each for each in document.get("pairs", ()) if chosen and all(each[key] == chosen[key] for key in chosen)), {}
    )
    lost = forgetting.get(chosen.get("tuned", ""))
    changes = {language: mean_change(lost, language) for language in LANGUAGES}
    requests = pair.get("requests")
    assumed = (document.get("assumptions") or {}).get("requests_per_month") or {}
    return Price(
        break_even_requests_per_month=None if requests is None else float(f"{requests:.2g}"),
        break_even_known=bool(pair.get("known")) and _told_apart(pair),
        forgetting={language: change for language, change in changes.items() if change is not None},
        assumed_requests_per_month=assumed.get("value"),
    )


def _told_apart(pair: Mapping[str, Any]) -> bool:
    """Return whether the interval of the saving leaves no doubt which side is cheaper a request."""
    low, high = pair["saving_low"], pair["saving_high"]
    return low is None or low > 0 or high <= 0


def losses_of(lost: Mapping[str, Any] | None) -> dict[str, float | None]:
    """Return an adapter's relative change of loss per language, None where it was not measured."""
    loss = (lost or {}).get("loss") or {}
    return {language: (loss.get(language) or {}).get("change") for language in LANGUAGES}


def mean_change(lost: Mapping[str, Any] | None, language: str) -> float | None:
    """Return a variant's relative change of loss, the mean over its adapters where there are several."""
    rows = (lost or {}).get("adapters") or [losses_of(lost)]
    known = [row[language] for row in rows if row.get(language) is not None]
    return sum(known) / len(known) if known else None
