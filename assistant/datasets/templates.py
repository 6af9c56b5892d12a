"""Templates: columns of any table become instruction, input and answer.

A template is a versioned YAML file::

    template: support-qa
    version: 1
    title: {ko: 질문과 답, en: Questions and answers}
    columns: {question: required, answer: required, context: optional}
    system: {ko: ..., en: ...}
    paraphrases:
      ko-polite: ["{question}", "다음 질문에 답해 주세요. {question}"]
      ko-casual: ["{question} 알려 줘."]
      en: ["{question}", "Please answer: {question}"]
    answer: "{answer}"
    shots: {ko: [{question: ..., answer: ...}]}

``{column}`` is replaced by a row's cell and nothing else is evaluated. A line of a text whose optional
columns are all empty is left out. Which paraphrase a row gets follows from the row itself, so the same
file always gives the same rows.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from assistant.datasets.options import ReadOptions
from assistant.datasets.problems import Place, Problems
from assistant.datasets.reading import Detected, raw_rows
from assistant.datasets.rows import Row
from assistant.errors import InputError, UsageError
from assistant.lazy import nearest
from assistant.paths import data_root
from assistant.schema import language_of, normalise

STYLES = ("ko-polite", "ko-casual", "en")
_CARRIED = ("id", "group", "slice")
_POLITE = ("요", "니다", "니까", "시오", "세요", "죠")
_FIELD = re.compile(r"\{(\w+)\}")
_KEYS = frozenset({"template", "version", "title", "columns", "system", "paraphrases", "answer", "shots", "json"})


@dataclass(frozen=True, slots=True)
class Template:
    """One template; ``paraphrases`` and ``system`` by style, ``columns`` name -> whether a row needs it."""

    name: str
    version: int
    title: Mapping[str, str]
    columns: Mapping[str, bool]
    paraphrases: Mapping[str, tuple[str, ...]]
    answer: str
    system: Mapping[str, str] = field(default_factory=dict)
    shots: Mapping[str, tuple[dict[str, str], ...]] = field(default_factory=dict)
    json_answer: bool = False
    digest: str = ""

    @property
    def ref(self) -> str:
        """``name@version``, with the file's hash."""
        return f"{self.name}@{self.version}:{self.digest}"


def template_files(own: Path | None = None) -> dict[str, Path]:
    """Return the shipped templates, and those of a folder of one's own, by name; own ones win."""
    folders = [data_root() / "templates", *([own] if own else [])]
    return {file.stem: file for folder in folders if folder.is_dir() for file in sorted(folder.glob("*.yaml"))}


def load_template(name: str, own: Path | None = None) -> Template:
    """Return a template by its name, or by the path of its file.

    Raises:
        UsageError: there is none of that name.
        InputError: the file is no template.
    """
    files = template_files(own)
    path = Path(name) if name.endswith((".yaml", ".yml")) else files.get(name)
    if path is None or not path.is_file():
        raise UsageError(f"no template {name!r}", nearest(name, files))
    try:
        text = normalise(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise InputError(f"{path.name}: not UTF-8 text", "save it as UTF-8") from error
    try:
        tree = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", 0) + 1
        raise InputError(f"{path.name}:{line}: not YAML", "compare with a shipped template") from error
    return _checked(tree, path, hashlib.sha256(text.encode()).hexdigest()[:8])


def _checked(tree: Any, path: Path, digest: str) -> Template:
    def fail(key: str, problem: str) -> InputError:
        return InputError(f"{path.name}: {key}: {problem}", "compare with one in data/templates")

    if not isinstance(tree, dict):
        raise fail("template", "expected keys and values")
    if unknown := sorted(str(key) for key in tree if key not in _KEYS):
        raise fail(unknown[0], "unknown key; " + nearest(unknown[0], _KEYS))
    for key, kind in (("template", str), ("version", int), ("columns", dict), ("paraphrases", dict), ("answer", str)):
        if not isinstance(tree.get(key), kind):
            raise fail(key, f"expected {kind.__name__}")
    for key in ("title", "system", "shots"):
        if not isinstance(tree.get(key) or {}, dict):
            raise fail(key, "expected a language or style, and what is said in it")
    for column, need in tree["columns"].items():
        if need not in ("required", "optional") or not re.fullmatch(r"\w+", str(column)):
            raise fail(f"columns.{column}", "a name of letters, and 'required' or 'optional'")
    for style, texts in tree["paraphrases"].items():
        if style not in STYLES or not isinstance(texts, list) or not texts:
            raise fail(f"paraphrases.{style}", f"a list of texts under one of {', '.join(STYLES)}")
    for language, shots in (tree.get("shots") or {}).items():
        if not isinstance(shots, list) or not all(map(_is_shot, shots)):
            raise fail(f"shots.{language}", "a list of examples, each with a text as 'question' and one as 'answer'")
    if tree.get("json") and not _is_object(_FIELD.sub("x", tree["answer"])):
        raise fail("answer", 'filled in, it is no JSON object; write {"key": "{column}"}, columns in quotes')
    for key, used in _fields(tree):
        if used not in tree["columns"]:
            raise fail(key, f"{{{used}}} is not among the columns")
    return Template(
        name=tree["template"],
        version=tree["version"],
        title=tree.get("title") or {},
        columns={str(column): need == "required" for column, need in tree["columns"].items()},
        paraphrases={style: tuple(map(str, texts)) for style, texts in tree["paraphrases"].items()},
        answer=tree["answer"],
        system=tree.get("system") or {},
        shots={language: tuple(shots) for language, shots in (tree.get("shots") or {}).items()},
        json_answer=bool(tree.get("json", False)),
        digest=digest,
    )


def _is_shot(shot: Any) -> bool:
    return isinstance(shot, dict) and all(isinstance(shot.get(key), str) for key in ("question", "answer"))


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _fields(tree: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    texts = [("answer", tree["answer"])]
    texts += [(f"paraphrases.{style}", str(text)) for style, many in tree["paraphrases"].items() for text in many]
    texts += [(f"system.{key}", str(text)) for key, text in (tree.get("system") or {}).items()]
    for key, text in texts:
        yield from ((key, match[1]) for match in _FIELD.finditer(text))


def fill(template: Template, found: Detected, problems: Problems, options: ReadOptions) -> Iterator[tuple[int, Row]]:
    """Yield ``(line, row)`` made of a table's rows; ``--map`` may name the columns anew."""
    unused = [key for key in found.keys if key not in {*template.columns, *found.mapping.values(), *_CARRIED}]
    if unused:
        problems.lose(0, ", ".join(unused), "columns that the template does not use")
    for line, raw in raw_rows(found, problems, options):
        row = render(template, raw, Place(problems, line))
        if row is not None:
            yield line, row


def render(template: Template, raw: Mapping[str, Any], place: Place, style: str | None = None) -> Row | None:
    """Return one row of a template, or None after noting which column is missing.

    ``style`` names one of :data:`STYLES`; without it the row's language and content choose.
    """
    cells = {column: _cell(raw.get(column)) for column in template.columns}
    missing = [column for column, needed in template.columns.items() if needed and not cells[column].strip()]
    for column in missing:
        place.bad(column, "missing or empty", f"fill it in, or name its column: --map {column}=YOUR_COLUMN")
    if missing:
        return None
    number = int(hashlib.sha256(json.dumps(cells, sort_keys=True).encode()).hexdigest()[:8], 16)
    if style is None:
        korean = raw.get("language", language_of("".join(cells.values()))) == "ko"
        fitting = [each for each in template.paraphrases if each.startswith("ko") == korean]
        styles = fitting or list(template.paraphrases)
        style = styles[number % len(styles)]
    texts = template.paraphrases[style]
    wording = number // 7 % len(texts)
    language = style[:2]
    row: Row = {"question": _filled(texts[wording], cells), "answer": _answer(template, cells)}
    if system := template.system.get(_manner(style, row["answer"])) or template.system.get(language):
        row["history"] = [{"role": "system", "content": _filled(system, cells)}]
    if shots := template.shots.get(language):
        row["shots"] = [dict(shot) for shot in shots]
    row |= {"language": language, "template": f"{template.name}@{template.version}/{style}/{wording + 1}"}
    return row | {key: raw[key] for key in _CARRIED if isinstance(raw.get(key), str)}


def examples(template: Template) -> dict[str, Row]:
    """Return a row of every style, made of a made-up one whose cells say which column they are."""
    made: dict[str, Row] = {}
    for style in template.paraphrases:
        row = render(template, {column: f"<{column}>" for column in template.columns}, Place(Problems(""), 0), style)
        if row is not None:
            made[style] = row
    return made


def _manner(style: str, answer: str) -> str:
    """Return the style that the system text asks for: however the question is put, the answer shows its own."""
    if not style.startswith("ko"):
        return style
    end = answer.rstrip(" .!?~\n")
    return "ko-casual" if "가" <= end[-1:] <= "힣" and not end.endswith(_POLITE) else "ko-polite"


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)


def _answer(template: Template, cells: Mapping[str, str]) -> str:
    if not template.json_answer:
        return _filled(template.answer, cells)
    quoted = {column: json.dumps(cell, ensure_ascii=False)[1:-1] for column, cell in cells.items()}
    filled = _FIELD.sub(lambda match: quoted.get(match[1], match[0]), template.answer)
    return json.dumps({key: value for key, value in json.loads(filled).items() if value != ""}, ensure_ascii=False)


def _filled(text: str, cells: Mapping[str, str]) -> str:
    """Fill in a text line by line; a line whose columns are all empty is left out."""
    lines = []
    for line in text.split("\n"):
        used = [match[1] for match in _FIELD.finditer(line)]
        if not used or any(cells[column] for column in used):
            lines.append(_FIELD.sub(lambda match: cells[match[1]], line))
    return "\n".join(lines).strip()
