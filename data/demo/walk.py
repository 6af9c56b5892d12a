"""From chats to an adapter that is measured, from the command line: a walk that any user can take.

``python data/demo/walk.py --home build/walk`` starts the app on a fresh state folder, asks and corrects, votes,
imports a CP949 table by a template, reviews, builds a version, checks that it can be made again, tunes on it
with small settings and runs a short evaluation. Everything goes through ``joyul``; what it found is printed.
"""

import argparse
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
HANDBOOK = HERE / "handbook"
CORRECTED, VOTES, TABLE, ITEMS, EPOCHS = 5, 10, 30, 12, 8


class Walk:
    """One walk: its state folder, and the commands taken on it."""

    def __init__(self, home: Path) -> None:
        self.home, self.folder = home / "state", home
        home.mkdir(parents=True, exist_ok=True)

    def command(self, *arguments: str) -> list[str]:
        """Return a command line on the state folder."""
        return [sys.executable, "-m", "assistant", "--home", str(self.home), *arguments, "--json"]

    def joyul(self, *arguments: str) -> dict[str, Any]:
        """Run a command and return its document.

        Raises:
            SystemExit: it failed; what it said is shown.
        """
        started = time.perf_counter()
        done = subprocess.run(self.command(*arguments), capture_output=True, text=True, check=False)
        print(f"{time.perf_counter() - started:6.1f} s  joyul {' '.join(arguments)}"[:150], flush=True)
        if done.returncode:
            raise SystemExit(f"exit {done.returncode}\n{done.stdout}{done.stderr}")
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Have the app run meanwhile, so that no command has to load the model itself."""
        process = subprocess.Popen(
            self.command("serve", "--no-page", "--port", "0"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            assert process.stdout is not None and process.stderr is not None
            if not process.stdout.readline():
                raise SystemExit(process.stderr.read())
            yield
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate()


def facts() -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Return Korean questions by fact and file: what is taught, and other wordings that measure."""
    found: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for name in ("train", "test"):
        for line in (HANDBOOK / f"{name}.jsonl").read_text("utf-8").splitlines():
            row = json.loads(line)
            if row["language"] == "ko" and row.get("fact") and row["reference"] and not row.get("history"):
                found.setdefault(row["fact"], {}).setdefault(name, []).append(row)
    return {fact: rows for fact, rows in found.items() if len(rows) == 2}


def correct(walk: Walk, rows: list[dict[str, Any]]) -> None:
    """Ask questions and correct each answer."""
    for row in rows:
        answer = walk.joyul("ask", row["question"], "-v", "zero-shot", "-c", "new")
        walk.joyul("data", "feedback", answer["message"], "--edit", row["answer"], "--reason", "wrong")


def vote(walk: Walk, rows: list[dict[str, Any]]) -> None:
    """Ask two variants each question, prefer the one that has the answer, and hand the votes in as a file."""
    lines = []
    for number, row in enumerate(rows):
        both = {name: walk.joyul("ask", row["question"], "-v", name) for name in ("zero-shot", "rag")}
        right = [name for name, said in both.items() if row["answer"] in said["answer"]]
        choice = right[0] if len(right) == 1 else "tie" if right else "both_bad"
        lines.append(
            {"id": f"walk-{number}", "question": row["question"], "language": "ko", "variants": list(both)}
            | {"answers": [said["answer"] for said in both.values()], "choice": choice, "blind": True}
            | {"receipts": [said["receipt"] for said in both.values()], "author": "walker", "created": time.time()}
        )
    file = walk.folder / "votes.jsonl"
    file.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    print(walk.joyul("votes", "import", str(file)))


def table(walk: Walk, rows: list[dict[str, Any]]) -> None:
    """Import a table as an office program saves it: CP949, columns named in Korean."""
    file = walk.folder / "자주 묻는 질문.csv"
    cells = (f'"{row["question"]}","{row["answer"]}"\r\n' for row in rows)
    file.write_bytes(("문의,답변\r\n" + "".join(cells)).encode("cp949", "replace"))
    arguments = ("data", "import", str(file), "--name", "faq", "--template", "qa")
    arguments += ("--map", "question=문의", "--map", "answer=답변", "--licence", "CC0-1.0")
    done = walk.joyul(*arguments)
    print({key: done[key] for key in ("format", "encoding", "imported", "duplicates", "version")})


def review(walk: Walk) -> str:
    """Accept what waits, make a version of it and check that it can be made again; return the version."""
    waiting = walk.joyul("data", "review", "--limit", "1000")["candidates"]
    print({origin: sum(each["origin"] == origin for each in waiting) for origin in ("edit", "vote")})
    walk.joyul("data", "review", "accept", *(each["id"] for each in waiting), "--dataset", "faq")
    built = walk.joyul("data", "review", "build", "--dataset", "faq")
    print({key: built[key] for key in ("added", "rows", "version")})
    steps = walk.joyul("data", "rebuild", "faq", "--check", "--source", str(walk.folder / "자주 묻는 질문.csv"))[
        "steps"
    ]
    print({step["operation"]: step["status"] for step in steps})
    return str(built["version"])


def tune(walk: Walk, version: str) -> str:
    """Tune on the version with few passes and return the adapter's name."""
    made = walk.joyul("data", "recipe", version)
    file = walk.folder / "recipe.yaml"
    recipe = yaml.safe_load(Path(made["path"]).read_text("utf-8")) | {"epochs": EPOCHS}
    recipe.pop("replay", None)
    file.write_text(yaml.safe_dump(recipe, allow_unicode=True), encoding="utf-8")
    done = walk.joyul("tune", "run", str(file), "--no-forgetting")
    return str(done["adapter"])


def evaluate(walk: Walk, rows: list[dict[str, Any]], adapter: str) -> dict[str, float]:
    """Measure base and adapter on other wordings of what was taught; return their means."""
    items = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (walk.folder / "items.jsonl").write_text(items, encoding="utf-8")
    suite = {
        "suite": "walk",
        "kind": "qa",
        "items": "items.jsonl",
        "primary": "token_f1",
        "sampling": {"max_tokens": 24},
    }
    suite |= {"variants": {"zero-shot": None, "tuned": {"adapter": adapter}}}
    file = walk.folder / "walk.yaml"
    file.write_text(yaml.safe_dump(suite, allow_unicode=True), encoding="utf-8")
    done = walk.joyul("eval", "run", str(file))
    return {name: made["metrics"]["token_f1"]["mean"] for name, made in done["variants"].items()}


def main() -> None:
    """Take the walk."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="a new folder")
    walk, started = Walk(parser.parse_args().home.absolute()), time.perf_counter()
    known = list(facts().values())
    taught = [rows["train"][0] for rows in known[: CORRECTED + VOTES]]
    with walk.serving():
        correct(walk, taught[:CORRECTED])
        vote(walk, taught[CORRECTED:])
        table(walk, [row for rows in known for row in rows["train"]][:TABLE])
        version = review(walk)
        adapter = tune(walk, version)
        means = evaluate(walk, list(islice((row for rows in known for row in rows["test"]), ITEMS)), adapter)
        walk.joyul("data", "next")
    print(means, f"{time.perf_counter() - started:.0f} s")
    if means["tuned"] <= means["zero-shot"]:
        raise SystemExit("tuning changed nothing for the better")


if __name__ == "__main__":
    main()
