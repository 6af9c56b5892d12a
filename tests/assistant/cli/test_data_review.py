"""``joyul data review | next | feedback | synthetic | rebuild``: what the page can do, from a terminal."""

import json
import os
import pty
import re
import select
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from assistant.cli.data_review import go_through
from assistant.paths import Home
from assistant.store import Store

ROOT = Path(__file__).resolve().parents[3]


def judge(home: Home, count: int = 3) -> list[str]:
    """Correct some answers; return the candidates' ids."""
    store = Store(home.database)
    ids = []
    for number in range(count):
        chat = store.create_conversation()
        ask = store.add_message(chat, "user", f"{number}번 문은 언제 열어요?")
        answer = store.add_message(chat, "assistant", "몰라요.", parent=ask)
        ids.append("edit-" + store.add_feedback(answer, "edit", text=f"{number + 6}시에 열어요."))
    store.close()
    return ids


def test_an_answer_is_corrected_reviewed_and_built(joyul: Any) -> None:
    asked = joyul("ask", "How many books?", "-v", "zero-shot", "-c", "new", "--json").document
    kept = joyul("data", "feedback", asked["message"], "--edit", "Six books.", "--tag", "loans", "--json")
    assert kept.code == 0
    listed = joyul("data", "review", "--json").document
    (one,) = listed["candidates"]
    assert (one["origin"], one["answer"], one["tags"], listed["waiting"]) == ("edit", "Six books.", ["loans"], 1)
    assert joyul("data", "review", "edit", one["id"], "--text", "Six.", "--dataset", "own").code == 0
    assert joyul("data", "review", "tag", one["id"], "--tag", "checked").code == 0
    assert "1 decisions wait" in joyul("data", "review").out
    built = joyul("data", "review", "build", "--dataset", "own", "--json").document
    assert built["added"] == 2
    shown = joyul("data", "show", "own", "--rows", "1", "--json").document["first"][0]
    assert shown["answer"] == "Six." and shown["tags"] == ["loans", "checked"]
    assert joyul("data", "rebuild", "own", "--check", "--json").document["steps"][0]["status"] == "same"


def test_assigning_keeps_the_verdict(joyul: Any, demo_home: Home) -> None:
    first, second, third = judge(demo_home)
    joyul("data", "review", "edit", first, "--text", "better")
    joyul("data", "review", "reject", third)
    done = joyul("data", "review", "assign", first, second, "--dataset", "other", "--json").document
    assert done["candidates"] == [first, second]
    listed = {each["id"]: each for each in joyul("data", "review", "--decided", "--json").document["candidates"]}
    assert (listed[first]["answer"], listed[first]["dataset"], listed[second]["state"]) == ("better", "other", "taken")
    assert listed[third]["state"] == "left"
    assert joyul("data", "review", "build", "--dataset", "other", "--json").document["rows"] == 4


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("review", "perhaps", "x"), 2),
        (("review", "accept"), 2),
        (("review", "accept", "none"), 3),
        (("review", "edit", "{id}"), 3),
        (("review", "tag", "{id}"), 3),
        (("review", "--from", "nowhere"), 2),
        (("review", "build"), 3),
        (("feedback", "none", "--up"), 3),
        (("feedback", "none"), 2),
        (("feedback", "none", "--up", "--down"), 2),
        (("next", "--run", "none"), 3),
        (("rebuild", "none"), 3),
        (("synthetic", "--kind", "poems"), 2),
        (("synthetic", "--from", "none"), 3),
        (("synthetic", "--collection", "empty"), 3),
    ],
)
def test_mistakes_end_in_one_line(joyul: Any, demo_home: Home, arguments: tuple[str, ...], code: int) -> None:
    key = judge(demo_home, 1)[0]
    done = joyul("data", *(each.format(id=key) for each in arguments))
    assert done.code == code and done.err.splitlines()[-2].startswith("error:") and "next:" in done.err


def test_all_or_none_of_several(joyul: Any, demo_home: Home) -> None:
    first, *_ = judge(demo_home)
    assert joyul("data", "review", "accept", first, "gone").code == 3
    assert joyul("data", "review", "--json").document["waiting"] == 3


def test_nothing_is_collected_of_who_says_no(joyul: Any, demo_home: Home) -> None:
    judge(demo_home)
    assert joyul("data", "review", "refuse", "local", "--json").document["refusing"] == ["local"]
    assert joyul("data", "review", "--json").document["candidates"] == []
    joyul("data", "review", "allow", "local")
    assert joyul("data", "review", "--json").document["waiting"] == 3


def test_what_to_collect_next_is_empty_at_first(joyul: Any) -> None:
    assert "nothing yet" in joyul("data", "next").out
    assert joyul("data", "next", "--json").document["topics"] == []


def test_keys_decide(demo_home: Home) -> None:
    waiting = [
        {"id": f"c{n}", "origin": "edit", "author": "local", "tags": [], "question": "q", "answer": f"a{n}"}
        | {"rows": [{"question": "q", "answer": f"a{n}"}]}
        for n in range(4)
    ]
    keys, typed, made, said = list("sx tebar"), ["one, two", "", "better"], [], []
    # c0 is put off; on c1 other keys do nothing, a tag leaves it there, an empty correction too.
    keys = ["s", "x", "t", "e", "e", "r", "b", "a", "a", "s", "q"]

    def decide(candidate: str, action: str, text: str = "", tags: list[str] | None = None) -> None:
        made.append((candidate, action, text, tags or []))

    counts = go_through(waiting, decide, lambda: keys.pop(0), lambda what, start: typed.pop(0), said.append)
    assert made == [
        ("c1", "tag", "", ["one", "two"]),
        ("c1", "fix", "better", []),
        ("c2", "reject", "", []),
        ("c2", "accept", "", []),
        ("c3", "accept", "", []),
    ]
    assert counts == {"edit": 1, "reject": 1, "accept": 2} and keys == ["q"]
    assert "tags: one, two" in said[4]


def test_a_terminal_gets_the_queue_one_by_one(demo_home: Home) -> None:
    judge(demo_home, 2)
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "assistant", "--home", str(demo_home.root), "--model", "scripted"]
    command += ["--set", "retrieval.embedder=hashing", "data", "review"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, stdin=follower, stdout=follower, stderr=follower, env=environment)
    os.close(follower)
    seen = b""
    for times, wait, send in ((1, b"[q]uit", b"a"), (2, b"[q]uit", b"r"), (1, b"0 waiting", b"")):
        while seen.count(wait) < times:
            assert select.select([leader], [], [], 240)[0], seen
            seen += os.read(leader, 4096)
        os.write(leader, send)
    assert process.wait(240) == 0 and b"1 accept, 1 reject" in seen
    os.close(leader)
    store = Store(demo_home.database)
    assert [each.action for each in store.decisions()] == ["accept", "reject"]
    store.close()


class Stub(BaseHTTPRequestHandler):
    """A server that answers each prompt as the test says."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        said = self.server.answer(body["messages"][-1]["content"])  # type: ignore[attr-defined]
        chunk = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m"}
        parts = [
            chunk | {"choices": [{"index": 0, "delta": {"content": said}}]},
            chunk | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        ]
        data = "".join(f"data: {json.dumps(part)}\n\n" for part in parts) + "data: [DONE]\n\n"
        self.send_response(200)
        for key, value in {"Content-Type": "text/event-stream", "Connection": "close"}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(data.encode())

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Any]:
    running = ThreadingHTTPServer(("127.0.0.1", 0), Stub)
    running.daemon_threads = True
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    yield running
    running.shutdown()
    thread.join()
    running.server_close()


def fenced(prompt: str) -> str:
    """Answer as a large model does: JSON in a fence, words around it."""
    passage = re.split(r"(?:글|Text):\n", prompt)[-1]
    words = passage.split()
    if "없는 질문" in prompt or "does not answer" in prompt:
        return json.dumps([f"{passage.split()[0]} 무슨 색이에요?" if "글" in prompt else "Which colour is it?"])
    answer = {
        "question": f"{' '.join(words[:3])}은 무엇인가요?" if "글" in prompt else f"What of {' '.join(words[:3])}?"
    }
    return f"Sure!\n```json\n{json.dumps([answer | {'answer': ' '.join(words[5:8])}], ensure_ascii=False)}\n```\n"


@pytest.mark.parametrize(
    ("answer", "kept", "why"),
    [
        (fenced, True, ""),
        (lambda prompt: "I would love to help you with that.", False, "prose"),
        (lambda prompt: "", False, "empty"),
        (lambda prompt: '[{"question": "Who?", "answer": "a man nobody wrote of"}]', False, "unsupported"),
    ],
    ids=["fenced", "prose", "empty", "invented"],
)
def test_a_remote_model_makes_rows_for_the_queue(joyul: Any, server: Any, answer: Any, kept: bool, why: str) -> None:
    server.answer = answer
    remote = ("--model", "remote", "--set", f"model.base_url=http://127.0.0.1:{server.server_port}/v1")
    light = ("--set", "retrieval.embedder=hashing")
    arguments = ("data", "synthetic", "--kind", "questions", "--sources", "6", "--json")
    done = joyul(*remote, *light, *arguments, light=False)
    assert done.code == 0, done.err
    document = done.document
    assert document["sources"] == 6 and (document["kept"] > 0) is kept
    assert why in ("", *document["left_out"])
    listed = joyul("data", "review", "--from", "synthetic", "--json").document["candidates"]
    assert len(listed) == document["kept"]
    for each in listed:
        (row,) = each["rows"]
        assert row["answer"] in row["passages"][0] and row["synthetic"]["prompt"].startswith("questions@1:")
        assert "remote" in row["synthetic"]["model"]


def test_the_scripted_model_says_nothing_usable_and_that_is_said(joyul: Any) -> None:
    done = joyul("data", "synthetic", "--sources", "3")
    assert done.code == 0 and "no rows from 3 sources" in done.out and "left out, no JSON in the answer: 3" in done.out


def test_a_version_is_checked_and_mended(joyul: Any, demo_home: Home, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("question,answer\nwhen,at nine\nwhere,here\nwhere,here\n", encoding="utf-8")
    joyul("data", "import", str(file), "--name", "own")
    joyul("data", "filter", "own", "--drop", "refusal")
    told = joyul("data", "rebuild", "own", "--check")
    assert told.code == 3 and "needs the file a.csv" in told.err and "--source" in told.err
    assert joyul("data", "rebuild", "own", "--check", "--source", str(file)).code == 0
    (rows,) = demo_home.datasets.glob("own/*/rows.jsonl")
    rows.write_bytes(b"{}\n")
    damaged = joyul("data", "rebuild", "own", "--check", "--source", str(file), "--json")
    assert damaged.code == 7 and damaged.document["steps"][0]["damaged"]
    assert "put back" in joyul("data", "rebuild", "own", "--source", str(file)).out
    assert joyul("data", "validate", "own").code == 0
