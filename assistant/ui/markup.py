"""Text of models, documents and people becomes HTML here and nowhere else.

Nothing is filtered: Markdown is parsed and only known elements are written, so raw HTML in the
text comes out as text. Images are never fetched; links open on a click only.
"""

import html
import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

_MARK = re.compile(r"\[(\d{1,2})\]")
# Bidirectional controls can make text read otherwise than it is.
_CONTROLS = re.compile("[\u0000-\u0008\u000b\u000c\u000e-\u001f\u202a-\u202e\u2066-\u2069]")


def escape(value: object) -> str:
    """Return a value as HTML text that is also safe inside a double-quoted attribute."""
    return html.escape(_CONTROLS.sub("", str(value)), quote=True)


def attributes(**values: object) -> str:
    """Return HTML attributes; None and False leave one out, True writes it bare, ``_`` becomes ``-``."""
    parts = []
    for name, value in values.items():
        if value is None or value is False:
            continue
        name = name.rstrip("_").replace("_", "-")
        parts.append(f" {name}" if value is True else f' {name}="{escape(value)}"')
    return "".join(parts)


def element(tag: str, *children: str, **values: object) -> str:
    """Return an element; children are HTML already, attribute values are text."""
    return f"<{tag}{attributes(**values)}>{''.join(children)}</{tag}>"


def markdown(text: str, marks: Sequence[int] = (), hide_marks: bool = False) -> str:
    """Return Markdown as HTML.

    Args:
        text: what a model or a document says.
        marks: numbers ``n`` whose ``[n]`` becomes a button that opens source ``n``.
        hide_marks: leave citation marks out altogether (blind comparison).
    """
    source = _CONTROLS.sub("", text)
    if hide_marks:
        source = _MARK.sub("", source)
    environment = {"marks": frozenset(marks)}
    return str(_parser().render(source, environment))


def plain_marks(text: str) -> str:
    """Return text without its citation marks."""
    return _MARK.sub("", text).replace("  ", " ").strip()


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "linkify": False, "breaks": True}, renderer_cls=_Renderer)
    parser.enable(["table", "strikethrough"])
    parser.validateLink = _allowed  # type: ignore[method-assign]
    return parser


def _allowed(url: str) -> bool:
    return bool(re.match(r"(?i)(https?://|mailto:)", url.strip()))


class _Renderer(RendererHTML):
    """Writes links that tell nobody where they were clicked, images as words, and citation buttons."""

    def text(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        marks: frozenset[int] = env.get("marks", frozenset())

        def button(match: re.Match[str]) -> str:
            number = int(match[1])
            if number not in marks:
                return match[0]
            return element("button", str(number), class_="mark", type="button", data_local="source", data_n=number)

        return _MARK.sub(button, escape(tokens[index].content))

    def image(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        token = tokens[index]
        return element("span", escape(token.content or token.attrGet("src") or ""), class_="no-image")

    def link_open(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        href = tokens[index].attrGet("href") or ""
        return f"<a{attributes(href=href, target='_blank', rel='noopener noreferrer nofollow')}>"

    def fence(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        return element("pre", element("code", escape(tokens[index].content)))

    def table_open(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        return '<div class="wide"><table>'

    def table_close(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        return "</table></div>"
