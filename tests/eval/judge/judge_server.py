"""A small real server that speaks the OpenAI protocol and answers by script; used by the judge's tests."""

import http.server
import json
import socket
import threading
from collections.abc import Callable
from typing import Any

from assistant.settings import JudgeSettings
from eval.judge.plan import Criterion, Rubric

Reply = Callable[["Handler", str], None]
# The fixture ``judge``: (plan, metrics, ...) -> suite, report.
Judge = Callable[..., tuple[Any, Any]]

HELPFUL = Rubric("service", (Criterion("helpful", {"ko": "도움이 되나요?", "en": "Is it helpful?"}, 1, 5),))


class Handler(http.server.BaseHTTPRequestHandler):
    server: "JudgeServer"
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = "\n".join(message["content"] for message in body["messages"])
        with self.server.lock:
            self.server.asked.append((self.headers, body, prompt))
        self.server.reply(self, prompt)

    def say(self, text: str, finish: str = "stop") -> None:
        choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text}}
        self.send(200, {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]})

    def send(self, code: int, value: Any, **headers: str) -> None:
        data = json.dumps(value).encode()
        self.send_response(code)
        for key, text in {"Content-Type": "application/json", "Content-Length": str(len(data)), **headers}.items():
            self.send_header(key.replace("_", "-"), text)
        self.end_headers()
        self.wfile.write(data)

    def hang_up(self) -> None:
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *args: object) -> None:
        pass


class JudgeServer(http.server.ThreadingHTTPServer):
    """``reply(handler, prompt)`` answers every request; ``asked`` is what came in."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.reply: Reply = lambda handler, prompt: handler.say(good(prompt))
        self.asked: list[tuple[Any, dict[str, Any], str]] = []
        self.lock = threading.Lock()
        self.over = threading.Event()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    @property
    def prompts(self) -> list[str]:
        return [prompt for _, _, prompt in self.asked]

    def stop(self) -> None:
        self.over.set()
        self.shutdown()
        self._thread.join()
        self.server_close()


def saying(text: str) -> Reply:
    """Return a script that answers every question alike."""
    return lambda handler, prompt: handler.say(text)


def between(prompt: str, left: str, right: str) -> str:
    """Return what stands between two marks, the last time they occur."""
    return prompt.rpartition(left)[2].partition(right)[0].strip()


def good(prompt: str) -> str:
    """Answer as an able judge would: whatever holds "right" is right, everything else wrong."""
    if '"winner"' in prompt:
        first = between(prompt, "<answer A>", "</answer A>") or between(prompt, "<답변 A>", "</답변 A>")
        second = between(prompt, "<answer B>", "</answer B>") or between(prompt, "<답변 B>", "</답변 B>")
        better = ("right" in first) - ("right" in second)
        return json.dumps({"reason": "so", "winner": {1: "A", 0: "tie", -1: "B"}[better]})
    if "Criterion:" in prompt or "기준:" in prompt:
        answer = between(prompt, "<answer>", "</answer>") or between(prompt, "<답변>", "</답변>")
        return json.dumps({"reason": "so", "score": 5 if "right" in answer else 1})
    return ragas(prompt)


def ragas(prompt: str) -> str:
    """Answer Ragas' own questions; their input is the last JSON object of the prompt."""
    given = last_object(prompt)
    if '"rating"' in prompt:
        both = (given["user_answer"], given["reference_answer"])
        return json.dumps({"rating": 4 if all("right" in text for text in both) else 0})
    if '"noncommittal"' in prompt:
        return json.dumps({"question": "Which one is right?", "noncommittal": 0})
    if "statements" in given:
        known = "right" in given["context"]
        rows = [{"statement": t, "reason": "so", "verdict": int(known and "right" in t)} for t in given["statements"]]
        return json.dumps({"statements": rows})
    if '"attributed"' in prompt:
        value = int("right" in given["context"])
        return json.dumps({"classifications": [{"statement": given["answer"], "reason": "so", "attributed": value}]})
    if '"claims"' in prompt:
        return json.dumps({"claims": [given["response"]]})
    if "context" in given:
        return json.dumps({"reason": "so", "verdict": int("right" in given["context"])})
    return json.dumps({"statements": [given["answer"]]})


def last_object(prompt: str) -> dict[str, Any]:
    """Return the last JSON object that a prompt holds."""
    decoder = json.JSONDecoder()
    found: dict[str, Any] = {}
    at = prompt.find("{")
    while at >= 0:
        try:
            value, end = decoder.raw_decode(prompt, at)
        except ValueError:
            end = at + 1
        else:
            if isinstance(value, dict):
                found = value
        at = prompt.find("{", end)
    return found


def a_judge(server: JudgeServer, **changes: Any) -> JudgeSettings:
    """Return settings for a server of this kind."""
    return JudgeSettings(**{"name": "m", "base_url": server.url, "retries": 0, "timeout_seconds": 20, **changes})


def causes(report: Any, metric: str = "rubric.helpful") -> dict[str, int]:
    """Return why answers of a metric have no judgement."""
    return dict(report.audits[metric].coverage.failures)
