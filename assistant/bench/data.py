"""Importing short rows, beside ``datasets.load_dataset("json")`` and one Python pass over the same file.

Both read the same file in a process of their own, one after the other, and do the same work on each row:
parse, look that both texts are there, compose Unicode, drop exact duplicates. The passes for personal data
and near duplicates are timed apart at growing sizes, so that their growth shows. Seconds are those of the
processor: the work is one thread's, and what else a machine does must not decide a ratio.
"""

import gc
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson

from assistant.bench import Figure
from assistant.datasets.cleaning import duplicates
from assistant.datasets.personal import treat_row
from assistant.datasets.rows import Row

ROWS = 1_000_000
SIZES = (10_000, 100_000, 1_000_000)
LEAST_RATIO, MOST_MB, MOST_GROWTH = 3.0, 500.0, 2.0
_REPEATED = 50  # one row in so many repeats an earlier one
_PEAK = """
import resource
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)
print(seconds, peak, kept)
"""
_OURS = f"""
import sys, time
from pathlib import Path
from assistant.datasets.checking import check_file
from assistant.datasets.options import ReadOptions
started = time.process_time()
report = check_file(Path(sys.argv[1]), ReadOptions())
seconds, kept = time.process_time() - started, report["rows"] - report["duplicates"]
{_PEAK}"""
_IMPORT = f"""
import sys, time
from pathlib import Path
from assistant.datasets.importing import ImportOptions, import_file
from assistant.datasets.store import DatasetStore
started = time.process_time()
report = import_file(DatasetStore(Path(sys.argv[2])), Path(sys.argv[1]), ImportOptions("bench", personal="off"))
seconds, kept = time.process_time() - started, report["imported"]
{_PEAK}"""
_THEIRS = f"""
import sys, time, unicodedata
import assistant
from datasets import load_dataset
from datasets.utils.logging import disable_progress_bar
disable_progress_bar()
started = time.process_time()
rows, seen = load_dataset("json", data_files=sys.argv[1], split="train", cache_dir=sys.argv[2]), set()
for row in rows:
    question, answer = row["question"], row["answer"]
    if not (question and answer and question.strip() and answer.strip()):
        raise SystemExit("a row is empty")
    seen.add((unicodedata.normalize("NFC", question).strip(), unicodedata.normalize("NFC", answer).strip()))
seconds, kept = time.process_time() - started, len(seen)
{_PEAK}"""


def measure(rows: int = ROWS) -> list[Figure]:
    """Return seconds and memory of reading ``rows`` rows, the ratio to the library, and the passes' growth."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "rows.jsonl"
        write_rows(file, rows)
        ours, our_mb, kept = _process(_OURS, file)
        theirs, their_mb, same = _process(_THEIRS, file, str(folder / "cache"))
        whole, whole_mb, _ = _process(_IMPORT, file, str(folder / "home"))
    if kept != same:
        raise RuntimeError(f"one kept {kept} rows, the other {same}")
    named = f"{rows:,} rows"
    figures = [
        Figure("data", f"{named}: parse, validate, normalise, exact duplicates", rows / ours, "rows/CPU s"),
        Figure("data", f"{named}: datasets.load_dataset and a Python pass", rows / theirs, "rows/CPU s"),
        Figure("data", "ratio of both", theirs / ours, "x", floor=LEAST_RATIO),
        Figure("data", "peak memory", our_mb, "MB", ceiling=MOST_MB),
        Figure("data", "peak memory of the other", their_mb, "MB"),
        Figure("data", f"{named}: the whole import, a version on disk", rows / whole, "rows/CPU s"),
        Figure("data", "its peak memory", whole_mb, "MB"),
    ]
    sizes = [size for size in SIZES if size <= rows] or [rows]
    figures += _growth("personal data", _personal, sizes)
    return figures + _growth("near duplicates", _near, sizes)


def _process(script: str, *arguments: object) -> tuple[float, float, int]:
    """Return seconds, peak megabytes and distinct rows of a script in a process of its own."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    seconds, peak, kept = done.stdout.split()[-3:]
    return float(seconds), float(peak), int(kept)


def _growth(name: str, work: Callable[[Iterator[Row]], None], sizes: list[int]) -> list[Figure]:
    """Return seconds by size, and how much more a row costs among most rows than among fewest.

    The fewest are timed again after every other size: a machine that gets busier meanwhile is no growth.
    """
    least, *more = sizes
    taken: dict[int, list[float]] = {size: [] for size in sizes}
    for size in [least, *(each for larger in more for each in (larger, least))]:
        rows = list(made_rows(size))
        gc.collect()
        gc.freeze()  # rows held here only to be measured must not be walked again and again while they are
        started = time.process_time()
        work(iter(rows))
        taken[size].append(time.process_time() - started)
        gc.unfreeze()
    seconds = {size: sum(each) / len(each) for size, each in taken.items()}
    figures = [Figure("data", f"{name}, {size:,} rows", each, "CPU s") for size, each in seconds.items()]
    most = sizes[-1]
    if least < most:
        growth = seconds[most] / most / (seconds[least] / least)
        title = f"{name}: seconds a row at {most:,} over those at {least:,}"
        figures.append(Figure("data", title, growth, "x", ceiling=MOST_GROWTH))
    return figures


def _personal(rows: Iterator[Row]) -> None:
    for row in rows:
        treat_row(row)


def _near(rows: Iterator[Row]) -> None:
    duplicates(rows)


def write_rows(path: Path, count: int) -> None:
    """Write made-up rows without ids, one JSON object a line."""
    with path.open("wb") as stream:
        for row in made_rows(count):
            stream.write(orjson.dumps({"question": row["question"], "answer": row["answer"]}) + b"\n")


def made_rows(count: int) -> Iterator[Row]:
    """Yield short rows in Korean and English, always the same ones; some repeat an earlier one, wholly or nearly."""
    pick = random.Random(11)
    for number in range(count):
        repeats = number and number % _REPEATED == 0
        row = _said(pick.randrange(number) if repeats else number)
        if repeats and number % (2 * _REPEATED):
            row["answer"] += "!!"  # near duplicates are compared by letters and digits
        yield {"id": str(number), **row}


def _said(number: int) -> Row:
    pick = random.Random(number)
    if number % 2:
        words = pick.choices(_KOREAN, k=9)
        return {"question": f"{' '.join(words[:6])}은 언제예요?", "answer": f"{' '.join(words[4:])} {number}번이에요."}
    words = pick.choices(_ENGLISH, k=10)
    return {"question": f"When is the {' '.join(words[:7])}?", "answer": f"{' '.join(words[5:])}, number {number}."}


def _vocabulary(sounds: list[str], size: int) -> list[str]:
    pick = random.Random(7)
    return ["".join(pick.choices(sounds, k=pick.randint(2, 3))) for _ in range(size)]


_KOREAN = _vocabulary([chr(code) for code in range(ord("가"), ord("힣"), 29)], 4000)
_ENGLISH = _vocabulary([f"{first}{second}" for first in "bdfgklmnprst" for second in "aeiou"], 4000)
