"""``joyul adapters``: what has been trained."""

from collections.abc import Mapping

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
        {
            **each,
            "seconds": each["cost"].get("seconds"),
            "loss": each["metrics"].get("final_loss"),
            "forgetting": _lost(each["forgetting"]),
        }
        for each in found["adapters"]
    ]
    columns = ("name", "base", "method", "recipe", "loss", "forgetting", "seconds", "created")
    run.screen.document(found, table(rows, columns))


def _lost(changes: Mapping[str, float | None]) -> str:
    """Return the change of loss per language, e.g. ``ko +4.1% en +3.0%``; '' where nothing was measured."""
    known = {language: change for language, change in changes.items() if change is not None}
    return " ".join(f"{language} {100 * change:+.1f}%" for language, change in known.items())
