"""Twenty families of malformed files through the command line; ten of each with ``make chaos``.

None may end in a traceback, import anything by halves, or show more than eighty characters of a value.
"""

import gzip
import json
import random
import time
from collections.abc import Callable

import pytest

from assistant.cli.app import run
from assistant.datasets.store import DatasetStore

MOST_SECONDS, MOST_SHOWN = 30.0, 80
Made = tuple[str, str | bytes]


def row(number: int, **more: object) -> str:
    return json.dumps({"question": f"{number}번 문은 언제 열어요?", "answer": "아홉 시요."} | more, ensure_ascii=False)


class Family:
    """What a family needs to make a file: chance, a long value to recognise, and whether size matters."""

    def __init__(self, seed: int, full: bool) -> None:
        self.pick, self.full = random.Random(seed), full
        self.value = "".join(self.pick.choices("가나다라마바사아자차카타파하abcdefghij", k=240))

    def lines(self, bad: str | bytes) -> bytes:
        """Return good rows with a bad one at a random line."""
        good = [row(number).encode() for number in range(self.pick.randint(1, 30))]
        good.insert(
            self.pick.randint(0, len(good)), bad.encode("utf-8", "surrogatepass") if isinstance(bad, str) else bad
        )
        return b"\n".join(good) + b"\n"

    def table(self, bad: str) -> str:
        """Return a table with a bad line."""
        good = [f"{number}번,네" for number in range(self.pick.randint(1, 30))]
        return "\n".join(["question,answer", *good, bad]) + "\n"


def chat(*roles: str) -> str:
    return json.dumps({"messages": [{"role": role, "content": "x"} for role in roles]})


FAMILIES: dict[str, Callable[[Family], Made]] = {
    "bad JSON": lambda f: ("a.jsonl", f.lines(f'{{"question": "{f.value}", "answer" "x"}}')),
    "array in a line": lambda f: ("a.jsonl", f.lines(json.dumps([f.value, 1], ensure_ascii=False))),
    "wrong keys": lambda f: ("a.jsonl", f.lines(json.dumps({"frage": f.value, "answer": "x"}, ensure_ascii=False))),
    "role order": lambda f: ("a.jsonl", chat(*f.pick.choice((("user", "user", "assistant"), ("assistant", "user"))))),
    "nested null": lambda f: ("a.jsonl", '{"messages": [{"role": "user", "content": null}]}\n' * f.pick.randint(1, 4)),
    "NaN": lambda f: ("a.jsonl", f.lines(row(1)[:-1] + f', "n": {f.pick.choice(("NaN", "Infinity", "-Infinity"))}}}')),
    "lone surrogate": lambda f: ("a.jsonl", f.lines(row(1)[:-1] + f', "n": "{f.value}\\ud83d"}}')),
    "NUL": lambda f: ("a.jsonl", f.lines(row(1)[:-1] + f', "n": "{f.value}\\u0000"}}')),
    "control": lambda f: ("a.jsonl", f.lines(row(1)[:-1] + f', "n": "\u2028{f.value}\\u001b[2J"}}')),
    "ragged": lambda f: ("a.csv", f.table(",".join([f.value] * f.pick.choice((1, 3, 7))))),
    "open quote": lambda f: ("a.csv", f.table(f'x,"{f.value}\nq,w')),
    "huge field": lambda f: ("a.csv", f.table("x," + f.value * (600 + f.pick.randint(0, 100)))),
    "huge line": lambda f: ("a.jsonl", f.lines(f'{{"question": "{"x" * (100_000_000 if f.full else 2_000_000)}"}}')),
    "nesting": lambda f: ("a.jsonl", f.lines('{"question": ' + f.pick.choice(("[", '{"a":')) * 100_000)),
    "long number": lambda f: ("a.jsonl", f.lines(row(1)[:-1] + f', "n": {"7" * (5000 + f.pick.randint(0, 99))}}}')),
    "twin keys": lambda f: ("a.jsonl", f.lines(row(1)[:-1] + f', "answer": "{f.value}"}}')),
    "mixed line ends": lambda f: ("a.jsonl", f"{row(1)}\r\n{row(2)}\r{row(3)}\n{{{f.value}\r\n{row(4)}"),
    "empty": lambda f: (
        f.pick.choice(("a.jsonl", "a.csv", "a.json", "a.md")),
        f.pick.choice((b"", b"\n\n", b"\xef\xbb\xbf")),
    ),
    "only a header": lambda f: ("a.csv", "question,answer" + f.pick.choice(("", "\n", "\r\n\r\n"))),
    "cut gzip": lambda f: (
        "a.jsonl.gz",
        gzip.compress("\n".join(map(row, range(3000))).encode())[: -f.pick.randint(9, 900)],
    ),
}


def check(family: str, number: int, full: bool, tmp_path, capsys) -> None:
    made = Family(number, full)
    name, content = FAMILIES[family](made)
    path = tmp_path / f"{number}-{name}"
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    home, started = tmp_path / "home", time.process_time()
    code = run(["--home", str(home), "data", "import", str(path), "--name", "set", "--json"])
    out = capsys.readouterr()
    document = json.loads(out.out)
    assert code == 3 and "Traceback" not in out.out + out.err, out
    assert time.process_time() - started < MOST_SECONDS
    error = document["error"]
    assert path.name in error["message"] and error["hint"] and "\n" not in error["message"]
    assert document["imported"] == 0 and DatasetStore(home / "datasets").names() == []
    said = json.dumps(document, ensure_ascii=False)
    assert not [at for at in range(len(made.value) - MOST_SHOWN) if made.value[at : at + MOST_SHOWN + 1] in said]
    assert "x" * (MOST_SHOWN + 1) not in said and "7" * (MOST_SHOWN + 1) not in said
    for problem in document["problems"]:
        assert problem["file"] == path.name and problem["fix"] and (problem["line"] or family == "cut gzip")
        assert len(problem["problem"]) < 300
    assert document["problems"] or family in ("empty", "only a header", "wrong keys")


@pytest.mark.parametrize("family", FAMILIES)
def test_one_of_each_family(family, tmp_path, capsys):
    check(family, 0, False, tmp_path, capsys)


@pytest.mark.chaos
@pytest.mark.parametrize("family", FAMILIES)
def test_ten_of_each_family(family, tmp_path, capsys):
    for number in range(1, 11):
        check(family, number, True, tmp_path, capsys)
        for file in tmp_path.glob(f"{number}-*"):
            file.unlink()
