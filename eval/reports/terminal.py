"""A report as plain text for a terminal."""

from collections.abc import Mapping
from io import StringIO
from typing import TYPE_CHECKING, Any

from eval.reports import sections_of
from eval.reports.blocks import Block, Cell, Facts, Note, Section, Table, text_of
from eval.reports.look import label

if TYPE_CHECKING:
    from rich.console import Console


def to_terminal(document: Mapping[str, Any], language: str = "en", width: int = 120) -> str:
    """Return the report as text: the verdict in the chosen language on top, in the other one at the end."""
    from rich.text import Text

    other = "en" if language == "ko" else "ko"
    text = document["verdict"].get("text", {})
    console, stream = _console(width)
    console.print(Text(f"{document['suite']} · {document.get('base', '')}"))
    console.print(Text(text.get(language, ""), style="bold"))
    for section in sections_of(document):
        print_section(section, console, language)
    console.print()
    console.print(Text(text.get(other, "")))
    return stream.getvalue()


def sections_text(sections: list[Section], language: str = "en", width: int = 120) -> str:
    """Return sections as text."""
    console, stream = _console(width)
    for section in sections:
        print_section(section, console, language)
    return stream.getvalue()


def _console(width: int) -> tuple["Console", StringIO]:
    from rich.console import Console

    stream = StringIO()
    return Console(file=stream, width=width, color_system=None, legacy_windows=False, emoji=False), stream


def print_section(section: Section, console: "Console", language: str) -> None:
    """Print one section under its title."""
    from rich.text import Text

    console.print()
    console.print(Text(text_of(section.title, language), style="bold"))
    for block in section.blocks:
        _print(block, console, language)


def _print(block: Block, console: "Console", language: str) -> None:
    from rich.table import Table as Grid
    from rich.text import Text

    if isinstance(block, Note) and not block.clicks:
        console.print(Text(("! " if block.warning else "") + text_of(block.text, language)))
    elif isinstance(block, Facts):
        for name, value in block.rows:
            console.print(Text(f"  {text_of(name, language)}: {text_of(value, language)}"))
    elif isinstance(block, Table):
        title = _shown(block.summary, language) if block.summary else None
        grid = Grid(title=title, title_justify="left", caption_justify="left")
        for at, cell in enumerate(block.head):
            grid.add_column(_shown(cell, language), justify="right" if at else "left")
        for row in block.rows:
            grid.add_row(*(_shown(cell, language) for cell in row))
        console.print(grid)


def _shown(cell: Cell, language: str) -> "Any":
    from rich.text import Text

    text = text_of(label(cell.variant) if cell.variant else cell.text, language)
    small = [text_of(each, language) for each in (cell.detail, cell.bad)]
    return Text("\n".join([text, *(each for each in small if each)]), style="bold" if cell.strong else "")
