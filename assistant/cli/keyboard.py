"""Single keys from a terminal, none lost: whoever knows the questions types ahead."""

import codecs
import os
import sys
from types import TracebackType
from typing import Any

import typer


class Keyboard:
    """Reads key by key while it is open; lines can be typed in between.

    ``typer.getchar`` switches the terminal for every key and drops what was typed before the switch. Here it is
    switched once, and what is waiting stays. Without termios (Windows) it is ``typer.getchar`` after all.
    """

    def __init__(self) -> None:
        self._before: Any = None

    def __enter__(self) -> "Keyboard":
        try:
            import termios
        except ImportError:
            return self
        self._before = termios.tcgetattr(sys.stdin.fileno())
        self._single()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lines()

    def press(self) -> str:
        """Return the next key; empty when the terminal is gone."""
        if self._before is None:
            return typer.getchar()
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        while byte := os.read(sys.stdin.fileno(), 1):
            if key := decoder.decode(byte):
                return key
        return ""

    def typed(self, what: str, start: str) -> str:
        """Return a line that a person types; it begins as ``start``, line ends written as ``\\n``."""
        import readline

        self._lines()
        readline.set_startup_hook(lambda: readline.insert_text(start.replace("\n", "\\n")))
        try:
            return input(f"{what}: ").replace("\\n", "\n")
        except EOFError:
            return ""
        finally:
            readline.set_startup_hook()
            self._single()

    def _single(self) -> None:
        if self._before is not None:
            import termios
            import tty

            tty.setcbreak(sys.stdin.fileno(), termios.TCSADRAIN)

    def _lines(self) -> None:
        if self._before is not None:
            import termios

            termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, self._before)
