"""Whatever an import can say of a file, it says in Korean too."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.datasets.importing import ImportOptions, preview
from assistant.errors import InputError
from assistant.locales.faults import said

FOLDER = Path(__file__).resolve().parents[3] / "assistant" / "datasets"
NOTES = {"bad": (1, 2), "add": (2, 3), "lose": (1, 2), "_stop": (0, 1), "Unreadable": (1, 2)}
NAMED = {"problem", "fix", "what", "found", "message"}
# Never on a page: converting, exporting and splitting are commands, and so are these flags.
COMMANDS = {"converting.py", "exporting.py", "splitting.py", "writers.py", "checking.py", "rebuilding.py"}
PAGE_MENDS = ("--map", "--format", "--encoding", "--skip-bad")  # fields of the page, which has its own words
PASSED_ON = {"expected", "in evaluation set "}


def texts(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.IfExp):
        yield from (*texts(node.body), *texts(node.orelse))
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)


def spoken() -> Iterator[tuple[str, str]]:
    for file in sorted(FOLDER.rglob("*.py")):
        if file.name in COMMANDS:
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            found: list[ast.expr] = []
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                places = NOTES.get(name, (0, 1) if name.endswith("Error") else ())
                found = [node.args[place] for place in places if place < len(node.args)]
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                found = [node.value] if node.targets[0].id in NAMED else []
            for text in (text for value in found for text in texts(value)):
                if " " in text.strip() and text not in PASSED_ON:
                    yield file.name, text


def test_every_problem_and_mend_is_said_in_korean():
    known = {text for _, text in spoken()}
    assert len(known) > 120  # the scan still finds them
    unsaid = [
        f"{file}: {text}"
        for file, text in spoken()
        if said(text, "ko") == text and not any(flag in text for flag in PAGE_MENDS)
    ]
    assert unsaid == [], "say these in assistant/locales/faults.yaml, under Datasets"


@pytest.mark.parametrize(
    ("content", "korean"),
    [
        ('{"question": "a", "answer": NaN}', "NaN은 JSON에 쓸 수 없어요"),
        ('{"question": "a", "question": "b", "answer": "c"}', "두 번 나와요"),
        ('{"messages": [{"role": "bot", "content": "x"}]}', "가운데 하나여야 하는데"),
        ('{"question": "x\\ud800", "answer": "y"}', "반쪽만 남은 글자예요"),
        ('{"question": "a", ', "글자부터 JSON이 아니에요"),
    ],
)
def test_as_the_page_says_it(tmp_path, content, korean):
    (tmp_path / "a.jsonl").write_text('{"question": "q", "answer": "a"}\n' * 3 + content, encoding="utf-8")
    try:
        (problem,) = preview(tmp_path / "a.jsonl", ImportOptions("a"))["problems"]
    except InputError as error:
        problem = {"problem": error.message, "fix": error.hint}
    assert korean in said(problem["problem"], "ko") and said(problem["fix"], "ko") != problem["fix"]
