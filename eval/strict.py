"""Read YAML and JSONL strictly: every complaint names file, line and key, and the nearest known key."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from assistant.errors import InputError
from assistant.lazy import nearest

YAML_BYTES = 1_000_000
LINE_CHARACTERS = 200_000


def read_text(path: Path) -> str:
    """Return a file's text.

    Raises:
        InputError: it does not exist, cannot be read, or is not UTF-8 (CP949 is named where it fits).
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}", "check the path") from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        try:
            raw.decode("cp949")
        except UnicodeDecodeError:
            hint = "save it as UTF-8"
        else:
            hint = f"it looks like CP949: iconv -f cp949 -t utf-8 {path.name} > {path.stem}-utf8{path.suffix}"
        raise InputError(f"{path}:{line}: not UTF-8 text", hint) from None


@dataclass(frozen=True)
class YamlFile:
    """A YAML mapping that remembers on which line each key stands."""

    path: Path
    values: dict[str, Any]
    node: yaml.Node

    def line(self, *keys: str) -> int:
        """Return the 1-based line of a key path, as deep as it exists."""
        node, line = self.node, 1
        for key in keys:
            pairs = node.value if isinstance(node, yaml.MappingNode) else []
            for name, value in pairs:
                if name.value == key:
                    node, line = value, name.start_mark.line + 1
                    break
        return line

    def error(self, keys: tuple[str, ...], problem: str, hint: str = "") -> InputError:
        """Return a complaint about a key path."""
        return InputError(f"{self.path}:{self.line(*keys)}: {'.'.join(keys)}: {problem}", hint)

    def refuse_unknown(self, known: set[str], *, inside: tuple[str, ...] = ()) -> None:
        """Complain about the first key that nobody reads.

        Raises:
            InputError: there is one; the nearest known key is named.
        """
        values: Any = self.values
        for key in inside:
            values = values[key]
        for key in values:
            if key not in known:
                raise self.error((*inside, str(key)), "unknown key", nearest(str(key), known))

    def take(self, key: str, kind: type | tuple[type, ...], default: Any = None, *, needed: bool = False) -> Any:
        """Return a top-level value of the right type.

        Raises:
            InputError: it is missing and needed, or of another type.
        """
        value = self.values.get(key)
        if value is None:
            if needed:
                raise InputError(f"{self.path}: the key '{key}' is missing", "see the README's 'A suite of your own'")
            return default
        wrong_bool = isinstance(value, bool) and kind is not bool
        if wrong_bool or not isinstance(value, kind):
            kinds = kind if isinstance(kind, tuple) else (kind,)
            wanted = " or ".join(dict.fromkeys(_KIND_NAMES.get(each, each.__name__) for each in kinds))
            raise self.error((key,), f"expected {wanted}, got {value!r:.80}")
        return value


_KIND_NAMES = {str: "a text", int: "a number", float: "a number", list: "a list", dict: "keys and values"}


def read_yaml(path: Path) -> YamlFile:
    """Read a YAML mapping.

    Raises:
        InputError: the file is missing, not YAML, too large, or not a mapping.
    """
    text = read_text(path)
    if len(text) > YAML_BYTES:
        raise InputError(f"{path}: larger than {YAML_BYTES // 1_000_000} MB", "keep items in a JSONL file")
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.SafeLoader)):
            raise InputError(f"{path}: YAML aliases (*name) are not accepted", "write the value out")
        node = yaml.compose(text, yaml.SafeLoader)
        _refuse_twins(path, node)
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise InputError(f"{path}{line}: not readable as YAML: {problem}", "check indentation and quotes") from None
    except RecursionError:
        raise InputError(f"{path}: nested too deeply", "flatten it") from None
    if not isinstance(values, dict) or node is None:
        raise InputError(f"{path}: expected 'key: value' lines", "see the README's 'A suite of your own'")
    return YamlFile(path, values, node)


def _refuse_twins(path: Path, node: yaml.Node | None) -> None:
    """Complain about a key that stands twice in one mapping: YAML would silently take the second."""
    for child in node.value if isinstance(node, yaml.MappingNode | yaml.SequenceNode) else ():
        for part in child if isinstance(child, tuple) else (child,):
            _refuse_twins(path, part)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key.value, str) and key.value in seen:
                line = key.start_mark.line + 1
                raise InputError(f"{path}:{line}: {key.value}: stands twice", "keep one of the two")
            seen.add(key.value if isinstance(key.value, str) else "")


def _read_data(path: Path) -> str:
    """Return the text of a data file as people have it: UTF-8, UTF-16 by its mark, or CP949 that reads like Korean."""
    from assistant.retrieval.encodings import decode

    try:
        return decode(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}", "check the path") from None
    except InputError as error:
        hint = "a table: save it as CSV (UTF-8) or JSONL" if "binary" in error.message else error.hint
        raise InputError(f"{path}: {error.message}", hint) from None


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """Yield ``(line number, row)`` of a JSONL or CSV file; a row that cannot be read comes as the problem's text.

    Raises:
        InputError: the file cannot be read as text, or a CSV file has no proper heading.
    """
    if path.suffix.lower() in (".csv", ".tsv"):
        yield from _table_rows(path)
        return
    for number, line in enumerate(_read_data(path).split("\n"), 1):
        if not line.strip():
            continue
        if len(line) > LINE_CHARACTERS:
            yield number, f"the line has {len(line):,} characters; at most {LINE_CHARACTERS:,} are read"
            continue
        try:
            row = json.loads(line, parse_constant=_refuse_constant, object_pairs_hook=_each_once)
        except (ValueError, RecursionError) as error:
            column = f" at column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
            column = f" ({error})" if isinstance(error, _Refused) else column
            yield number, f"not JSON{column}: {line.strip()[:60]!r}"
            continue
        yield number, row if isinstance(row, dict) else f"expected a JSON object, got {line.strip()[:60]!r}"


def _table_rows(path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """Yield the rows of a table by its heading; empty cells are left out, a cell that starts with ``[`` is JSON."""
    import csv
    from io import StringIO

    text = _read_data(path)
    head = text.partition("\n")[0]
    delimiter = max((",", ";", "\t"), key=head.count)
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
    names: list[str] = []
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield number, f"not CSV: {error}; nothing is read from here on"
            return
        if not any(cell.strip() for cell in cells):
            continue
        if not names:
            names = _heading(path, cells)
        elif len(cells) > len(names):
            yield number, f"{len(cells)} cells under {len(names)} headings; quote texts that hold {delimiter!r}"
        else:
            yield number, _table_row(dict(zip(names, cells, strict=False)))


def _heading(path: Path, cells: list[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    if "question" not in names or len(set(names)) < len(names):
        raise InputError(
            f"{path}:1: expected a heading with 'question', each name once, got {', '.join(names)!r:.80}",
            "the first row names the columns: question,reference,group,language",
        )
    return names


def _table_row(row: dict[str, str]) -> dict[str, Any] | str:
    found: dict[str, Any] = {}
    for name, cell in row.items():
        value = cell.strip()
        if value.startswith("["):
            try:
                found[name] = json.loads(value, parse_constant=_refuse_constant)
            except (ValueError, RecursionError):
                return f"{name}: starts with '[' but is no JSON list: {value[:60]!r}"
        elif value:
            found[name] = value
    return found


class _Refused(ValueError):
    pass


def _refuse_constant(name: str) -> Any:
    raise _Refused(f"{name} is no number")


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _Refused(f"the key {next(key for key in keys if keys.count(key) > 1)!r:.40} stands twice")
    return found


def complain(path: Path, problems: Mapping[int, str], hint: str) -> InputError:
    """Return one error for all bad lines of a file: the first in full, all (up to 50) in the details."""
    lines = [f"{path}:{line}: {problem}" for line, problem in sorted(problems.items())]
    more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
    return InputError(lines[0] + more, hint, problems=lines[:50])
