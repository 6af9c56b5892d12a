"""Files to text: every encoding read right or refused, every hostile file one clear reason."""

import io
import time
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.errors import InputError
from assistant.retrieval.encodings import decode
from assistant.retrieval.loaders import MEDIA, checked_name, load, media_of

KOREAN = "솔마루 도서관은 월요일에 쉽니다. 책은 일곱 권까지 빌릴 수 있고, 기간은 14일이에요.\r\n연장은 한 번만 됩니다."
ENGLISH = "The library is closed on Mondays; you may borrow seven books for 14 days."


@pytest.mark.parametrize("text", [KOREAN, ENGLISH, "조율", "3,000원"])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp949", "euc-kr"]
)
def test_text_is_read_in_every_encoding_or_refused(text: str, encoding: str) -> None:
    try:
        read = decode(text.encode(encoding))
    except InputError as error:
        # A word or two in CP949 or unmarked UTF-16 may not be enough to be sure of.
        assert len(text) < 10 and error.hint
        return
    assert read == text.replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Käse, Brötchen und Äpfel für 5 € im Café", "cp1252"),
        ("これは日本語の文章です。図書館は月曜日に休みます。", "shift_jis"),
        ("图书馆星期一不开放。每人可以借七本书，期限十四天。", "gb18030"),
        ("北京报告包括各个国家的基本规划", "gb18030"),
        ("圖書館星期一不開放。每人可以借七本書。", "big5"),
        ("Библиотека закрыта по понедельникам", "cp1251"),
    ],
)
def test_other_encodings_are_refused_with_a_preview(text: str, encoding: str) -> None:
    with pytest.raises(InputError, match="UTF-8") as caught:
        decode(text.encode(encoding))
    assert "preview" in caught.value.message
    assert "UTF-8" in caught.value.hint


@given(st.text(min_size=1, max_size=200))
@settings(max_examples=200, deadline=None)
def test_utf8_is_never_changed_beyond_normal_form_or_refused_as_binary(text: str) -> None:
    import unicodedata

    try:
        read = decode(text.encode("utf-8", "surrogatepass"))
    except InputError:
        return
    plain = text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    kept = "".join(char for char in plain if char >= " " or char in "\n\t\f")
    assert read.replace("\x7f", "") == unicodedata.normalize("NFC", kept).replace("\x7f", "")


def _docx(paragraphs: int = 3) -> bytes:
    import docx

    document = docx.Document()
    document.add_heading("대관 안내", level=1)
    for number in range(paragraphs):
        document.add_paragraph(f"{number}번 방은 시간당 5천 원입니다.")
    table = document.add_table(rows=2, cols=2)
    for place, value in enumerate(["방", "요금", "느티나무", "7,000원"]):
        table.cell(place // 2, place % 2).text = value
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def _pdf(*pages: str, password: str = "") -> bytes:
    """Return a small hand-made pdf with one text line a page."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>"]
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects.append(f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>")
    objects.append("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    for number, text in enumerate(pages):
        stream = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET" if text else ""
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {5 + 2 * number} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>"
        )
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
    out, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode()
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}".encode()
    out += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF".encode()
    if password:
        import pypdf

        writer = pypdf.PdfWriter(clone_from=io.BytesIO(out))
        writer.encrypt(password, algorithm="RC4-128")
        sealed = io.BytesIO()
        writer.write(sealed)
        return sealed.getvalue()
    return out


def _zip(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def test_pdf_pages_are_kept() -> None:
    loaded = load(_pdf("Opening hours are nine to five", "Rooms cost ten dollars"), MEDIA[".pdf"])
    first, second = loaded.text.split("\f")
    assert "nine to five" in first and "ten dollars" in second


def test_docx_keeps_headings_and_tables() -> None:
    text = load(_docx(), MEDIA[".docx"]).text
    assert "# 대관 안내" in text
    assert "| 느티나무 | 7,000원 |" in text


def test_html_keeps_what_a_reader_sees() -> None:
    page = (
        "<html><head><title>t</title><style>p{}</style></head><body><h2>요금</h2><script>alert(1)</script>"
        "<p>어른 <b>3,000원</b></p><!-- secret --><table><tr><td>구분</td><td>값</td></tr><tr><td>a</td><td>1</td></tr>"
        "</table><img src='http://example.com/x.png' alt='x'><a href='http://example.com'>자세히</a></body></html>"
    )
    for encoding in ("utf-8", "cp949"):
        text = load(page.encode(encoding), MEDIA[".html"]).text
        assert "## 요금" in text and "3,000원" in text and "| a | 1 |" in text
        assert not any(word in text for word in ("alert", "secret", "example.com", "p{}"))


def test_csv_becomes_a_table_with_its_header() -> None:
    text = load('방,요금\n느티나무,"7,000원"\n은행|나무,5천 원\n'.encode("cp949"), MEDIA[".csv"]).text
    assert text.splitlines()[0] == "| 방 | 요금 |"
    assert "| 느티나무 | 7,000원 |" in text and "은행\\|나무" in text


HOSTILE: dict[str, tuple[str, bytes, str]] = {
    "empty": (".txt", b"", "empty"),
    "only spaces": (".md", b" \n\t\n", "empty"),
    "only marks": (".md", b"---\n***\n", "no text"),
    "binary as text": (".txt", bytes(range(256)) * 40, "binary"),
    "pdf as text": (".txt", b"%PDF-1.7 ...", "is pdf"),
    "zip as markdown": (".md", _zip(a=b"x"), "zip"),
    "png as pdf": (".pdf", b"\x89PNG\r\n\x1a\n" + bytes(500), "damaged pdf"),
    "truncated pdf": (".pdf", _pdf("hello world")[:120], "pdf"),
    "encrypted pdf": (".pdf", _pdf("hello", password="open sesame"), "encrypted"),
    "image-only pdf": (".pdf", _pdf("", ""), "OCR"),
    "no pages": (".pdf", _pdf(), "pages"),
    "not a zip": (".docx", b"just text, not a docx", "damaged or not a docx"),
    "zip without word": (".docx", _zip(a=b"x"), "damaged docx"),
    "truncated docx": (".docx", _docx()[:-400], "damaged"),
    "bomb": (".docx", _zip(**{"word/document.xml": bytes(60_000_000)}), "unpacks"),
    "long line": (".txt", b"word " * 400_000, "line 1 is"),
    "too much": (".txt", b"a line of text that goes on\n" * 250_000, "characters; at most"),
    "html without text": (".html", b"<html><script>1</script></html>", "no text"),
}


@pytest.mark.parametrize("case", list(HOSTILE))
def test_hostile_files_have_one_clear_reason(case: str) -> None:
    suffix, data, expected = HOSTILE[case]
    started = time.monotonic()
    with pytest.raises(InputError) as caught:
        load(data, MEDIA[suffix])
    assert expected in caught.value.message
    assert caught.value.hint
    assert "\n" not in caught.value.message and "Traceback" not in caught.value.message
    assert time.monotonic() - started < 60


def test_lying_zip_header_is_not_believed() -> None:
    honest = _zip(**{"word/document.xml": bytes(30_000_000)})
    size = (30_000_000).to_bytes(4, "little")
    with pytest.raises(InputError):
        load(honest.replace(size, (1000).to_bytes(4, "little")), MEDIA[".docx"])


def test_deep_html_ends_in_text_or_a_reason() -> None:
    page = b"<div>" * 20_000 + b"deep" + b"</div>" * 20_000
    try:
        assert "deep" in load(page, MEDIA[".html"]).text
    except InputError as error:
        assert error.hint


def test_a_real_document_of_some_size_still_works() -> None:
    assert "1999번 방" in load(_docx(2000), MEDIA[".docx"]).text


@pytest.mark.parametrize("name", ["a\nb.md", "a\x00b.md", "a\u202eb.md", "x" * 600 + ".md", "\udcff.md"])
def test_names_that_hide_something_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="name"):
        checked_name(name)


def test_media_by_extension() -> None:
    assert media_of("A.PDF") == MEDIA[".pdf"]
    with pytest.raises(InputError, match="not read"):
        media_of(str(Path("x") / "a.hwp"))
