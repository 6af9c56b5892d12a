"""Reports of a finished run, made from its stored document: terminal, Markdown, one HTML file, the page.

A part of the report is one module with ``sections(document) -> list[Section]`` and one line in ``SECTIONS``.
"""

from collections.abc import Mapping
from typing import Any

from assistant.lazy import load_object
from eval.reports.blocks import Section

# In the order of the page. The verdict stands above them, the item browser below.
SECTIONS = (
    "eval.reports.declared:warnings",
    "eval.reports.differences:sections",
    "eval.reports.scores:sections",
    "eval.reports.confusion:sections",
    "eval.reports.efficiency:sections",
    "eval.report_judge:sections",
    "eval.report_costs:sections",
    "eval.reports.declared:sections",
)


def sections_of(document: Mapping[str, Any]) -> list[Section]:
    """Return every section that the document has something for."""
    return [section for target in SECTIONS for section in load_object(target)(document)]
