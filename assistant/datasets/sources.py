"""Bytes of a file as UTF-8 text: unpacked, its encoding detected and named, never held whole."""

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from assistant.errors import InputError
from assistant.retrieval.encodings import decode
from assistant.schema import normalise

MAX_LINE_BYTES = 1_000_000
SAMPLE_BYTES = 256_000
_CHUNK = 1 << 16
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_FEW_SYLLABLES = 12


@dataclass(frozen=True, slots=True)
class Source:
    """A data file and how its bytes are to be read; ``encoding`` is a Python codec, "" for binary containers."""

    path: Path
    encoding: str
    packed: bool = False

    @property
    def name(self) -> str:
        """The file's name as messages show it, in NFC."""
        return normalise(self.path.name)


def raw_stream(path: Path) -> IO[bytes]:
    """Open a file for its bytes; gzip is unpacked on the way.

    Raises:
        InputError: no such file.
    """
    if not path.is_file():
        message = f"{str(path)!r} is a folder" if path.is_dir() else f"{str(path)!r} does not exist"
        raise InputError(message, "name a data file")
    stream = path.open("rb")
    magic = stream.read(2)
    stream.seek(0)
    return cast(IO[bytes], gzip.GzipFile(fileobj=stream)) if magic == b"\x1f\x8b" else stream


def sample(path: Path) -> bytes:
    """Return the start of a file, up to the last whole line of ``SAMPLE_BYTES``.

    Raises:
        InputError: the file is empty, or damaged gzip from its start.
    """
    with raw_stream(path) as stream:
        try:
            data = stream.read(SAMPLE_BYTES)
        except (EOFError, OSError, zlib.error):
            with raw_stream(path) as again, damaged_gzip(path.name):
                data = again.read(1)  # what there is, is enough to tell
    if not data.strip(b"\0 \t\r\n\xef\xbb\xbf"):
        raise InputError(f"{path.name}: the file is empty", "choose a file with rows")
    return data


@contextmanager
def damaged_gzip(name: str) -> Iterator[None]:
    """Turn what a broken gzip file raises into one line."""
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{name}: the gzip file is cut off or damaged", "copy or download it again") from error


def source(path: Path, encoding: str | None = None) -> Source:
    """Say how a text file is encoded, or check what the caller says.

    Raises:
        InputError: the encoding cannot be told or is another one than named; with a preview.
    """
    data = sample(path)
    with path.open("rb") as stream:
        packed = stream.read(2) == b"\x1f\x8b"
    found, certain = _detect(data)
    if encoding is None:
        if found and certain:
            return Source(path, found, packed)
        raise _unknown(path.name, data, found)
    try:
        wanted = codecs.lookup(encoding).name
        text = _whole_lines(data).decode(wanted)
    except LookupError:
        raise InputError(f"unknown encoding {encoding!r}", "use utf-8, utf-16, cp949 or another codec") from None
    except UnicodeDecodeError as error:
        raise _mismatch(path.name, data, encoding, error, found) from None
    shown = {"utf-8": "utf-8", "euc_kr": "cp949"}.get(wanted, wanted)  # every EUC-KR text is CP949
    if found and certain and not data.isascii() and _text(data, found) != text.lstrip("\ufeff"):
        message = f"{path.name}: is {found}, not {encoding} (preview: {_preview(_text(data, found))})"
        raise InputError(message, f"re-run with --encoding {found}, or without --encoding")
    return Source(path, "utf-8-sig" if shown == "utf-8" and data.startswith(codecs.BOM_UTF8) else shown, packed)


def _detect(data: bytes) -> tuple[str, bool]:
    """Return the encoding of a sample ("" for none) and whether that is sure enough to go on."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return encoding, True
    lines = _whole_lines(data)
    if b"\0" not in lines[:4096]:
        try:
            lines.decode("utf-8")
        except UnicodeDecodeError:
            pass
        else:
            return "utf-8", True
    try:
        text = decode(lines)
    except InputError:
        return "", False
    if b"\0" in lines[:4096]:
        return ("utf-16-le" if lines[1::2].count(0) > lines[0::2].count(0) else "utf-16-be"), True
    return "cp949", sum("가" <= char <= "힣" for char in text) >= _FEW_SYLLABLES


def _whole_lines(data: bytes) -> bytes:
    """Cut a sample after its last line end, so that no character is halved."""
    if len(data) < SAMPLE_BYTES:
        return data
    end = data.rfind(b"\n") + 1
    even = end + (end % 2 if b"\0" in data[:4096] else 0)  # UTF-16 line ends take two bytes
    return data[:even] if end else data[: len(data) // 4 * 4]


def _text(data: bytes, encoding: str) -> str:
    return _whole_lines(data).decode(encoding, errors="replace").lstrip("\ufeff")


def _preview(text: str) -> str:
    foreign = next((place for place, char in enumerate(text) if char > "\x7f"), 0)
    return repr("".join(char if char.isprintable() else " " for char in text[max(0, foreign - 15) : foreign + 45]))


def _unknown(name: str, data: bytes, found: str) -> InputError:
    if found:
        message = (
            f"{name}: may be {found}, but has too little Korean to be sure (preview: {_preview(_text(data, found))})"
        )
        return InputError(message, f"re-run with --encoding {found} if that reads right")
    if b"\0" in data[:4096]:
        return InputError(f"{name}: holds zero bytes; this is no text file", "export it again as JSONL, CSV or XLSX")
    western = _preview(data.decode("latin-1"))
    message = f"{name}: neither UTF-8 nor Korean CP949 (as Western text: {western})"
    return InputError(message, "save the file as UTF-8, or re-run with --encoding cp1252 if that reads right")


def _mismatch(name: str, data: bytes, encoding: str, error: UnicodeDecodeError, found: str) -> InputError:
    line = data[: error.start].count(b"\n") + 1
    if found:
        message = f"{name}:{line}: looks like {found}, not {encoding} (preview: {_preview(_text(data, found))})"
        return InputError(message, f"re-run with --encoding {found}")
    message = f"{name}:{line}: byte 0x{data[error.start]:02x} is not {encoding}"
    return InputError(message, "save the file as UTF-8, or name its real --encoding")


@contextmanager
def open_utf8(origin: Source) -> Iterator[IO[bytes]]:
    """Yield a file as UTF-8 bytes without a mark; lone carriage returns as only line ends become ``\\n``.

    Raises:
        InputError: while reading, bytes that are not in the source's encoding (with the line).
    """
    head = sample(origin.path)
    text = head.decode(origin.encoding, errors="replace")
    old_mac = "\r" in text and "\n" not in text
    with raw_stream(origin.path) as stream:
        if origin.encoding in ("utf-8", "utf-8-sig", "ascii") and not old_mac:
            if head.startswith(codecs.BOM_UTF8):
                stream.read(3)
            yield stream
            return
        recoded = _Recoded(stream, origin, old_mac)
        yield cast(IO[bytes], io.BufferedReader(recoded, _CHUNK))


class _Recoded(io.RawIOBase):
    """A byte stream in any encoding, read as UTF-8."""

    def __init__(self, stream: IO[bytes], origin: Source, old_mac: bool) -> None:
        self._stream, self._origin, self._old_mac = stream, origin, old_mac
        self._decoder = codecs.getincrementaldecoder(origin.encoding)()
        self._ready, self._line, self._first = b"", 1, True

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        while not self._ready:
            chunk = self._stream.read(_CHUNK)
            try:
                text = self._decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                line = self._line + chunk[: error.start].count(b"\n")
                name, byte, encoding = self._origin.name, f"{error.object[error.start]:02x}", self._origin.encoding
                hint = "mend that place, or name another --encoding"
                raise InputError(f"{name}:{line}: byte 0x{byte} is not {encoding}", hint) from None
            if self._first and text:
                text, self._first = text.lstrip("\ufeff"), False
            self._line += text.count("\n")
            self._ready = (text.replace("\r", "\n") if self._old_mac else text).encode("utf-8", "surrogatepass")
            if not chunk:
                break
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size
