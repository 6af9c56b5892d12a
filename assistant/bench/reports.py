"""20,000 scored rows: scoring, statistics, verdict and every report, beside pandas reading the same rows.

The rows are made up, the work on them is the real one.
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from assistant.bench import Figure
from assistant.schema import Passage, Variant
from eval.result import RunResult, assemble
from eval.run_folder import RunFolder
from eval.schema import Answer, Item, Suite

ROWS = 20_000
NAMES = ("zero-shot", "few-shot", "rag", "tuned", "rag-tuned")
METRICS = ("exact_match", "token_f1", "contains", "prompt_tokens", "completion_tokens", "seconds")
MOST_MB = 1024.0
PANDAS = """
import sys, time
started = time.perf_counter()
import pandas
frame = pandas.read_json(sys.argv[1], lines=True)
assert len(frame) > 0
print(time.perf_counter() - started)
"""


def measure() -> list[Figure]:
    """Return seconds and peak memory from answers to a finished run's files, and pandas' seconds beside them."""
    before = _peak_mb()
    result, scoring = _scored(ROWS)
    with tempfile.TemporaryDirectory() as name:
        folder = RunFolder.open(result.suite, result.fingerprints, Path(name))
        started = time.perf_counter()
        folder.finish(result)
        writing = time.perf_counter() - started
        page = (folder.path / "report.html").stat().st_size / 1e6
        pandas = _pandas(folder.path)
    return [
        Figure("reports", f"{ROWS:,} rows: scores, statistics, verdict", scoring, "s"),
        Figure("reports", "record and three reports written", writing, "s"),
        Figure("reports", "pandas reading the same rows, its import included", pandas, "s"),
        Figure("reports", "the HTML file", page, "MB"),
        Figure("reports", "peak memory of all of it", _peak_mb(), "MB", ceiling=MOST_MB),
        Figure("reports", "of that before the first row", before, "MB"),
    ]


def _peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


def _scored(rows: int) -> tuple[RunResult, float]:
    items = tuple(
        Item(f"What does handbook entry {at} say?", (f"entry {at} says {at % 97} won",), f"topic {at // 8}", "en")
        for at in range(rows // len(NAMES))
    )
    specs = {
        name: Variant(
            name, recipe="grounded" if "rag" in name else "zero_shot", adapter=name if "tuned" in name else None
        )
        for name in NAMES
    }
    suite = Suite("scale", "qa", items, tuple(specs.values()), METRICS[0], METRICS)
    answers = {
        name: {item.id: _answer(item, at, who, name) for at, item in enumerate(items)} for who, name in enumerate(NAMES)
    }
    started = time.perf_counter()
    result = assemble(suite, specs=specs, fingerprints={name: name for name in NAMES}, answers=answers, run="scale")
    return result, time.perf_counter() - started


def _answer(item: Item, at: int, who: int, name: str) -> Answer:
    right = (at * 7 + who * 3) % 10 < 2 + 2 * who
    text = item.reference[0] if right else f"perhaps {at % 89} won, but the handbook is not clear about it"
    passage = Passage("d", "handbook.md", at, f"Entry {at} says {at % 97} won. " * 12, 0.7)
    return Answer(
        text=text,
        passages=(passage, passage) if "rag" in name else (),
        query=item.question if "rag" in name else None,
        prompt_tokens=50 + 40 * who,
        completion_tokens=9,
        seconds=0.2,
        base="made-up@12345678",
    )


def _pandas(folder: Path) -> float:
    """Return the seconds in which pandas, in a process of its own, reads the record's rows."""
    rows = folder / "rows.jsonl"
    with (folder / "record.jsonl").open(encoding="utf-8") as stream:
        next(stream)
        rows.write_text(stream.read(), encoding="utf-8")
    done = subprocess.run([sys.executable, "-c", PANDAS, str(rows)], stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout)
