"""Child process that turns one pdf, docx or html file into text; run by path, imports nothing of Joyul.

``python -P parsing.py FORMAT FILE MEMORY_BYTES SECONDS`` prints one JSON object: ``{"text": ...}``, or
``{"refused": reason, "hint": ...}``. Pages of a pdf are separated by form feeds. It may be killed at
any moment: it writes nothing.
"""

import json
import sys
import zipfile
import zlib
from io import BytesIO

MIN_UNPACKED_LIMIT = 10 * 1024 * 1024
MAX_EXPANSION = 100
MAX_CHARACTERS = 5_000_000
_UNREADABLE = (KeyError, ValueError, TypeError, AttributeError, EOFError, OSError, zipfile.BadZipFile, zlib.error)
_RESAVE = "open it in a word processor and save it again"


class Refused(Exception):
    """The file cannot be read; the message is for the person, the second argument says what to do."""


def limit(memory: int, seconds: int) -> None:
    """Bound this process's address space and processor time, where the system can."""
    try:
        import resource
    except ImportError:  # Windows: the parent's time limit still holds
        return
    for kind, value in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CPU, seconds), (resource.RLIMIT_CORE, 0)):
        _, hard = resource.getrlimit(kind)
        if hard != resource.RLIM_INFINITY:
            value = min(value, hard)
        resource.setrlimit(kind, (value, hard))


def check_archive(data: bytes) -> None:
    """Refuse a zip-based file that says it unpacks to far more than it is; one that lies is cut off by ``zipfile``."""
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, EOFError, NotImplementedError, OSError) as error:
        raise Refused(f"is damaged or not a docx file: {error}", _RESAVE) from error
    if any(member.flag_bits & 1 for member in members):
        raise Refused("is encrypted", "remove the password and add it again")
    if sum(member.file_size for member in members) > max(MIN_UNPACKED_LIMIT, MAX_EXPANSION * len(data)):
        raise Refused("unpacks to far more than its size (a zip bomb?)", "save it again from the word processor")


def pdf(data: bytes) -> str:
    """Return the text of a pdf, pages separated by form feeds."""
    import logging

    import pypdf
    from pypdf.errors import PyPdfError

    logging.disable(logging.CRITICAL)
    try:
        reader = pypdf.PdfReader(BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise Refused("is encrypted", "remove the password and add it again")
        pages, size = [], 0
        for page in reader.pages:
            pages.append(page.extract_text())
            size += len(pages[-1])
            if size > MAX_CHARACTERS:
                raise Refused(f"has more than {MAX_CHARACTERS:,} characters", "split the document")
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, IndexError, AssertionError) as error:
        raise Refused(f"is a damaged pdf: {error}", "open it in a pdf reader and save it again") from error
    if not pages:
        raise Refused("has no pages", "export the pdf again")
    if not any(page.strip() for page in pages):
        raise Refused("no text found; OCR is not included", "add a version with a text layer")
    return "\f".join(pages)


def docx(data: bytes) -> str:
    """Return the text of a docx as Markdown: headings, lists and tables kept."""
    import mammoth

    check_archive(data)
    try:
        made = mammoth.convert_to_html(BytesIO(data), convert_image=mammoth.images.img_element(lambda _: {}))
    except _UNREADABLE as error:
        raise Refused(f"is a damaged docx: {error}", _RESAVE) from error
    return markup(made.value)


def html(data: bytes) -> str:
    """Return the readable text of a page as Markdown."""
    return markup(data.decode("utf-8"))


def markup(source: str) -> str:
    """Turn HTML into Markdown; what a reader of the page would not see is left out."""
    from bs4 import BeautifulSoup, Comment
    from markdownify import MarkdownConverter

    soup = BeautifulSoup(source, "html.parser")
    for tag in soup(["script", "style", "template", "noscript", "iframe", "object", "svg", "img", "head"]):
        tag.decompose()
    for comment in soup.find_all(string=lambda node: isinstance(node, Comment)):
        comment.extract()
    for table in soup.find_all("table"):
        first = table.find("tr")
        for cell in first.find_all("td") if first is not None and not table.find("th") else ():
            cell.name = "th"  # without a header row Markdown has no table
    return str(
        MarkdownConverter(
            heading_style="ATX", strip=["a"], escape_asterisks=False, escape_underscores=False, escape_misc=False
        ).convert_soup(soup)
    )


def main() -> None:
    """Read one file and print its text or the reason why not, as JSON."""
    form, path, memory, seconds = sys.argv[1:]
    limit(int(memory), int(seconds))
    readers = {"pdf": pdf, "docx": docx, "html": html}
    try:
        with open(path, "rb") as file:
            answer = {"text": readers[form](file.read())}
    except Refused as refusal:
        answer = {"refused": str(refusal.args[0]), "hint": refusal.args[1]}
    except MemoryError:
        answer = {"refused": "needs more memory than a document may", "hint": "split the document"}
    except RecursionError:
        answer = {"refused": "is nested too deeply", "hint": "save it again in a simpler form"}
    sys.stdout.buffer.write(json.dumps(answer).encode("ascii"))


if __name__ == "__main__":
    main()
