"""The price table: what tokens, machine hours, energy, labels and hosting cost. Editable, strictly read.

``data/prices.yaml`` ships, ``<state folder>/prices.yaml`` overrides single keys, a named file overrides
both. Every figure remembers the file that it came from, so a report can print it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

from assistant.errors import InputError
from eval.strict import YamlFile, read_yaml

FILE = "prices.yaml"
Currency = Literal["KRW", "USD"]
Billing = Literal["machine", "tokens"]
HIGHEST = 1e12


@dataclass(frozen=True, slots=True)
class Prices:
    """One price table; amounts in ``currency``, tokens per million, machines and people per hour.

    ``origins`` names the file of each key. ``months`` is how long what is paid once has to last.
    """

    currency: Currency
    krw_per_usd: float
    billing: Literal["auto", "machine", "tokens"]
    prompt_million: float
    completion_million: float
    tuned_prompt_million: float
    tuned_completion_million: float
    answer_hour: float
    training_hour: float
    answer_watts: float
    training_watts: float
    kwh: float
    label_row: float
    setup_hours: float
    person_hour: float
    tuned_hosting_month: float
    retrains_per_month: float
    relabelled_share: float
    requests_per_month: float
    months: float
    origins: Mapping[str, str] = field(default_factory=dict)

    def billing_of(self, base: str) -> Billing:
        """Return how a base is paid: by tokens where a server answers, by the machine where its weights are here.

        A base in this process is called ``name@hash``, one behind a server ``host/model``.
        """
        if self.billing != "auto":
            return self.billing
        return "machine" if "@" in base or not base else "tokens"

    def rates(self, billing: Billing, tuned: bool) -> tuple[float, float, float]:
        """Return the price of one prompt token, one completion token and one second of the machine."""
        if billing == "machine":
            return 0.0, 0.0, self._second(self.answer_hour, self.answer_watts)
        prompt = self.tuned_prompt_million if tuned else self.prompt_million
        completion = self.tuned_completion_million if tuned else self.completion_million
        return prompt / 1e6, completion / 1e6, 0.0

    def training(self, seconds: float) -> float:
        """Return what one training run costs."""
        return seconds * self._second(self.training_hour, self.training_watts)

    def _second(self, hour: float, watts: float) -> float:
        return (hour + watts / 1000.0 * self.kwh) / 3600.0

    def other(self, amount: float) -> tuple[Currency, float]:
        """Return an amount in the other currency."""
        return ("USD", amount / self.krw_per_usd) if self.currency == "KRW" else ("KRW", amount * self.krw_per_usd)

    def to_json(self) -> dict[str, Any]:
        """Return ``{key: {"value", "source"}}``."""
        names = [each.name for each in fields(self) if each.name != "origins"]
        return {name: {"value": getattr(self, name), "source": self.origins.get(name, "")} for name in names}

    def changed(self, **values: float) -> "Prices":
        """Return a table with other figures, as flags or a sensitivity analysis give them."""
        return replace(self, **values, origins={**self.origins, **dict.fromkeys(values, "given")})  # type: ignore[arg-type]


_TEXTS = {"currency": ("KRW", "USD"), "billing": ("auto", "machine", "tokens")}
_POSITIVE = ("krw_per_usd", "months")


def load_prices(files: Sequence[Path]) -> Prices:
    """Read price tables; later files override single keys of earlier ones, files that are not there are skipped.

    Raises:
        InputError: no file is there, a key is unknown or missing, or a figure is out of range.
    """
    known = {each.name for each in fields(Prices)} - {"origins"}
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    found = [path for path in files if path.is_file()]
    for path in found:
        file = read_yaml(path)
        file.refuse_unknown(known)
        for key in file.values:
            values[key] = _value(file, key)
            origins[key] = f"{path.parent.name}/{path.name}"
    missing = sorted(known - values.keys())
    if missing:
        where = str(found[0]) if found else "the price table"
        raise InputError(f"{where}: {', '.join(missing[:5])} missing", f"start from the shipped {FILE}")
    return Prices(**values, origins=origins)


def _value(file: YamlFile, key: str) -> str | float:
    if key in _TEXTS:
        value: str = file.take(key, str, needed=True)
        if value not in _TEXTS[key]:
            raise file.error((key,), f"{value!r:.40} is unknown", f"one of {', '.join(_TEXTS[key])}")
        return value
    amount = float(file.take(key, (int, float), needed=True))
    if not 0 <= amount <= HIGHEST:
        raise file.error((key,), f"{amount:g} is no price", "a number of at least 0")
    if key in _POSITIVE and amount <= 0:
        raise file.error((key,), "has to be above 0")
    if key == "relabelled_share" and amount > 1:
        raise file.error((key,), f"{amount:g} is no share", "0 to 1")
    return amount
