"""The command table and the boundary: every failure becomes one line, one hint and one exit code."""

import contextlib
import logging
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

import typer

from assistant.cli import (
    adapters,
    ask,
    backup,
    bench,
    chats,
    data,
    docs,
    doctor,
    evaluate,
    replay,
    serve,
    settings,
    tune,
    variants,
    votes,
)
from assistant.cli.screen import Screen, only_documents_on_stdout
from assistant.cli.shared import accept_before_command
from assistant.errors import JoyulError, UsageError

TAGLINE = "Does fine-tuning pay off for your domain, or is a better prompt or retrieval enough?"
INTERRUPTED, TERMINATED = 130, 143

app = typer.Typer(
    name="joyul",
    help=TAGLINE,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
accept_before_command(app)
for part in (
    serve,
    ask,
    chats,
    docs,
    data,
    tune,
    evaluate,
    adapters,
    variants,
    votes,
    replay,
    backup,
    bench,
    doctor,
    settings,
):
    part.register(app)


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code (see ``assistant.errors``; 130 and 143 when interrupted)."""
    screen = Screen("--json" in arguments)
    before = signal.signal(signal.SIGTERM, _terminate)
    logging.captureWarnings(True)  # libraries' deprecations are for the log file, not for the screen
    mask = os.umask(0o077)  # what a command writes is for this user alone
    quiet = screen.as_json and "--help" not in arguments
    try:
        with only_documents_on_stdout() if quiet else contextlib.nullcontext():
            return _guarded(list(arguments), screen)
    finally:
        os.umask(mask)
        logging.captureWarnings(False)
        signal.signal(signal.SIGTERM, before)


def _guarded(arguments: list[str], screen: Screen) -> int:
    try:
        code = app(arguments, standalone_mode=False, prog_name="joyul")
        if code == INTERRUPTED:  # typer turns Ctrl-C into an exit of its own
            screen.failure(_stopped("interrupted"))
        return code if isinstance(code, int) else 0
    except (KeyboardInterrupt, typer.Abort):
        screen.failure(_stopped("interrupted"))
        return INTERRUPTED
    except SystemExit as exit_:
        if exit_.code in (INTERRUPTED, TERMINATED):
            screen.failure(_stopped("interrupted" if exit_.code == INTERRUPTED else "terminated"))
        return exit_.code if isinstance(exit_.code, int) else 1
    except BrokenPipeError:  # the reader of our output left, as `head` does
        sys.stderr.close()
        return 0
    except Exception as error:
        known = as_usage(error) or explained(error)
        screen.failure(known)
        return known.exit_code


def as_usage(error: Exception) -> JoyulError | None:
    """Return typer's own complaint about the command line as one of ours."""
    if not isinstance(error, typer.TyperException):
        return None
    if type(error).__name__ == "NoArgsIsHelpError":
        return UsageError("this command has parts; name one of them", "see them with --help")
    text = error.format_message() if hasattr(error, "format_message") else str(error)
    return UsageError(text.rstrip(".") or "unknown command", "see `joyul --help`")


def explained(error: Exception) -> JoyulError:
    """Return any other failure in words; a bug goes to the log file, also when it came before the settings."""
    from assistant import logs

    if not logs.LOGGER.handlers:
        from assistant.paths import Home
        from assistant.settings import Settings

        logs.configure(Home(Settings().home).log)
    return logs.explain(error)


def _stopped(how: str) -> JoyulError:
    error = JoyulError(how, "run it again; what was finished is kept")
    error.kind = "interrupted"
    return error


def _terminate(number: int, frame: Any) -> None:
    raise SystemExit(128 + number)
