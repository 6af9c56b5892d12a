"""Instruction datasets: JSONL <-> :class:`Example`, content hashes, near-duplicates.

A row is either the project's own form or the chat form that most tools export::

    {"question": "...", "answer": "...", "history": [...], "reference": [...], "group": "...", "slice": "..."}
    {"messages": [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}]}

Reading is strict: every problem is named by ``file:line: key``, up to fifty in one pass, and
nothing is imported while there is one. Keys that nobody knows are carried along in ``extra``.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assistant.dataset_rows import RowReader, parse_object, show
from assistant.errors import InputError
from assistant.schema import Language, Message, Shot, digest, language_of, normalise

MAX_PROBLEMS = 50
MAX_LINE_BYTES = 1_000_000
_EXACT_PAIRS = 2_000_000
_OWN_KEYS = frozenset(
    {"id", "language", "question", "answer", "history", "messages", "reference", "group", "slice"}
    | {"passages", "shots", "recipe"}
)


@dataclass(frozen=True, slots=True)
class Example:
    """One row: a conversation that ends in the user's question, and the answer to be learnt.

    ``answer`` is empty where a row only measures. ``references`` are accepted answers; None means
    that the row does not say, an empty tuple that nothing answers it. ``group`` keeps rows of one
    origin together when data is split. ``passages``, ``shots`` and ``recipe`` fix a row's prompt;
    where they are empty the training recipe decides.
    """

    id: str
    messages: tuple[Message, ...]
    answer: str = ""
    language: Language = "en"
    references: tuple[str, ...] | None = None
    group: str = ""
    slice: str = ""
    passages: tuple[str, ...] = ()
    shots: tuple[Shot, ...] = ()
    recipe: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)
    source: str = field(default="", compare=False)

    @property
    def question(self) -> str:
        """The newest user message."""
        return self.messages[-1].content

    @property
    def history(self) -> tuple[Message, ...]:
        """Everything before the question."""
        return self.messages[:-1]

    @property
    def answerable(self) -> bool:
        """False where the row says that no document answers it."""
        return self.references is None or bool(self.references)


def read_examples(path: Path, *, encoding: str = "utf-8", need_answer: bool = False) -> list[Example]:
    """Read a JSONL file whole.

    Args:
        path: the file; blank lines are skipped.
        encoding: ``utf-8`` (with or without a byte order mark) or any other codec Python knows.
        need_answer: also refuse rows without an answer, as training must.

    Raises:
        InputError: the file is missing, empty, in another encoding, or has bad rows; all of them,
            up to ``MAX_PROBLEMS``, are in ``details["problems"]`` and the first ones in the message.
    """
    problems: list[str] = []
    examples: list[Example] = []
    seen: dict[str, int] = {}
    for number, text in _lines(path, encoding, problems):
        if len(problems) >= MAX_PROBLEMS:
            break
        row = parse_object(text, f"{path.name}:{number}", problems)
        if row is None:
            continue
        example = _example(row, number, path.name, need_answer, problems)
        if example is None:
            continue
        if example.id in seen:
            problems.append(f"{path.name}:{number}: id: {show(example.id)} is already on line {seen[example.id]}")
        seen.setdefault(example.id, number)
        examples.append(example)
    if problems:
        raise _refusal(path, problems, len(examples))
    if not examples:
        raise InputError(f"{path.name}: the file has no rows", "add one JSON object a line, see the README")
    return examples


def write_examples(path: Path, examples: Iterable[Example]) -> None:
    """Write rows that :func:`read_examples` reads back as equal values."""
    lines = [json.dumps(to_row(example), ensure_ascii=False) + "\n" for example in examples]
    path.write_text("".join(lines), encoding="utf-8", newline="\n")


def to_row(example: Example) -> dict[str, Any]:
    """Return the JSON form of one example; empty optional keys are left out."""
    row: dict[str, Any] = {"id": example.id, "language": example.language, "question": example.question}
    if example.answer:
        row["answer"] = example.answer
    if example.references is not None:
        row["reference"] = list(example.references)
    if example.history:
        row["history"] = [{"role": turn.role, "content": turn.content} for turn in example.history]
    for key in ("group", "slice", "recipe"):
        if getattr(example, key):
            row[key] = getattr(example, key)
    if example.passages:
        row["passages"] = list(example.passages)
    if example.shots:
        row["shots"] = [{"question": shot.question, "answer": shot.answer} for shot in example.shots]
    return row | dict(example.extra)


def content_hash(examples: Iterable[Example]) -> str:
    """Return a hash of the rows' content; order counts, file layout does not."""
    return digest([to_row(example) for example in examples], length=16)


def near_duplicates(a: Sequence[str], b: Sequence[str], threshold: float = 0.8) -> list[tuple[int, int, float]]:
    """Return pairs ``(index in a, index in b, similarity)`` that are nearly the same text.

    Similarity is the Jaccard index of character 3-grams (letters and digits only, lower case),
    which also works for Korean, where word shingles do not. Small sets are compared exactly;
    larger ones take MinHash candidates, which are then checked exactly.
    """
    left, right = [trigrams(text) for text in a], [trigrams(text) for text in b]
    pairs: Iterable[tuple[int, int]]
    if len(a) * len(b) <= _EXACT_PAIRS:
        pairs = ((i, j) for i in range(len(left)) for j in range(len(right)))
    else:
        pairs = _candidates(left, right, threshold)
    scored = ((i, j, _jaccard(left[i], right[j])) for i, j in pairs)
    return [pair for pair in scored if pair[2] >= threshold]


def plain_text(text: str) -> str:
    """Return a text's letters and digits, composed and lower case: what texts are held against each other by."""
    return "".join(filter(str.isalnum, normalise(text).lower()))


def trigrams(text: str) -> frozenset[str]:
    """Return the character 3-grams of a text's letters and digits (all of it where shorter)."""
    plain = plain_text(text)
    return frozenset(plain[i : i + 3] for i in range(max(1, len(plain) - 2)))


def _jaccard(left: frozenset[str], right: frozenset[str]) -> float:
    shared = len(left & right)
    return shared / (len(left) + len(right) - shared)


def _candidates(
    left: Sequence[frozenset[str]], right: Sequence[frozenset[str]], threshold: float
) -> Iterator[tuple[int, int]]:
    from datasketch import MinHash, MinHashLSH

    def sketch(grams: frozenset[str]) -> Any:
        value = MinHash(num_perm=128)
        value.update_batch([gram.encode() for gram in sorted(grams)])
        return value

    # A lower bar for candidates: MinHash misses pairs that lie right at its own threshold.
    index = MinHashLSH(threshold=max(0.1, threshold - 0.15), num_perm=128)
    for j, grams in enumerate(right):
        index.insert(j, sketch(grams))
    for i, grams in enumerate(left):
        for j in sorted(index.query(sketch(grams))):
            yield i, j


def _lines(path: Path, encoding: str, problems: list[str]) -> Iterator[tuple[int, str]]:
    """Yield numbered, decoded, non-blank lines; a giant line costs no more memory than its limit."""
    if not path.is_file():
        raise InputError(f"no data file at {str(path)!r}", "check the path; it is read relative to the recipe file")
    with path.open("rb") as stream:
        start = stream.read(4)
        if start.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise InputError(f"{path.name}: the file is UTF-16", "save it as UTF-8")
        stream.seek(3 if start.startswith(b"\xef\xbb\xbf") else 0)
        number = 0
        while raw := stream.readline(MAX_LINE_BYTES + 1):
            number += 1
            if len(raw) > MAX_LINE_BYTES:
                problems.append(f"{path.name}:{number}: the line is longer than {MAX_LINE_BYTES:,} bytes; split it")
                while raw and not raw.endswith(b"\n"):
                    raw = stream.readline(MAX_LINE_BYTES)
                continue
            text = _decode(raw, encoding, path, number)
            if text.strip():
                yield number, text


def _decode(raw: bytes, encoding: str, path: Path, number: int) -> str:
    try:
        return raw.decode(encoding)
    except LookupError:
        raise InputError(f"unknown encoding {encoding!r}", "use utf-8 or cp949") from None
    except UnicodeDecodeError as error:
        where = f"{path.name}:{number}"
        try:
            preview = raw.decode("cp949").strip()
        except UnicodeDecodeError:
            message = f"{where}: not {encoding} text (byte 0x{raw[error.start]:02x} at {error.start + 1})"
            raise InputError(message, "save the file as UTF-8") from None
        raise InputError(
            f"{where}: looks like CP949, not {encoding} (preview: {show(preview)})",
            f"say 'encoding: cp949' in the recipe, or run: iconv -f CP949 -t UTF-8 {path.name} > new.jsonl",
        ) from None


def _example(row: dict[str, Any], number: int, name: str, need_answer: bool, problems: list[str]) -> Example | None:
    """Turn one parsed row into an example, or add what is wrong with it to ``problems``."""
    check = RowReader(row, f"{name}:{number}", problems)
    before = len(problems)
    messages = check.messages("messages") if "messages" in row else ()
    if "messages" in row:
        answer = messages[-1].content if messages and messages[-1].role == "assistant" else ""
        messages = messages[:-1] if answer else messages
    else:
        answer = check.text("answer")
        messages = (*check.messages("history"), Message("user", check.text("question", required=True)))
    if need_answer and not answer and len(problems) == before:
        problems.append(f"{name}:{number}: answer: missing; a training row needs the answer to learn")
    if len(problems) == before:
        check.order(messages)
    language = check.text("language") or language_of(messages[-1].content if messages else "")
    if language not in ("ko", "en"):
        problems.append(f"{name}:{number}: language: expected 'ko' or 'en', found {show(language)}")
    extra = {key: value for key, value in row.items() if key not in _OWN_KEYS}
    if answer and "messages" in row and row["messages"][-1].get("weight") == 0:
        extra["weight"] = 0  # OpenAI's way to say that an answer is not to be learnt
    example = Example(
        id=check.text("id") or f"{Path(name).stem}-{number}",
        messages=messages,
        answer=answer,
        language="ko" if language == "ko" else "en",
        references=check.texts("reference"),
        group=check.text("group"),
        slice=check.text("slice"),
        passages=check.texts("passages") or (),
        shots=check.shots(),
        recipe=check.text("recipe"),
        extra=extra,
        source=f"{name}:{number}",
    )
    return example if len(problems) == before else None


def _refusal(path: Path, problems: list[str], good: int) -> InputError:
    shown = problems[:MAX_PROBLEMS]
    more = f" (and {len(shown) - 1} more{' or so' if len(problems) >= MAX_PROBLEMS else ''})" if len(shown) > 1 else ""
    hint = f"mend {path.name}; {good} other rows are fine and nothing was imported"
    return InputError(f"{shown[0]}{more}", hint, problems=shown)
