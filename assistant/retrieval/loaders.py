"""Files to text. Plain text is decoded here; pdf, docx and html are parsed in a child that can be killed."""

import csv
import io
import json
import subprocess
import sys
import tempfile
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from assistant.errors import InputError
from assistant.retrieval.encodings import decode
from assistant.schema import normalise

PARSE_SECONDS = 60
PARSE_BYTES = 1_500_000_000
MAX_CHARACTERS = 5_000_000
MAX_LINE = 1_000_000
MEDIA = {
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".txt": "text/plain",
    ".text": "text/plain",
    ".csv": "text/csv",
    ".html": "text/html",
    ".htm": "text/html",
    ".pdf": "application/pdf",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}
_FORMS = {"text/html": "html", "application/pdf": "pdf", MEDIA[".docx"]: "docx"}
_SIGNATURES = {b"%PDF-": "pdf", b"PK\x03\x04": "a zip or office file", b"\xd0\xcf\x11\xe0": "an old office file"}
_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A file's text in NFC and its media type; a form feed stands between pages."""

    text: str
    media: str


def media_of(name: str) -> str:
    """Return the media type that a file name stands for.

    Raises:
        InputError: files of that kind are not read.
    """
    suffix = Path(name).suffix.lower()
    if suffix not in MEDIA:
        raise InputError(f"files of type {suffix or '(none)'!r} are not read", "use md, txt, pdf, docx, html or csv")
    return MEDIA[suffix]


def checked_name(name: str) -> str:
    """Return a document's name in NFC.

    Raises:
        InputError: it holds a character that hides or breaks what is shown.
    """
    name = normalise(name)
    for char in name:
        if unicodedata.category(char) in ("Cc", "Cs") or char in _BIDI:
            raise InputError(f"the name holds the character U+{ord(char):04X}", "rename the file")
    if len(name) > 500:
        raise InputError(f"the name is {len(name)} characters long", "rename the file")
    return name


def load(data: bytes, media: str) -> Loaded:
    """Return the text of a file's bytes.

    Raises:
        InputError: empty, damaged, encrypted, without text, too large once read, or of unknown encoding.
    """
    if not data.strip():
        raise InputError("the file is empty", "add a file with text in it")
    if media in _FORMS:
        text = normalise(_in_child(data, _FORMS[media])).replace("\r\n", "\n")
    else:
        for signature, kind in _SIGNATURES.items():
            if data.startswith(signature):
                raise InputError(f"is {kind}, not {media}", "give the file its right extension")
        text = decode(data)
        if media == "text/csv":
            text = _table(text)
    _check(text)
    return Loaded(text, media)


def _check(text: str) -> None:
    if not any(char.isalnum() for char in text):
        raise InputError("no text found", "add a file with text in it")
    if len(text) > MAX_CHARACTERS:
        raise InputError(f"has {len(text):,} characters; at most {MAX_CHARACTERS:,}", "split the document")
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > MAX_LINE:
            raise InputError(f"line {number} is {len(line):,} characters long", "break the text into lines")


def _in_child(data: bytes, form: str) -> str:
    if form == "html":
        data = decode(data).encode("utf-8")
    with tempfile.TemporaryDirectory(prefix="joyul-parse-") as folder:
        file = Path(folder) / "document"
        file.write_bytes(data)
        script = Path(__file__).with_name("parsing.py")
        command = [sys.executable, "-P", str(script), form, str(file), str(PARSE_BYTES), str(PARSE_SECONDS)]
        try:
            done = subprocess.run(command, capture_output=True, timeout=PARSE_SECONDS, cwd=folder, check=False)
        except subprocess.TimeoutExpired:
            raise InputError(f"took longer than {PARSE_SECONDS} s to read", "split or re-export the document") from None
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        raise InputError(f"could not be read (the {form} reader gave up)", "re-export the document") from None
    if "refused" in answer:
        raise InputError(answer["refused"], answer["hint"])
    return str(answer["text"])


def _table(text: str) -> str:
    """Return comma-separated values as a Markdown table, so that rows stay whole and keep their header."""
    try:
        dialect: type[csv.Dialect] | csv.Dialect = csv.Sniffer().sniff(text[:4096], ",;\t|")
    except csv.Error:
        dialect = csv.excel
    try:
        rows = [row for row in csv.reader(io.StringIO(text), dialect) if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise InputError(f"is not a well-formed csv file: {error}", "check its quotes") from None
    if not rows:
        return ""
    width = max(len(row) for row in rows)
    lines = [_row(row + [""] * (width - len(row))) for row in rows]
    return "\n".join([lines[0], _row(["---"] * width), *lines[1:]])


def _row(cells: list[str]) -> str:
    clean = (" ".join(cell.split()).replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(clean)} |"
