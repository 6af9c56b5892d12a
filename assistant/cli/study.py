"""``joyul eval forgetting | break-even | checklist | curve``: what tuning cost, and whether more data would pay."""

from pathlib import Path
from typing import Annotated, Any

import typer

from assistant.cli.screen import table
from assistant.cli.shared import Run, command

HARNESS = ("task", "metric", "value", "low", "high", "n", "of")
RunArgument = Annotated[str, typer.Argument(help="A finished run's name, or latest.")]


def add_to(group: typer.Typer) -> None:
    """Add the commands to the group ``eval``."""
    command(group, "forgetting", "eval forgetting")(forgetting)
    command(group, "break-even", "eval break-even")(break_even)
    command(group, "checklist", "eval checklist")(checklist)
    command(group, "curve", "eval curve")(curve)
    command(group, "harness", "eval harness")(harness)


def forgetting(
    run: Run,
    adapter: Annotated[str, typer.Argument(help="An installed adapter.")],
    full: Annotated[bool, typer.Option("--full", help="All texts instead of a part of them.")] = False,
) -> None:
    """Measure what an adapter forgot: loss on general text, knowledge, instructions, refusals, formats."""
    _show(run, "eval.forgetting", {"adapter": adapter, "full": full})


def break_even(
    run: Run,
    name: RunArgument = "latest",
    prices: Annotated[Path | None, typer.Option(help="A price table (YAML) with the keys that differ.")] = None,
    volume: Annotated[float | None, typer.Option(help="Requests a month.")] = None,
    retrains: Annotated[float | None, typer.Option(help="Retrainings a month.")] = None,
) -> None:
    """Say from which volume on, and after how many months, tuning is cheaper than its rival."""
    table = str(prices.absolute()) if prices else None
    _show(run, "eval.break-even", {"run": name, "prices": table, "volume": volume, "retrains": retrains})


def checklist(run: Run, name: RunArgument = "latest") -> None:
    """Fill the checklist of when and why to tune from what a run measured."""
    _show(run, "eval.checklist", {"run": name})


def curve(
    run: Run,
    suite: Annotated[str, typer.Argument(help="A suite file, or a shipped one's name.")],
    variant: Annotated[str, typer.Option(help="The tuned variant to train.")] = "tuned",
    recipe: Annotated[
        Path | None, typer.Option(help="Its training recipe (default: the adapter's shipped one).")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, max=10, help="Training runs for every size.")] = 1,
) -> None:
    """Train on 1/8, 1/4, 1/2 and all rows, and say whether more data is worth labelling; goes on if interrupted."""
    wanted = str(Path(suite).absolute()) if Path(suite).is_file() else suite
    file = str(recipe.absolute()) if recipe else None
    _show(run, "eval.curve", {"suite": wanted, "variant": variant, "recipe": file, "seeds": seeds})


def harness(
    run: Run,
    tasks: Annotated[Path, typer.Option(help="A folder of tasks in lm-evaluation-harness' YAML format.")],
    variant: Annotated[str, typer.Option(help="Whose model and adapter answer.")] = "zero-shot",
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many items of each task.")] = None,
) -> None:
    """Run benchmarks of a local folder; needs lm-evaluation-harness (pip install 'joyul[harness]')."""
    with run.peer() as peer:
        found = peer.call(
            "eval.harness", {"tasks": str(tasks.absolute()), "variant": variant, "limit": limit}, run.screen.progress
        )
    part = f"only the first {limit} items of each task\n" if limit else ""
    run.screen.document(found, part + table(found["tasks"], HARNESS))


def _show(run: Run, operation: str, params: dict[str, Any]) -> None:
    with run.peer() as peer:
        done = peer.call(operation, params, run.screen.progress)
    run.screen.document(done["document"], done["terminal"])
