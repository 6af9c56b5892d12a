"""``joyul data``: instruction datasets from files and feedback to clean versions."""

import typer

from assistant.cli import data_clean, data_files, data_review, data_synthetic, data_versions
from assistant.cli.shared import command


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(help="Datasets: import, convert, clean, version, share.", no_args_is_help=True)
    for part in (data_files, data_review, data_synthetic, data_versions, data_clean):
        for name, function in part.COMMANDS.items():
            command(group, name, f"data {name}")(function)
    app.add_typer(group, name="data")
