"""``joyul data dedupe | filter | split``: cleaner versions out of versions."""

from pathlib import Path
from typing import Annotated

import typer

from assistant.cli.data_files import open_store
from assistant.cli.data_versions import DatasetArgument, conflict_lines
from assistant.cli.shared import Run
from assistant.errors import UsageError

AgainstOption = Annotated[list[Path] | None, typer.Option("--against", help="An evaluation set: JSONL of items.")]
SuitesOption = Annotated[bool, typer.Option("--suites/--no-suites", help="Compare with the app's suites too.")]


def dedupe(
    run: Run,
    dataset: DatasetArgument,
    near: Annotated[float, typer.Option("--near", help="Similarity from which rows are near duplicates.")] = 0.8,
    exact: Annotated[bool, typer.Option("--exact", help="Only rows that say exactly the same.")] = False,
    against: AgainstOption = None,
    suites: SuitesOption = True,
) -> None:
    """Make a version without repeated rows; questions with several answers are listed for a decision."""
    from assistant.datasets.cleaning import dedupe as work
    from assistant.datasets.cleaning import evaluation_questions, suite_items

    _check_near(near)
    store = open_store(run)
    version = store.get(dataset)
    evaluations = evaluation_questions([*(against or ()), *(suite_items(store.folder.parent) if suites else ())])
    report = work(store, version, None if exact else near, evaluations, run.screen.progress)
    lines = [f"in an evaluation set: {each['row']} ({each['set']})" for each in report["leaks"]]
    lines += [f"{each['row']} repeats {each['of']} ({each['similarity']:.2f})" for each in report["duplicates"]]
    head = (
        f"{report['exact']} exact and {report['near']} near duplicates, {report['left']:,} rows -> {report['version']}"
    )
    run.screen.document(report, "\n".join([head, *lines, *conflict_lines(report["conflicts"])]))


def filter_(
    run: Run,
    dataset: DatasetArgument,
    drop: Annotated[list[str] | None, typer.Option("--drop", help="A signal; rows that show it are left out.")] = None,
) -> None:
    """Make a version without the rows that show a quality signal; `joyul data stats` counts them."""
    from assistant.datasets.cleaning import filter_rows
    from assistant.datasets.quality import SIGNALS

    if not drop:
        raise UsageError("name at least one signal with --drop", f"signals: {', '.join(SIGNALS)}")
    store = open_store(run)
    report = filter_rows(store, store.get(dataset), drop)
    run.screen.document(report, f"{report['left_out']} rows left out, {report['left']:,} left -> {report['version']}")


def _check_near(near: float) -> None:
    if not 0.3 <= near <= 1:
        raise UsageError(f"--near {near} is out of bounds", "choose 0.3 to 1")


def split(
    run: Run,
    dataset: DatasetArgument,
    shares: Annotated[str, typer.Option("--shares", help="Parts and their sizes.")] = "train=80,validation=10,test=10",
    by: Annotated[list[str] | None, typer.Option("--by", help="A key whose equal values stay together.")] = None,
    near: Annotated[float, typer.Option("--near", help="Similarity of a near-duplicate cluster.")] = 0.8,
    seed: Annotated[int, typer.Option("--seed", help="Another seed, another split.")] = 0,
    against: AgainstOption = None,
    suites: SuitesOption = True,
    allow_leaks: Annotated[bool, typer.Option("--allow-leaks", help="Keep rows of evaluation sets, marked.")] = False,
    drop_leaks: Annotated[bool, typer.Option("--drop-leaks", help="Leave rows of evaluation sets out.")] = False,
    redo: Annotated[bool, typer.Option("--redo", help="Forget an earlier split.")] = False,
) -> None:
    """Split a version into parts by whole groups, after comparing it with every evaluation set."""
    from assistant.datasets.cleaning import evaluation_questions, suite_items
    from assistant.datasets.splitting import BY, SplitOptions, parse_shares
    from assistant.datasets.splitting import split as work

    if allow_leaks and drop_leaks:
        raise UsageError("--allow-leaks and --drop-leaks exclude each other", "choose one")
    _check_near(near)
    store = open_store(run)
    version = store.get(dataset)
    files = [*(against or ()), *(suite_items(store.folder.parent) if suites else ())]
    options = SplitOptions(
        shares=parse_shares(shares),
        by=tuple(by or BY),
        threshold=near,
        seed=seed,
        leaking="keep" if allow_leaks else "drop" if drop_leaks else "refuse",
        redo=redo,
    )
    report = work(store, version, options, evaluation_questions(files), run.screen.progress)
    parts = ", ".join(f"{name} {count:,}" for name, count in report["splits"].items())
    torn = f", {report['torn_groups']} groups torn by the earlier split" if report["torn_groups"] else ""
    leaks = f", {report['leaks_total']} rows of evaluation sets" if report["leaks_total"] else ""
    run.screen.document(report, f"{parts} ({report['groups']:,} groups{torn}{leaks}) -> {report['version']}")


COMMANDS = {"dedupe": dedupe, "filter": filter_, "split": split}
