"""``joyul variants``: the ways of answering that can be asked and compared."""

import typer

from assistant.cli.screen import table
from assistant.cli.shared import Run, command


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(help="Ways of answering.", no_args_is_help=True)
    command(group, "list", "variants list")(list_)
    app.add_typer(group, name="variants")


def list_(run: Run) -> None:
    """List the variants: the declared ones and one for each further adapter."""
    with run.peer() as peer:
        found = peer.call("variants.list")
    run.screen.document(found, table(found["variants"], ("name", "model", "adapter", "recipe", "collection", "k")))
