"""``joyul eval``: measure variants on a suite and read the verdict."""

from pathlib import Path
from typing import Annotated

import typer

from assistant.cli import study
from assistant.cli.shared import Run, command


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(help="Evaluate variants on the same questions.", no_args_is_help=True)
    command(group, "run", "eval run")(run_)
    study.add_to(group)
    app.add_typer(group, name="eval")


def run_(
    run: Run, suite: Annotated[str, typer.Argument(help="A suite file, or a shipped one's name: handbook, triage.")]
) -> None:
    """Ask every variant every question, score, compare, and say what pays off; an interrupted run goes on."""
    wanted = str(Path(suite).absolute()) if Path(suite).is_file() else suite
    with run.peer() as peer:
        done = peer.call("eval.run", {"suite": wanted}, run.screen.progress)
    run.screen.document(done["document"], done["terminal"])
    run.screen.note(f"reports: {done['folder']}/report.html and report.md")
