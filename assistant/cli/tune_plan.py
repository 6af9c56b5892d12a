"""``joyul tune plan``: what a recipe would train on, how long and how much memory; nothing is installed."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assistant.cli.screen import duration
from assistant.cli.shared import Run
from assistant.errors import InputError, JoyulError

if TYPE_CHECKING:
    from assistant.settings import Settings
    from tuning.estimate import Estimate
    from tuning.report import DataReport

LEARNT, PLAIN = "\x1b[32m", "\x1b[0m"


def plan(
    run: Run,
    file: Annotated[Path, typer.Argument(help="A training recipe (YAML).")],
    probe: Annotated[bool, typer.Option(help="Train ten steps to measure time and memory.")] = True,
) -> None:
    """Report on a recipe's data and estimate its cost before any training."""
    if not file.is_file():
        raise InputError(f"no recipe at {str(file)!r}", "check the path")
    settings = run.settings()
    from assistant.cli.tune import preparation
    from assistant.owner import create
    from assistant.paths import Home
    from tuning.estimate import estimate
    from tuning.prepare import FACTS, ROWS, prepare, read_rows
    from tuning.report import data_report
    from tuning.schema import load_recipe

    home = Home(settings.home)
    create(home)
    recipe = load_recipe(file.absolute())
    with preparation(run) as retriever_for:
        job = prepare(recipe, home=home, settings=settings, retriever_for=retriever_for, progress=run.screen.progress)
    try:
        from tuning.base import open_base
        from tuning.methods import load_method
        from tuning.preferences import read_training

        tokenizer = open_base(settings.model_named(recipe.model), weights=False).encoder.tokenizer
        rows = load_method(recipe.method).rows
        examples = read_training(recipe.path(recipe.data), rows, recipe.encoding)
        report = data_report(read_rows(job.path / ROWS), examples, job.load(FACTS), tokenizer, held_out(settings))
        cost = estimate(job, recipe) if probe else None
    finally:
        shutil.rmtree(job.path, ignore_errors=True)
    document = {"adapter": recipe.name, "data": report.to_json(), "estimate": cost.to_json() if cost else None}
    run.screen.document(document, "\n".join([*_data_lines(report), *_cost_lines(cost), "", *_first_rows(report)]))


def held_out(settings: "Settings") -> Mapping[str, Sequence[str]]:
    """Return the questions of every evaluation suite that the app knows, by its name; broken suites are left out."""
    from assistant.paths import data_root
    from eval.suite import load_suite

    found: dict[str, list[str]] = {}
    for folder in (data_root() / "demo" / "suites", settings.home / "suites"):
        for path in sorted(folder.glob("*.yaml")):
            try:
                suite = load_suite(path)
            except JoyulError:
                continue
            found[suite.name] = [item.question for item in suite.items if not item.history]
    return found


def _data_lines(report: "DataReport") -> list[str]:
    def shares(counts: Mapping[Any, int]) -> str:
        return ", ".join(f"{key} {count}" for key, count in counts.items())

    tokens, learnt = report.tokens, report.learnt
    lines = [
        f"rows          {report.rows} and {report.replay_rows} of replay; {report.cut} cut, {report.dropped} dropped",
        f"languages     {shares(report.languages)}",
        f"messages      {shares(report.turns)}  (messages a row: rows)",
        f"tokens        {tokens.total:,} in all; a row {tokens.least} to {tokens.most}, median {tokens.median}, "
        f"95 % under {tokens.p95}",
        f"learnt        {learnt.total:,} of them carry loss; a row {learnt.least} to {learnt.most}",
        f"duplicates    {report.duplicates}; same question with another answer: {report.conflicts}",
    ]
    if report.labels:
        lines.append(f"labels        {shares(report.labels)}")
    for overlap in report.overlaps:
        lines.append(
            f"overlap       {overlap.rows} rows with {overlap.items} items of suite {overlap.name!r}: {overlap.example}"
        )
    return lines


def _cost_lines(cost: "Estimate | None") -> list[str]:
    if cost is None:
        return []
    behind = f"from {cost.past} finished jobs" if cost.past else "no finished job to learn from yet"
    span = f"{duration(cost.low)} to {duration(cost.high)}"
    return [
        f"time          about {duration(cost.seconds)} ({span}, {behind}) at {cost.tokens_per_second:,.0f} tokens/s",
        f"memory        about {cost.memory_mb:,.0f} MB",
    ]


def _first_rows(report: "DataReport") -> list[str]:
    """Return the first rows as the model will see them; what carries loss is green."""
    return ["".join(f"{LEARNT}{text}{PLAIN}" if learnt else text for text, learnt in row) for row in report.first]
