"""Questions and answers read out of a Markdown or HTML page; reading only."""

from assistant.datasets.formats.base import RowFormat
from assistant.datasets.formats.joyul import parse

FORMAT = RowFormat("faq", (), parse)
