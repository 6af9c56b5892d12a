"""Bytes to text: tried strictly, judged by plausibility, refused rather than guessed wrong."""

import codecs
from contextlib import suppress

from assistant.errors import InputError
from assistant.schema import normalise

# The commonest syllables of running Korean; one in eight or more of real text, next to none of a wrong guess.
_COMMON = frozenset(
    "이다는의에가을고하지를은도로한서기사인리자어있시나니대수일그부아해요게전과라원용정주음면세습안만들스"
)
_MIN_COMMON = 0.125
_MIN_HANGUL = 0.8
_MAX_CONTROL = 0.002
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decode(data: bytes) -> str:
    """Return the text of a file in NFC with ``\\n`` line ends.

    UTF-8, UTF-16 and UTF-32 by their mark; else UTF-8; else UTF-16 where every other byte is zero;
    else CP949 (which includes EUC-KR), but only where the result reads like Korean.

    Raises:
        InputError: the bytes are no text, or their encoding cannot be told.
    """
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return _clean(_strict(data, encoding))
    if b"\0" in data[:4096]:
        return _clean(_utf16(data))
    try:
        return _clean(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        text = _cp949(data)
        if text is not None:
            return _clean(text)
        raise InputError(
            f"byte {error.start + 1} is not UTF-8, and the text does not read like CP949 either "
            f"(preview: {_preview(data, error.start)})",
            "save the file as UTF-8",
        ) from None


def _strict(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise InputError(f"marked as {error.encoding} but damaged at byte {error.start + 1}", "save it again") from None


def _utf16(data: bytes) -> str:
    sample = data[:4096]
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    zeros = max(even, odd)
    text = ""
    # Spaces and line ends put zeros on one side; the other has them only in a few syllables (가, 관).
    if 3 * min(even, odd) <= zeros and zeros >= max(2, len(sample) // 50):
        with suppress(UnicodeDecodeError):
            text = data.decode("utf-16-le" if odd > even else "utf-16-be")
    plausible = sum(char.isalnum() or char.isspace() for char in text[:2000])
    if not text or "\0" in text or plausible < 0.7 * len(text[:2000]):
        raise InputError("holds binary data, not text", "add the document in md, txt, pdf, docx, html or csv form")
    return text


def _cp949(data: bytes) -> str | None:
    try:
        text = data.decode("cp949")
    except UnicodeDecodeError:
        return None
    foreign = [char for char in text if char > "\x7f"]
    hangul = [char for char in foreign if "가" <= char <= "힣"]
    if len(hangul) < _MIN_HANGUL * len(foreign):
        return None
    common = sum(char in _COMMON for char in hangul)
    return text if common >= _MIN_COMMON * len(hangul) else None


def _clean(text: str) -> str:
    text = text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    sample = text[:100_000]
    controls = sum((char < " " and char not in "\n\t\f") or char == "\x7f" for char in sample)
    if controls > max(1, _MAX_CONTROL * len(sample)):
        raise InputError("holds binary data, not text", "add the document in md, txt, pdf, docx, html or csv form")
    return normalise("".join(char for char in text if char >= " " or char in "\n\t\f") if controls else text)


def _preview(data: bytes, place: int) -> str:
    piece = data[max(0, place - 12) : place + 24].decode("cp949", errors="replace")
    return repr("".join(char if char.isprintable() else " " for char in piece))
