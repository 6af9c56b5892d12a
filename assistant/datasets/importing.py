"""A file into a new version of a dataset: everything is read and checked before anything is kept."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from assistant.datasets.options import ReadOptions
from assistant.datasets.personal import Finding, treat_row
from assistant.datasets.problems import Problems
from assistant.datasets.reading import Detected, detect, read
from assistant.datasets.rows import Row, content_digest
from assistant.datasets.store import DatasetStore, Draft, Version
from assistant.datasets.templates import Template, fill
from assistant.errors import CancelledError, InputError
from assistant.progress import Cancelled, Progress

Personal = Literal["mask", "report", "off"]
_EVERY = 5000


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How a file becomes a version.

    ``personal``: ``mask`` replaces numbers and addresses of persons, ``report`` only counts them, ``off``
    does not look. ``replace`` starts anew instead of adding to the newest version.
    """

    name: str
    read: ReadOptions = field(default_factory=ReadOptions)
    skip_bad: bool = False
    personal: Personal = "mask"
    template: Template | None = None
    licence: str = ""
    replace: bool = False


def preview(path: Path, options: ImportOptions, count: int = 20) -> dict[str, Any]:
    """Return what a file is and its first rows in the own form, without keeping anything.

    Raises:
        InputError: the file cannot be read at all.
    """
    found, problems = _detected(path, options), Problems(path.name)
    rows = []
    for _, row in _own_rows(found, problems, options):
        rows.append(row)
        if len(rows) >= count:
            break
    report = {"format": found.format, "encoding": found.encoding, "container": found.container}
    return report | {"columns": list(found.keys), "rows": rows, "problems": problems.to_json()}


def import_file(
    store: DatasetStore,
    path: Path,
    options: ImportOptions,
    progress: Progress = lambda _: None,
    cancelled: Cancelled = lambda: False,
) -> dict[str, Any]:
    """Import a file and report format, encoding, rows, imported, duplicates and problems.

    Raises:
        InputError: bad rows (nothing is kept then, unless ``skip_bad``), none at all, or an unreadable file;
            the report is in its details.
        CancelledError: ``cancelled`` returned true; nothing is kept.
        ResourceError: the disk is full.
    """
    report: dict[str, Any] = {"format": "", "encoding": "", "rows": 0, "imported": 0, "duplicates": 0, "problems": []}
    try:
        found = _detected(path, options)
    except InputError as error:
        raise InputError(error.message, error.hint, **report, **error.details) from error
    report |= {"format": found.format, "encoding": found.encoding, "container": found.container}
    problems = Problems(found.origin.name)
    with store.draft(options.name) as draft:
        versions = [] if options.replace else store.versions(draft.name)
        parent = versions[-1] if versions else None
        seen = _take_over(draft, parent)
        taken = draft.rows
        for line, row in _own_rows(found, problems, options):
            _keep(draft, row, line, seen, options, report)
            if report["rows"] % _EVERY == 0:
                progress({"stage": "import", "done": report["rows"], "problems": problems.total})
                if cancelled():
                    raise CancelledError("the import was stopped", "nothing was imported")
        report |= {"problems": problems.to_json(), "bad": problems.total, "left_out": problems.lost}
        _check(found, problems, options, report)
        if draft.rows == taken and parent is not None:
            return report | {"version": parent.manifest.ref, "personal": {}}
        version = _commit(draft, found, options, report, parent)
        report["imported"] = draft.rows - taken
    return report | {"version": version.manifest.ref, "personal": dict(draft.personal)}


def _detected(path: Path, options: ImportOptions) -> Detected:
    template = options.template
    if template is None or options.read.format is not None:
        return detect(path, options.read)
    return detect(path, options.read, any_columns=True)


def _own_rows(found: Detected, problems: Problems, options: ImportOptions) -> Iterator[tuple[int, Row]]:
    if options.template is None:
        return read(found, problems, options.read)
    return fill(options.template, found, problems, options.read)


def _take_over(draft: Draft, parent: Version | None) -> dict[bytes, str]:
    """Copy the parent's rows and return what they say, with their ids."""
    seen: dict[bytes, str] = {}
    for row in parent.rows() if parent else ():
        seen[content_digest(row)] = draft.add(row)
    return seen


def _keep(
    draft: Draft, row: Row, line: int, seen: dict[bytes, str], options: ImportOptions, report: dict[str, Any]
) -> None:
    report["rows"] += 1
    findings: list[Finding] = []
    if options.personal != "off":
        row, findings = treat_row(row, mask=options.personal == "mask")
    digest = content_digest(row)
    same = seen.get(digest)
    if same is not None:
        report["duplicates"] += 1
        draft.decide({"action": "left out", "reason": "duplicate", "line": line, "of": same})
        return
    seen[digest] = key = draft.add(row, digest)
    for finding in findings:
        draft.personal[f"{finding.kind}:{finding.action}"] += 1
        draft.decide({"action": finding.action, "reason": "personal data", "row": key, **finding.to_json()})


def _check(found: Detected, problems: Problems, options: ImportOptions, report: dict[str, Any]) -> None:
    """Refuse to go on with problems, or with nothing."""
    good = f"{report['rows']:,} good rows"
    if problems.total and (not options.skip_bad or not report["rows"]):
        more = f" (and {problems.total - 1:,} more)" if problems.total > 1 else ""
        mend = f"{problems.kept[0].fix}; nothing was imported ({good}"
        hint = f"{mend}; --skip-bad imports them alone)" if report["rows"] else f"{mend})"
        raise InputError(f"{problems.kept[0]}{more}", hint, **report | {"duplicates": 0})
    if not report["rows"]:
        raise InputError(f"{found.origin.name}: the file has no rows", "add rows below the first line", **report)


def _commit(
    draft: Draft, found: Detected, options: ImportOptions, report: dict[str, Any], parent: Version | None
) -> Version:
    digest = hashlib.sha256()
    with found.origin.path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    source = {
        "file": found.origin.name,
        "sha256": digest.hexdigest(),
        "format": found.format,
        "encoding": found.encoding,
        "rows": report["rows"],
        "duplicates": report["duplicates"],
        "bad": report["bad"],
        "licence": options.licence,
        "personal": options.personal,
    }
    operation: dict[str, Any] = {"name": "import", "mapping": dict(found.mapping)}
    told = {"delimiter": options.read.delimiter, "sheet": options.read.sheet}
    operation |= {key: value for key, value in told.items() if value is not None}
    if options.template is not None:
        operation["template"] = options.template.ref
    return draft.commit(operation, parent=parent, sources=[source])
