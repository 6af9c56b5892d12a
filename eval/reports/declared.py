"""What was fixed before the run, how often its test items have been read, and what to be careful about."""

from collections.abc import Iterable, Mapping
from typing import Any

from eval.reports.blocks import Block, Both, Facts, Note, Section, Text
from eval.reports.confusion import unreadable
from eval.reports.look import label, metric, say
from eval.sentence import points

Document = Mapping[str, Any]
_BOTH = ("ko", "en")
# From this share of answers on without a readable label, a lead over the variant is worth a warning.
UNREADABLE = 0.2


def warnings(document: Document) -> list[Section]:
    """Return what to be careful about, which stands right under the verdict."""
    said: list[Text] = list(document.get("declared", {}).get("warnings", ()))
    reads = document.get("reads", {}).get("items", 1)
    if reads > 1:
        said.append(say("read_again", reads=f"{reads:,}"))
    if document["verdict"].get("after_the_fact"):
        said.append(say("after_the_fact"))
    for name, row in document["variants"].items():
        failed = sum(row.get("failed", {}).values())
        if failed:
            reason = next(iter(row["failed"]))
            ko, en = label(name)
            said.append(say("failed_answers", name_ko=ko, name_en=en, n=f"{failed:,}", reason=reason))
        bad, answers = unreadable(row)
        if bad > UNREADABLE * answers:
            ko, en = label(name)
            said.append(say("unreadable_answers", name_ko=ko, name_en=en, n=f"{answers:,}", bad=f"{bad:,}"))
    trials = document.get("declared", {}).get("trials") or {}
    if trials and (len(set(trials.values())) > 1 or set(trials) < set(document["variants"])):
        ko, en = (_trials(trials, document["variants"]).of(code) for code in ("ko", "en"))
        said.append(say("unequal_trials", trials_ko=ko, trials_en=en))
    return [Section("warnings", say("warnings"), tuple(Note(each, warning=True) for each in said))] if said else []


def sections(document: Document) -> list[Section]:
    """Return the declaration."""
    declared = document.get("declared", {})
    primary = str(declared.get("primary") or document["verdict"]["metric"])
    rows: list[tuple[Text, Text]] = [
        (say("base"), str(document.get("base", ""))),
        (say("primary"), metric(primary)),
        (say("margin"), say("points", n=points(declared.get("margin")))),
        (say("alpha"), f"{declared.get('alpha', '')}"),
        (say("items"), f"{declared.get('items', 0):,}"),
        (say("groups"), f"{declared.get('groups', 0):,}"),
        (say("trials"), _trials(declared.get("trials") or {}, document["variants"])),
        (say("reads"), _reads(document.get("reads", {}))),
        (say("run"), f"{document.get('run', '')} · {str(document.get('created', '')).replace('T', ' ')}"),
    ]
    if document.get("rescored_from"):
        rows.append((say("rescored_from"), str(document["rescored_from"])))
    blocks: tuple[Block, ...] = (Facts(tuple(rows)),)
    return [Section("declared", say("declared"), blocks)]


def _trials(trials: Mapping[str, int], variants: Iterable[str]) -> Both:
    """Return how often each variant was tried; those of which nothing is stated too, once any is."""
    if not trials:
        return say("trials_unknown")
    unknown, names = say("trial_unknown"), dict.fromkeys([*trials, *variants])
    said = (
        ", ".join(f"{label(name).of(code)} {trials.get(name, unknown.of(code))}" for name in names) for code in _BOTH
    )
    return Both(*said)


def _reads(reads: Mapping[str, int]) -> Text:
    if not reads:
        return say("reads_unknown")
    return say("reads_count", declared=f"{reads.get('declared', 1):,}", items=f"{reads.get('items', 1):,}")
