"""The settings drawer of the chat page."""

from dataclasses import replace
from typing import NamedTuple

from assistant.chat import Options
from assistant.errors import InputError
from assistant.schema import Sampling, Variant
from assistant.ui.icons import icon
from assistant.ui.markup import element, escape
from assistant.ui.words import Words


class Knobs(NamedTuple):
    """The settings drawer's values; they start as the variant's own."""

    system: str = ""
    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 128
    seed: int = 0
    k: int = 2

    @classmethod
    def of(cls, spec: Variant) -> "Knobs":
        """Return a variant's own values."""
        sampling = spec.sampling
        return cls("", sampling.temperature, sampling.top_p, sampling.max_tokens, sampling.seed, spec.k)

    def options(self, spec: Variant) -> Options:
        """Return what differs from the variant's own, so that an untouched drawer changes nothing.

        Raises:
            InputError: a value is missing or not a number.
        """
        try:
            sampling = replace(
                spec.sampling,
                temperature=float(self.temperature),
                top_p=float(self.top_p),
                max_tokens=int(self.max_tokens),
                seed=int(self.seed),
            )
            k = int(self.k)
        except (TypeError, ValueError):
            raise InputError("a value in the settings is not a number", "press Reset in the settings") from None
        changed: Sampling | None = sampling if sampling != spec.sampling else None
        return Options(system=self.system.strip(), sampling=changed, k=k if k != spec.k else None)


def settings_note(words: Words, knobs: Knobs) -> str:
    """Return the drawer's line on what the variant itself would use."""
    return words(
        "settings.defaults",
        temperature=f"{knobs.temperature:g}",
        top_p=f"{knobs.top_p:g}",
        length=knobs.max_tokens,
        seed=knobs.seed,
        k=knobs.k,
    )


def settings_button(words: Words) -> str:
    """Return the button that opens the settings drawer."""
    label = words("settings.title")
    return element(
        "button",
        icon("sliders"),
        element("span", escape(label)),
        type="button",
        class_="tool",
        data_local="settings",
        aria_label=label,
        aria_expanded="false",
    )
