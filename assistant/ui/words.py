"""One language of the page as a function, and the few texts that are put together from others."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assistant.errors import JoyulError
from assistant.locales import keys, text, texts
from assistant.locales.faults import said
from assistant.schema import Language


@dataclass(frozen=True, slots=True)
class Words:
    """Speaks one language: ``words("chat.send")``."""

    language: Language

    def __call__(self, key: str, /, **params: Any) -> str:
        """Return the string of ``key``."""
        return text(key, self.language, **params)

    def all(self, key: str) -> list[str]:
        """Return the list of strings of ``key``."""
        return texts(key, self.language)

    def has(self, key: str) -> bool:
        """Return whether there is such a string."""
        return key in keys(self.language)

    def notice(self, notice: Mapping[str, Any]) -> str:
        """Return a stored notice as a sentence; one that is not known shows its key rather than nothing."""
        key = f"notice.{notice.get('key')}"
        params = {name: self.said(value) for name, value in notice.get("params", {}).items()}
        try:
            return self(key, **params)
        except KeyError:
            return str(notice.get("key", ""))

    def failure(self, error: JoyulError) -> str:
        """Return what failed, why, and the next step."""
        known = self.said(error.message)
        # Where the failure itself can be said, its kind adds nothing.
        lead = self(f"error.{error.kind}") if known == error.message and error.hint else ""
        return " ".join(part for part in (lead, _sentence(known), _sentence(self.said(error.hint))) if part)

    def said(self, text: Any) -> Any:
        """Return a failure's text in this language, other values as they are."""
        return said(text, self.language) if isinstance(text, str) else text

    def day(self, when: float, now: float | None = None) -> str:
        """Return the heading under which a conversation of that time is listed."""
        now = time.time() if now is None else now
        then, today = time.localtime(when), time.localtime(now)
        if (then.tm_year, then.tm_yday) == (today.tm_year, today.tm_yday):
            return self("day.today")
        yesterday = time.localtime(now - 86400)
        if (then.tm_year, then.tm_yday) == (yesterday.tm_year, yesterday.tm_yday):
            return self("day.yesterday")
        if now - when < 7 * 86400:
            return self("day.week")
        if then.tm_year == today.tm_year:
            return self("day.month", month=then.tm_mon, name=self.all("day.months")[then.tm_mon - 1])
        return self("day.year", year=then.tm_year)

    def seconds(self, value: float) -> str:
        """Return a duration, short."""
        if value < 1:
            return self("unit.seconds", n=f"{value:.2f}")
        if value < 60:
            return self("unit.seconds", n=f"{value:.1f}")
        if value < 3600:
            return self("unit.minutes", n=int(value // 60), seconds=int(value % 60))
        return self("unit.hours", n=int(value // 3600), minutes=int(value % 3600 // 60))

    def size(self, size: int) -> str:
        """Return a number of bytes, short."""
        if size < 1024:
            return f"{size} B"
        if size < 1024 * 1024:
            return f"{size / 1024:.0f} KB"
        return f"{size / 1024 / 1024:.1f} MB"


def _sentence(text: str) -> str:
    if not text:
        return ""
    text = text[0].upper() + text[1:]
    return text if text[-1] in ".!?…" else text + "."
