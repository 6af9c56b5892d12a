"""``joyul tune table``: every method on the same data, measured on the same items."""

from pathlib import Path
from typing import Annotated

import typer

from assistant.cli.shared import Run
from assistant.errors import InputError


def table(
    run: Run,
    file: Annotated[Path, typer.Argument(help="A training recipe (YAML); its method is one of many here.")],
    suite: Annotated[str, typer.Option(help="A suite file, or a shipped one's name: what all of them answer.")],
    variant: Annotated[str, typer.Option(help="The tuned variant whose place each method takes.")] = "tuned",
    items: Annotated[int, typer.Option(min=0, help="Ask only so many items, always the same; 0 asks all.")] = 0,
) -> None:
    """Train the same data by eight methods, from all weights to a classifier, and compare; goes on if stopped."""
    if not file.is_file():
        raise InputError(f"no recipe at {str(file)!r}", "check the path")
    wanted = str(Path(suite).absolute()) if Path(suite).is_file() else suite
    params = {"recipe": str(file.absolute()), "suite": wanted, "variant": variant, "items": items}
    with run.peer() as peer:
        done = peer.call("tune.table", params, run.screen.progress)
    run.screen.document(done["document"], done["terminal"])
    run.screen.note(f"reports: {done['document']['folder']}/table.html, table.md and table.ko.md")
