"""Malformed files: one line each with place, key and mend; nothing is imported; good rows only when asked."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from assistant.errors import InputError

ROOT = Path(__file__).resolve().parents[3]
GOOD = '{"question": "언제 열어요?", "answer": "아홉 시요."}\n'
OTHER = '{"question": "어디예요?", "answer": "여기요."}\n'

# family -> (file name, content, line of the first problem, what it says)
FAMILIES = {
    "broken json": ("a.jsonl", GOOD + '{"question": "x", \n' + OTHER, 2, "not JSON at column"),
    "no object": ("a.jsonl", GOOD + "[1, 2]\n", 2, "expected one JSON object"),
    "missing key": ("a.jsonl", GOOD + '{"answer": "x"}\n', 2, "question: missing"),
    "wrong type": ("a.jsonl", GOOD + '{"question": 7, "answer": "x"}\n', 2, "expected text, found 7"),
    "null": ("a.jsonl", GOOD + '{"question": null, "answer": "x"}\n', 2, "question: missing"),
    "empty text": ("a.jsonl", GOOD + '{"question": " ", "answer": "x"}\n', 2, "is empty"),
    "role order": (
        "a.jsonl",
        '{"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"},'
        ' {"role": "assistant", "content": "c"}]}\n',
        1,
        "two user messages",
    ),
    "nested null": (
        "a.jsonl",
        '{"messages": [{"role": "user", "content": null}]}\n',
        1,
        "messages[0].content: missing",
    ),
    "unknown role": ("a.jsonl", '{"messages": [{"role": "bot", "content": "x"}]}\n', 1, "messages[0].role: expected"),
    "nan": ("a.jsonl", GOOD + '{"question": "x", "answer": NaN}\n', 2, "answer: NaN is not JSON"),
    "infinity": ("a.jsonl", GOOD + '{"question": "x", "answer": "y", "n": 1e999}\n', 2, "too large"),
    "lone surrogate": ("a.jsonl", GOOD + '{"question": "x\\ud800", "answer": "y"}\n', 2, "question: U+D800"),
    "nul": ("a.jsonl", GOOD + '{"question": "x\\u0000", "answer": "y"}\n', 2, "question: U+0000"),
    "control": ("a.jsonl", GOOD + '{"question": "x\\u001b[1m", "answer": "y"}\n', 2, "question: U+001B"),
    "raw control": ("a.jsonl", GOOD + '{"question": "x\x01", "answer": "y"}\n', 2, "not JSON at column"),
    "ragged": ("a.csv", "question,answer\na,b\nc\n", 3, "has 1 columns"),
    "too many cells": ("a.csv", "question,answer\na,b\nc,d,e\n", 3, "has 3 columns"),
    "open quote": ("a.csv", 'question,answer\na,b\nc,"d\ne,f\n', 3, "never closed"),
    "huge field": ("a.csv", "question,answer\na,b\nc," + "x" * 200_000 + "\n", 3, "131,072"),
    "twin columns": ("a.csv", "question,question\na,b\n", 1, "occurs twice"),
    "nameless column": ("a.csv", "question,,answer\na,b,c\n", 1, "has no name"),
    "long line": ("a.jsonl", '{"question": "' + "x" * 3_000_000 + '"}\n' + GOOD, 1, "longer than 1,000,000 bytes"),
    "long csv line": ("a.csv", "question,answer\n" + "x" * 3_000_000 + ",b\n", 2, "longer than"),
    "deep": ("a.jsonl", GOOD + '{"question": ' + "[" * 100_000 + "\n", 2, "nested more than 64"),
    "deep objects": (
        "a.jsonl",
        GOOD + '{"question": "x", "answer": ' + '{"a":' * 500 + "1" + "}" * 501 + "\n",
        2,
        "nested",
    ),
    "huge number": ("a.jsonl", GOOD + '{"question": "x", "answer": "y", "n": ' + "9" * 5000 + "}\n", 2, "5000 digits"),
    "past 64 bits": ("a.jsonl", GOOD + '{"question": "x", "answer": "y", "n": ' + "9" * 25 + "}\n", 2, "past 64 bits"),
    "twin keys": ("a.jsonl", GOOD + '{"question": "x", "question": "y", "answer": "z"}\n', 2, "question: occurs twice"),
    "twin keys: escaped": (
        "a.jsonl",
        GOOD + '{"question":"a: b","\\u0071uestion":"y","answer":"z"}\n',
        2,
        "occurs twice",
    ),
    "open array": ("a.json", "[" + GOOD.strip() + ",\n" + OTHER.strip(), 2, "never closed"),
    "open text": ("a.json", "[" + GOOD.strip() + ',\n {"question": "x', 2, "quote is never closed"),
    "double comma": ("a.json", "[" + GOOD.strip() + ",,\n" + OTHER.strip() + "]", 1, "nothing between two commas"),
    "after the array": ("a.json", "[" + GOOD.strip() + "]\nmore", 1, "text after the array"),
    "cut gzip": ("a.jsonl.gz", gzip.compress((GOOD * 3000).encode())[:-40], 0, "cut off or damaged"),
    "not utf-8 in the middle": (
        "a.jsonl",
        (GOOD * 6000).encode() + '{"question": "문의", "answer": "x"}\n'.encode("cp949"),
        6001,
        "is not UTF-8",
    ),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_each_is_named_with_place_key_and_mend_and_nothing_is_kept(family, bring, datasets):
    name, content, line, said = FAMILIES[family]
    with pytest.raises(InputError) as caught:
        bring(name, content)
    error = caught.value
    (first, *_) = error.details["problems"]
    shown = f"{first['file']}:{first['line']}: {first['key']}: {first['problem']}"
    assert said in shown and first["fix"], shown
    assert first["file"] == name and (first["line"] == line or not line)
    assert len(first["problem"]) < 260 and "\n" not in error.message
    assert error.details["imported"] == 0 and datasets.names() == []
    assert not (datasets.folder / "set").exists()


@pytest.mark.parametrize(
    "family", [name for name in FAMILIES if "csv" not in FAMILIES[name][0] and name != "long line"]
)
def test_the_good_rows_come_in_when_asked(family, bring, datasets):
    name, content, _, _ = FAMILIES[family]
    raw = content if isinstance(content, bytes) else content.encode()
    if b'"question"' not in raw[:60]:
        return
    report = bring(name, content, skip_bad=True)
    assert report["problems"] and report["imported"] == len(list(datasets.get("set").rows())) > 0


def test_fifty_problems_in_one_pass_and_values_are_cut(bring):
    rows = [json.dumps({"question": "long " * 100, "answer": {"x": "y" * 300}}) for _ in range(80)]
    with pytest.raises(InputError) as caught:
        bring("a.jsonl", "\n".join([GOOD.strip(), *rows]))
    problems = caught.value.details["problems"]
    assert len(problems) == 50 and problems[-1]["line"] == 51 and caught.value.details["bad"] == 80
    assert max(len(each["problem"]) for each in problems) < 130
    assert "1 good rows" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.jsonl", b"", "is empty"),
        ("a.csv", b"\xef\xbb\xbf\r\n", "is empty"),
        ("a.csv", "question,answer\n", "has no rows"),
        ("a.json", "[]", "has no rows"),
        ("a.txt", "hello there", "cannot tell what this is"),
        ("a.bin", bytes(range(256)) * 20, "zero bytes"),
        ("a.xls", b"\xd0\xcf\x11\xe0" + b"\0" * 600, "an old office file"),
        ("a.xlsx", "question,answer\n", "not a xlsx file inside"),
        ("a.jsonl", '{"a": 1}\n', "no known format"),
        ("a.jsonl", GOOD + '{"instruction": "x", "output": "y"}\n', "rows of several formats"),
    ],
)
def test_a_file_that_is_none_is_refused_in_one_line(bring, datasets, name, content, said):
    with pytest.raises(InputError, match=said) as caught:
        bring(name, content)
    assert caught.value.hint and caught.value.details["imported"] == 0 and datasets.names() == []


def test_mixed_line_ends_and_separators_inside_text_are_fine(bring):
    text = GOOD.strip() + "\r\n" + OTHER.strip() + "\r" + '{"question": "a\u2028b\u0085c", "answer": "d"}\n'
    assert bring("a.jsonl", text)["imported"] == 3


def test_numbers_and_colons_do_not_disturb_the_fast_path(files):
    row = {"question": 'at 9:30 "x": {y}', "answer": "a::b", "n": 1234567890123456789, "f": 0.1}
    assert files.read("a.jsonl", json.dumps(row))[1] == [row]


@pytest.mark.skipif(sys.platform != "linux", reason="reads its peak memory from /proc")
def test_a_row_of_forty_megabytes_is_refused_in_bounded_memory(files, tmp_path):
    path = files.write("a.json", '[{"question": "' + "x" * 40_000_000 + '"}]')
    script = (
        "import re, sys\nfrom pathlib import Path\n"
        "from assistant.datasets.checking import check_file\nfrom assistant.datasets.options import ReadOptions\n"
        "from assistant.errors import InputError\n"
        "try: check_file(Path(sys.argv[1]), ReadOptions())\n"
        "except InputError as error: print(error.message)\n"
        "print(int(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1]) // 1024)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    said, megabytes = done.stdout.splitlines()
    assert "more than 32,000,000 bytes" in said and int(megabytes) < 300


def test_a_full_disk_is_said_so_and_leaves_nothing(files, tmp_path):
    rows = "".join(f'{{"question": "{n} {"x" * 200}", "answer": "y"}}\n' for n in range(9000))
    path = files.write("a.jsonl", rows)
    script = (
        "import resource, sys\nresource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))\n"
        "from assistant.cli.app import run\nsys.exit(run(sys.argv[1:]))"
    )
    home, out = tmp_path / "home", tmp_path / "out.csv"
    for arguments in (["data", "import", str(path)], ["data", "convert", str(path), str(out), "--to", "csv"]):
        done = subprocess.run(
            [sys.executable, "-c", script, "--home", str(home), *arguments], capture_output=True, text=True, cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert done.returncode == 5 and "Traceback" not in done.stderr and "cannot write" in done.stderr
    assert not out.exists() and not list(home.glob("datasets/*/*")) and not list(tmp_path.glob(".*partial"))
