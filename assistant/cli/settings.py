"""``joyul settings``: what is in force, and who set it."""

from typing import Annotated

import typer

from assistant.cli.screen import table
from assistant.cli.shared import Run, command


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "settings")(show)


def show(
    run: Run, origins: Annotated[bool, typer.Option("--origins", help="Say where each value comes from.")] = False
) -> None:
    """Print the settings in force; secrets are masked."""
    from assistant.settings_view import flat, origins_of

    settings = run.settings()
    values = flat(settings)
    if not origins:
        run.screen.document({"settings": values}, "\n".join(f"{key} = {value}" for key, value in values.items()))
        return
    set_by = origins_of(run.config, run.flags())
    rows = [{"setting": key, "value": value, "origin": set_by.get(key, "default")} for key, value in values.items()]
    run.screen.document({"settings": rows}, table(rows, ("setting", "value", "origin")))
