"""One self-contained HTML file: no outside request, both languages, every answer of every variant.

Jinja escapes what is not written by ``eval.reports.html``; the page carries a Content-Security-Policy
that forbids any connection, and the items are JSON that the script draws as text.
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from eval.record import Record
from eval.reports import sections_of
from eval.reports.browser import browser_data, script_json
from eval.reports.html import Writer, verdict_html
from eval.reports.look import say

if TYPE_CHECKING:
    from jinja2 import Template

FOLDER = Path(__file__).parent


def to_html(record: Record) -> str:
    """Return the report as one HTML page."""
    from markupsafe import Markup

    writer = Writer(record.document, "both")
    body = verdict_html(record.document, writer) + writer.sections(sections_of(record.document))
    return _template().render(
        name=record.document["suite"],
        title=Markup(writer.text(say("title"))),
        switch=Markup(writer.text(say("switch"))),
        browser=Markup(writer.text(say("browser"))),
        body=Markup(body),
        css=Markup(report_css()),
        script=Markup(items_script()),
        data=Markup(script_json(browser_data(record))),
    )


@cache
def report_css() -> str:
    """Return the style of a report's parts, for the file and for the page."""
    return (FOLDER / "report.css").read_text(encoding="utf-8")


@cache
def items_script() -> str:
    """Return the script of the item browser, for the file and for the page."""
    return (FOLDER / "items.js").read_text(encoding="utf-8")


@cache
def _template() -> "Template":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined)
    return environment.get_template("page.html")
