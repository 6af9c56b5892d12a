"""A report as Markdown that shows every text as it is: nothing a model said becomes markup."""

from collections.abc import Mapping, Sequence
from typing import Any

from eval.reports import sections_of
from eval.reports.blocks import Block, Cell, Facts, Note, Section, Table, Text, text_of
from eval.reports.look import label
from eval.words import word


def to_markdown(document: Mapping[str, Any], language: str = "en") -> str:
    """Return the report in one language; the verdict stands on top in both."""
    verdict = document["verdict"]
    lines = [f"# {_plain(str(document['suite']))}: {word(verdict['choice'], language)}", ""]
    for code in (language, "en" if language == "ko" else "ko"):
        lines += [_plain(verdict.get("text", {}).get(code, "")), ""]
    for section in sections_of(document):
        lines += _section(section, language)
    return "\n".join(lines).rstrip() + "\n"


def section_lines(sections: Sequence[Section], language: str) -> list[str]:
    """Return sections as lines of Markdown."""
    return [line for section in sections for line in _section(section, language)]


def _section(section: Section, language: str) -> list[str]:
    lines = [f"## {_plain(text_of(section.title, language))}", ""]
    for block in section.blocks:
        lines += _block(block, language)
    return lines


def _block(block: Block, language: str) -> list[str]:
    if isinstance(block, Note) and not block.clicks:
        return [("- " if block.warning else "") + _plain(text_of(block.text, language)), ""]
    if isinstance(block, Facts):
        facts = ((text_of(name, language), text_of(value, language)) for name, value in block.rows)
        return [*(f"- {_plain(name)}: {_plain(value)}" for name, value in facts), ""]
    if isinstance(block, Table):
        above = [
            text for text in (block.summary and _shown(block.summary, language), _of(block.caption, language)) if text
        ]
        rows = [[_shown(cell, language) for cell in row] for row in block.rows]
        return [
            *(_plain(text) + "\n" for text in above),
            *_table([_shown(cell, language) for cell in block.head], rows),
        ]
    return []


def _of(text: Text, language: str) -> str:
    return text_of(text, language)


def _shown(cell: Cell, language: str) -> str:
    """Return a cell in one line: the figure, its interval in brackets, what is wrong."""
    text = text_of(label(cell.variant) if cell.variant else cell.text, language)
    detail, bad = text_of(cell.detail, language), text_of(cell.bad, language)
    return text + (f" [{detail}]" if detail else "") + (f" ({bad})" if bad else "")


def _plain(text: str) -> str:
    """Return text that Markdown shows as it is and no viewer takes for HTML."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join("\\" + char if char in "\\`*_[]|#" else char for char in text).replace("\n", " ")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    def line(cells: Sequence[str]) -> str:
        shown = (
            cell.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ").replace("<", "&lt;") for cell in cells
        )
        return f"| {' | '.join(shown)} |"

    return [line(head), "| " + " | ".join("---" for _ in head) + " |", *map(line, rows), ""]
