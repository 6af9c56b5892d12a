"""``joyul adapters``: what has been trained."""

import typer

from assistant.cli.screen import table
from assistant.cli.shared import Run, command


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(help="Installed adapters.", no_args_is_help=True)
    command(group, "list", "adapters list")(list_)
    app.add_typer(group, name="adapters")


def list_(run: Run) -> None:
    """List the installed adapters with their base, cost and loss."""
    with run.peer() as peer:
        found = peer.call("adapters.list")
    rows = [
        {**each, "seconds": each["cost"].get("seconds"), "loss": each["metrics"].get("final_loss")}
        for each in found["adapters"]
    ]
    run.screen.document(found, table(rows, ("name", "base", "method", "recipe", "loss", "seconds", "created")))
