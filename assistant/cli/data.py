"""``joyul data``: look at datasets before they are used."""

from pathlib import Path
from typing import Annotated

import typer

from assistant.cli.shared import Run, command
from assistant.errors import InputError


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(help="Datasets.", no_args_is_help=True)
    command(group, "validate", "data validate")(validate)
    app.add_typer(group, name="data")


def validate(
    run: Run,
    file: Annotated[Path, typer.Argument(help="A JSONL dataset.")],
    answers: Annotated[bool, typer.Option("--answers", help="Every row needs an answer, as for training.")] = False,
) -> None:
    """Read a dataset and say what is wrong with it, all problems in one pass."""
    if not file.is_file():
        raise InputError(f"no file at {str(file)!r}", "check the path", rows=0)
    from assistant.dataset import content_hash, read_examples

    examples = read_examples(file, need_answer=answers)
    document = {"file": str(file), "rows": len(examples), "hash": content_hash(examples)}
    run.screen.document(document, f"{file}: {len(examples)} rows, all well formed ({document['hash']})")
