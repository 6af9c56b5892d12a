"""``joyul data list | show | stats | diff | export | build | rebuild | recipe``: stored versions."""

from pathlib import Path
from typing import Annotated, Any

import typer

from assistant.cli.data_files import list_problems, open_store
from assistant.cli.screen import table
from assistant.cli.shared import Run
from assistant.errors import InputError, JoyulError

DatasetArgument = Annotated[
    str, typer.Argument(metavar="NAME[@VERSION]", help="A dataset; its newest version without @.")
]


def list_(run: Run, name: Annotated[str | None, typer.Argument(help="List one dataset's versions.")] = None) -> None:
    """List the datasets, or the versions of one."""
    store = open_store(run)
    names = [name] if name else store.names()
    rows = [
        {
            "dataset": each.manifest.name,
            "version": each.manifest.version,
            "rows": each.manifest.rows,
            "parent": each.manifest.parent,
            "made_by": each.manifest.operation.get("name"),
            "created": each.manifest.created,
            "file": str(each.rows_file),
        }
        for known in names
        for each in (store.versions(known) if name is None else store.versions(store.get(known).manifest.name))
    ]
    shown = table(rows, ("dataset", "version", "rows", "parent", "made_by"))
    run.screen.document({"datasets": rows}, shown if rows else "no datasets yet: joyul data import FILE")


def show(
    run: Run,
    dataset: DatasetArgument,
    rows: Annotated[int, typer.Option("--rows", min=0, max=1000, help="How many rows to print.")] = 3,
    language: Annotated[str, typer.Option("--language", help="The card's language: ko or en.")] = "en",
) -> None:
    """Show a version's card and its first rows."""
    from dataclasses import asdict
    from itertools import islice

    from assistant.datasets.strict_json import dumps

    if language not in ("ko", "en"):
        raise InputError(f"no card in {language!r}", "use ko or en")
    version = open_store(run).get(dataset)
    version.verify()
    first = list(islice(version.rows(), rows))
    document: dict[str, Any] = {"manifest": asdict(version.manifest), "card": version.card(language), "first": first}
    document["file"] = str(version.rows_file)
    run.screen.document(document, "\n".join([version.card(language), *(dumps(row).decode() for row in first)]))


def stats(run: Run, dataset: DatasetArgument) -> None:
    """Count kinds, languages, lengths, labels, duplicates, conflicts and quality signals."""
    from assistant.datasets.describing import stats as count

    found = count(open_store(run).get(dataset))
    lines = [f"{key}: {value}" for key, value in found.items() if key not in ("conflicts", "signals", "labels")]
    lines += [f"signal {name}: {value['rows']} rows" for name, value in found["signals"].items() if value["rows"]]
    lines += [f"label {name}: {count}" for name, count in found["labels"].items()]
    run.screen.document(found, "\n".join([*lines, *conflict_lines(found["conflicts"])]))


def conflict_lines(conflicts: list[dict[str, Any]]) -> list[str]:
    """Return one line a conflict."""
    return [
        f"conflict: {each['question']!r} has {each['answers']} answers: {', '.join(each['rows'])}" for each in conflicts
    ]


def diff(
    run: Run,
    before: DatasetArgument,
    after: Annotated[
        str | None, typer.Argument(metavar="[NAME@VERSION]", help="Default: the first one's child.")
    ] = None,
) -> None:
    """Say what changed between two versions; one alone is compared with its parent."""
    from assistant.datasets.describing import diff as compare

    store = open_store(run)
    new = store.get(after or before)
    if after is None:
        if new.manifest.parent is None:
            raise InputError(f"{new.manifest.ref} has no parent", "name two versions")
        old = store.get(f"{new.manifest.name}@{new.manifest.parent}")
    else:
        old = store.get(before)
    found = compare(old, new)
    head = "{added} added, {removed} removed, {changed} changed, {same} the same, {moved} in another part".format_map(
        found
    )
    lines = [f"{found['from']} -> {found['to']}: {head}"]
    for mark, key in (("+", "added"), ("-", "removed"), ("~", "changed")):
        lines += [
            f"{mark} {row['id']} {row['question'][:60]!r} -> {row['answer'][:60]!r}" for row in found["rows"][key]
        ]
    lines += [f"{reason}: {count}" for reason, count in found["decisions"].items()]
    run.screen.document(found, "\n".join(lines))


def export(
    run: Run,
    dataset: DatasetArgument,
    out: Annotated[Path, typer.Argument(help="The file, or for huggingface the folder, to write.")],
    to: Annotated[str, typer.Option("--to", help="joyul, openai, alpaca, csv ... or huggingface.")] = "joyul",
    split: Annotated[str | None, typer.Option("--split", help="Only this part, e.g. train.")] = None,
) -> None:
    """Write a version as a file of any format, or as a folder for the datasets library."""
    from assistant.datasets.exporting import export as write

    report = write(open_store(run).get(dataset), out, to, split, run.screen.progress)
    list_problems(run, report)
    kept = f"; {report['lost_total']:,} keys it cannot hold are in {report['kept']}" if report.get("kept") else ""
    run.screen.document(report, f"{report['dataset']}: {report['written']:,} rows in {out}{kept}")


def build(
    run: Run,
    name: Annotated[str, typer.Argument(help="Which dataset.")] = "feedback",
    origin: Annotated[list[str] | None, typer.Option("--from", help="edit, vote, thumb or regenerate.")] = None,
    without: Annotated[list[str] | None, typer.Option("--without", help="Take nothing of this person.")] = None,
) -> None:
    """Make a version out of feedback: edits, votes, thumbs, answers kept after another was refused."""
    from assistant.datasets.versions import check_name

    params = {"name": check_name(name), "origins": origin or [], "without": without or []}
    with run.peer(any_model=True) as peer:
        report = peer.call("data.build", params, run.screen.progress)
    origins = ", ".join(f"{count:,} {each}" for each, count in report["origins"].items())
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in report["kinds"].items())
    run.screen.document(report, f"{report['rows']:,} rows ({kinds}) from {origins} -> {report['version']}")


def rebuild(
    run: Run,
    dataset: DatasetArgument,
    check: Annotated[bool, typer.Option("--check", help="Only compare; put nothing back.")] = False,
    source: Annotated[list[Path] | None, typer.Option("--source", help="A file that was imported.")] = None,
) -> None:
    """Make a version again from its parents and its decisions and compare; damaged rows are put back."""
    params = {"dataset": dataset, "check": check, "files": [str(each.absolute()) for each in source or ()]}
    with run.peer(any_model=True) as peer:
        try:
            report = peer.call("data.rebuild", params, run.screen.progress)
        except JoyulError as error:
            for line in _steps(error.details.get("steps", ())) if not run.as_json else ():
                run.screen.note(line)
            raise
    run.screen.document(report, "\n".join(_steps(report["steps"])))


def recipe(
    run: Run,
    dataset: DatasetArgument,
    kind: Annotated[str, typer.Option("--kind", help="supervised, preference or unpaired (default: what fits).")] = "",
) -> None:
    """Write a recipe that tunes on a version: the rows that teach, never those held out for a test."""
    with run.peer() as peer:
        made = peer.call("data.recipe", {"dataset": dataset, "kind": kind})
    text = (
        f"{made['rows']:,} rows, {made['method']} -> {made['path']}\ntune on them with: joyul tune run {made['path']}"
    )
    run.screen.document(made, text)


def _steps(steps: Any) -> list[str]:
    lines = []
    for each in steps:
        state = "damaged" if each["damaged"] else each["status"]
        lines.append(f"{each['version']} ({each['operation']}): {state}" + (f": {each['why']}" if each["why"] else ""))
        for named in each["differences"]:
            lines.append(f"  row {named['row']}: {named['what']}" + (f": {named['keys']}" if named["keys"] else ""))
        left = each["total"] - len(each["differences"])
        lines += [f"  and {left:,} more"] if left else []
    return lines


COMMANDS = {"build": build, "list": list_, "show": show, "stats": stats, "diff": diff, "export": export}
COMMANDS |= {"rebuild": rebuild, "recipe": recipe}
