"""``joyul backup`` and ``joyul restore``: the state folder in one file, and back."""

from pathlib import Path
from typing import Annotated

import typer

from assistant.cli.shared import Run, command


def register(app: typer.Typer) -> None:
    """Add both commands."""
    command(app, "backup")(backup)
    command(app, "restore")(restore)


def backup(run: Run, file: Annotated[Path, typer.Argument(help="A new file, e.g. joyul.tar.gz.")]) -> None:
    """Write chats, documents, datasets, adapters, jobs and evaluations into one file; works while the app runs."""
    from assistant.backup import write_backup
    from assistant.paths import Home

    done = write_backup(Home(run.settings().home), file.expanduser().absolute())
    run.screen.document(done, f"{done['files']} files, {done['bytes'] / 1e6:.1f} MB written to {file}")


def restore(run: Run, file: Annotated[Path, typer.Argument(help="A file that `joyul backup` wrote.")]) -> None:
    """Make the state folder (--home) of a backup; the folder must be new or empty."""
    from assistant.backup import restore_backup
    from assistant.paths import Home

    done = restore_backup(file.expanduser().absolute(), Home(run.settings().home))
    said = f"{done['files']} files of {done['created']} are back in {done['home']}"
    run.screen.document(done, f"{said}\nnext: joyul docs rebuild --home {done['home']}")
