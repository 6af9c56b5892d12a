"""``joyul chats``: the conversations of the chat page, listed and taken out."""

import time
from pathlib import Path
from typing import Annotated

import typer

from assistant.cli.evaluate_shared import LanguageOption, language_of
from assistant.cli.screen import table
from assistant.cli.shared import Run, command
from assistant.errors import ResourceError, UsageError


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(help="Conversations of the chat page: list and export them.", no_args_is_help=True)
    command(group, "list", "chats list")(list_)
    command(group, "export", "chats export")(export)
    app.add_typer(group, name="chats")


def list_(
    run: Run, search: Annotated[str, typer.Option("--search", help="Only those where this was said.")] = ""
) -> None:
    """List the conversations, newest first."""
    with run.peer(any_model=True) as peer:
        found = peer.call("chats.list", {"search": search})
    rows = [
        each | {"updated": time.strftime("%Y-%m-%d %H:%M", time.localtime(each["updated"]))}
        for each in found["conversations"]
    ]
    run.screen.document(found, table(rows, ("id", "updated", "title")) if rows else "no conversations yet")


def export(
    run: Run,
    file: Annotated[Path, typer.Argument(help="A new file: .jsonl (OpenAI chat, importable) or .md (to read).")],
    conversation: Annotated[str, typer.Option("--conversation", "-c", help="Only this one; all otherwise.")] = "",
    language: LanguageOption = None,
) -> None:
    """Write conversations to a new file; `joyul data import` reads the .jsonl back."""
    from assistant.files import write_whole
    from assistant.operations.chats import FORMATS

    form = next((name for name, ending in FORMATS.items() if file.suffix.lower() == f".{ending}"), "")
    if not form:
        raise UsageError(f"{file.name}: unknown ending", "name the file .jsonl or .md")
    if file.exists():
        raise UsageError(f"{file} is there already", "choose another name")
    params = {"format": form, "conversation": conversation, "language": language_of(run, language)}
    with run.peer(any_model=True) as peer:
        done = peer.call("chats.export", params)
    try:
        write_whole(file, [done.pop("text")])
    except OSError as error:
        raise ResourceError(
            f"cannot write {file}: {error.strerror}", "free some space or choose another place"
        ) from error
    run.screen.document(done | {"path": str(file)}, f"{done['conversations']} conversations written to {file}")
