"""The card of a dataset version, written from what is stored and from nothing else."""

import datetime
from typing import TYPE_CHECKING

from assistant.locales import text
from assistant.schema import Language

if TYPE_CHECKING:
    from assistant.datasets.versions import Manifest

_UNKNOWN = ("unknown", "")


def card(manifest: "Manifest", language: Language) -> str:
    """Return the card as Markdown: sources, licences, counts, personal data, splits, known gaps."""

    def say(key: str, **params: object) -> str:
        return text(f"dataset_card.{key}", language, **params)

    made = datetime.datetime.fromtimestamp(manifest.created, datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    lines = [f"# {manifest.name}", "", say("intro", rows=f"{manifest.rows:,}", version=manifest.version, made=made)]
    lines += [say("parent", parent=manifest.parent) if manifest.parent else say("no_parent")]
    lines += [say("operation", operation=manifest.operation.get("name", "?")), "", f"## {say('sources')}", ""]
    for source in manifest.sources:
        licence = source.get("licence") or say("licence_unknown")
        parts = (source.get("file", "?"), source.get("format", "?"), f"{source.get('rows', 0):,}", licence)
        lines.append("- " + " · ".join(str(part) for part in parts))
    lines += [] if manifest.sources else [say("no_sources")]
    for key in ("kind", "language", "split", "label"):
        if counts := manifest.counts.get(key):
            lines += ["", f"## {say('by_' + key)}", "", f"| {say('by_' + key)} | {say('rows')} |", "|---|---:|"]
            lines += [f"| {name} | {count:,} |" for name, count in counts.items()]
    lines += ["", f"## {say('personal')}", ""]
    lines += [f"- {found_said(found, language)}: {count:,}" for found, count in sorted(manifest.personal.items())]
    lines += [] if manifest.personal else [say("personal_unchecked" if unchecked(manifest) else "personal_none")]
    lines += ["", f"## {say('gaps')}", "", *(f"- {say('gap_' + gap)}" for gap in gaps(manifest))]
    return "\n".join(lines if gaps(manifest) else [*lines, say("no_gaps")]) + "\n"


def found_said(found: str, language: Language) -> str:
    """Return a ``kind:action`` of found personal data in words."""
    kind, _, action = found.partition(":")
    said = {"kind": text(f"personal.kind_{kind}", language), "action": text(f"personal.action_{action}", language)}
    return text("personal.found", language, **said)


def unchecked(manifest: "Manifest") -> bool:
    """Return whether some rows came in without a look for personal data."""
    return any(source.get("personal") == "off" for source in manifest.sources)


def gaps(manifest: "Manifest") -> list[str]:
    """Return what the version lacks, as locale keys."""
    found = []
    if any((source.get("licence") or "") in _UNKNOWN for source in manifest.sources):
        found.append("licence")
    if "split" not in manifest.counts:
        found.append("splits")
    if not manifest.notes.get("leaks_checked"):
        found.append("leaks")
    languages = manifest.counts.get("language", {})
    if len(languages) == 1:
        found.append("one_language")
    if unchecked(manifest):
        found.append("personal")
    if any(kind.endswith(":review") for kind in manifest.personal):
        found.append("review")
    return found
