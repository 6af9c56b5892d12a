"""What a report is made of, before anybody decides how it looks: sections of notes, tables, plots.

A section is built once, from the stored document of a run; the terminal, Markdown, the HTML file and
the page of the app render the same sections. Texts are data here: every renderer escapes them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Both(NamedTuple):
    """A text in both languages."""

    ko: str
    en: str

    def of(self, language: str) -> str:
        """Return the text in a language."""
        return self.ko if language == "ko" else self.en


# A plain string reads the same in both languages (names, figures).
Text = Both | str


def text_of(text: Text, language: str) -> str:
    """Return a text in one language."""
    return text if isinstance(text, str) else text.of(language)


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table.

    ``detail`` is the small print under the figure (interval, n), ``bad`` a warning under that.
    ``variant`` draws the variant's badge instead of the text. ``show`` is a query of the item browser
    (``variant=tuned&score=wrong``): where there is a browser, clicking the cell opens those items.
    """

    text: Text = ""
    detail: Text = ""
    bad: Text = ""
    strong: bool = False
    variant: str = ""
    show: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """A paragraph; ``warning`` sets it apart. ``clicks``: it speaks of what can be clicked, so only HTML shows it."""

    text: Text
    warning: bool = False
    clicks: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """Labels with values, a line each."""

    rows: tuple[tuple[Text, Text], ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a head; the first column names the row. ``summary`` set means folded away under it."""

    head: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: Text = ""
    summary: Cell | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawing that only HTML shows; ``svg`` is trusted markup, so whoever draws it escapes its texts."""

    svg: str
    caption: Text = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """One row of a forest plot: first minus second, as fractions; None where there is no figure."""

    first: str
    second: str
    delta: float | None
    low: float | None
    high: float | None
    show: str = ""


@dataclass(frozen=True, slots=True)
class Forest:
    """A forest plot on one axis; ``margin`` is the largest difference that does not matter."""

    rows: tuple[Difference, ...]
    margin: float


Block = Note | Facts | Table | Picture | Forest


@dataclass(frozen=True, slots=True)
class Section:
    """A titled part of a report; ``key`` names it in the page's address and in tests."""

    key: str
    title: Text
    blocks: tuple[Block, ...]


def head(*texts: Text | Cell) -> tuple[Cell, ...]:
    """Return a table's head from texts and cells."""
    return tuple(text if isinstance(text, Cell) else Cell(text) for text in texts)


def table(columns: Sequence[Text | Cell], rows: Sequence[Sequence[Text | Cell]], caption: Text = "") -> Table:
    """Return a table from texts and cells."""
    return Table(head(*columns), tuple(head(*row) for row in rows), caption)
