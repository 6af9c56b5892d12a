"""``joyul bench``: speed and memory beside what there is to compare."""

from typing import Annotated

import typer

from assistant.cli.shared import Run, command


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "bench")(bench)


def bench(
    run: Run,
    topics: Annotated[list[str] | None, typer.Argument(help="Which topics (default: all but recipes).")] = None,
    rows: Annotated[int | None, typer.Option("--rows", min=1000, help="For data: how many rows.")] = None,
) -> None:
    """Measure start, streaming, training, evaluation, retrieval, memory, data; ratios are paired within one run."""
    run.settings()
    from assistant.bench import run_benches, to_markdown, to_rows

    figures = run_benches(topics or (), run.screen.note, rows)
    run.screen.document({"figures": to_rows(figures)}, to_markdown(figures))
    if any(figure.met is False for figure in figures):
        raise typer.Exit(1)
