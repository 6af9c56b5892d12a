"""A server that misbehaves in every way is one clear line; a real one answers."""

import http.server
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from assistant.errors import InputError, JoyulError, UnavailableError, UsageError
from assistant.models import Backend, open_model
from assistant.paths import data_root
from assistant.schema import Message, Sampling, collect
from assistant.settings import EngineSettings, ModelSettings

ASK = [Message("user", "안녕하세요")]
SECRET = "sk-canary-5b1f"


def _chunk(**choice: Any) -> bytes:
    value = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m"}
    return b"data: " + json.dumps({**value, "choices": [{"index": 0, **choice}]}, ensure_ascii=False).encode() + b"\n\n"


HELLO = _chunk(delta={"content": "안녕"})


class Handler(http.server.BaseHTTPRequestHandler):
    server: "Faulty"

    def do_POST(self) -> None:
        self.server.requests.append((self.headers, self.rfile.read(int(self.headers["Content-Length"]))))
        self.server.answer(self)

    def do_GET(self) -> None:  # only a followed redirect would come here
        self.server.requests.append((self.headers, b""))
        self.send_error(404)

    def reply(self, code: int, body: bytes, kind: str = "application/json", **headers: str) -> None:
        self.send_response(code)
        for key, value in {"Content-Type": kind, "Connection": "close", **headers}.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def events(self, *parts: bytes) -> None:
        self.reply(200, b"".join(parts), "text/event-stream")

    def log_message(self, *args: object) -> None:
        pass


class Faulty(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[tuple[Any, bytes]] = []
        self.answer: Callable[[Handler], None] = lambda handler: handler.send_error(500)
        self.over = threading.Event()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_port}"


@pytest.fixture
def server() -> Iterator[Faulty]:
    running = Faulty()
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    yield running
    running.over.set()
    running.shutdown()
    thread.join()
    running.server_close()


def _open(host: str, timeout: float = 20.0, **settings: Any) -> Backend:
    values = {"name": "m", "base_url": f"http://{host}/v1", "api_key": SECRET, "timeout_seconds": timeout, **settings}
    return open_model(ModelSettings(**values), EngineSettings())


def _json_error(message: str) -> bytes:
    return json.dumps({"error": {"message": message}}).encode()


def _cut_in_a_character(handler: Handler) -> None:
    handler.reply(200, HELLO + b"data: " + "{'x': '안".encode()[:-1], "text/event-stream", Content_Length="9999")


def _stall(handler: Handler) -> None:
    handler.events(HELLO)
    handler.wfile.flush()
    handler.server.over.wait(30)


FAULTS: list[tuple[str, Callable[[Handler], None], float, str, str]] = [
    ("refused", lambda h: h.reply(401, _json_error(f"bad key {SECRET}")), 20, "key was refused (401)", "API_KEY"),
    ("busy", lambda h: h.reply(429, b"{}", Retry_After="7"), 20, "too many requests (429)", "in 7 s"),
    ("failed", lambda h: h.reply(500, _json_error(f"boom\n{SECRET}")), 20, "it failed (500): boom ***", "again"),
    ("unknown", lambda h: h.reply(404, _json_error("no model m")), 20, "refused the request (404): no model m", "name"),
    ("page", lambda h: h.reply(200, b"<html>welcome</html>", "text/html"), 20, "text/html instead of a stream", "url"),
    ("plain", lambda h: h.reply(200, b"{}"), 20, "application/json instead of a stream", "url"),
    ("cut", lambda h: h.events(HELLO), 20, "the answer was cut off", "server runs"),
    ("cut in a character", _cut_in_a_character, 20, "cut off", "server runs"),
    ("broken event", lambda h: h.events(HELLO, b"data: {oops\n\n"), 20, "damaged answer", "server runs"),
    ("error inside", lambda h: h.events(HELLO, b'data: {"error": {"message": "gone"}}\n\n'), 20, "gone", "server runs"),
    ("stalls", _stall, 0.3, "no answer within 0.3 s", "timeout_seconds"),
    ("never answers", lambda h: h.server.over.wait(30) and None, 0.3, "no answer within 0.3 s", "timeout_seconds"),
    ("redirect", lambda h: h.reply(307, b"", Location="/elsewhere"), 20, "redirects elsewhere (307)", "base_url"),
]


@pytest.mark.parametrize(
    ("answer", "timeout", "words", "hint"), [row[1:] for row in FAULTS], ids=[r[0] for r in FAULTS]
)
def test_a_fault_is_one_line_with_host_and_cause(
    server: Faulty, answer: Any, timeout: float, words: str, hint: str
) -> None:
    server.answer = answer
    model = _open(server.host, timeout).model()
    with pytest.raises(UnavailableError) as caught:
        collect(model.stream(ASK, Sampling()))
    assert caught.value.exit_code == 4
    assert caught.value.message.startswith(f"{server.host}: ")
    assert words in caught.value.message
    assert hint in caught.value.hint
    assert "\n" not in caught.value.message
    assert SECRET not in str(caught.value.to_dict())
    assert len(server.requests) == 1  # neither repeated nor sent on to another address
    server.answer = lambda h: h.events(HELLO, _chunk(delta={}, finish_reason="stop"), b"data: [DONE]\n\n")
    assert collect(_open(server.host).model().stream(ASK, Sampling())).text == "안녕"


def test_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(UnavailableError, match=f"{host}: no connection"):
        collect(_open(host).model().stream(ASK, Sampling()))


def test_an_endless_answer_is_cut(server: Faulty) -> None:
    def forever(handler: Handler) -> None:
        handler.events()
        try:
            while not handler.server.over.is_set():
                handler.wfile.write(HELLO)
        except OSError:
            handler.server.over.set()

    server.answer = forever
    answer = collect(_open(server.host).model().stream(ASK, Sampling(max_tokens=5)))
    assert answer.finish == "length"
    assert len(answer.text) < 500
    assert server.over.wait(10)  # the connection is closed


def test_what_is_sent(server: Faulty, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-environment")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-the-environment")
    server.answer = lambda h: h.events(HELLO, _chunk(delta={}, finish_reason="stop"))
    sampling = Sampling(max_tokens=7, temperature=0.5, top_p=0.9, seed=3, stop=("끝",), repetition_penalty=1.1)
    collect(_open(server.host).model().stream(ASK, sampling))
    collect(_open(server.host, api_key="").model().stream(ASK, Sampling()))
    (headers, raw), (bare, _) = server.requests
    body = json.loads(raw)
    assert headers["Authorization"] == f"Bearer {SECRET}"
    assert body["messages"] == [{"role": "user", "content": "안녕하세요"}]
    assert (body["max_tokens"], body["seed"], body["stop"], body["repetition_penalty"]) == (7, 3, ["끝"], 1.1)
    assert bare["Authorization"] is None
    assert "of-the-environment" not in str(headers) + str(bare)


def test_certificates_are_read_once_for_all_answers(server: Faulty, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    monkeypatch.setattr(ssl.SSLContext, "__init__", lambda self, *_, **__: made.append(self), raising=False)
    server.answer = lambda h: h.events(HELLO, _chunk(delta={}, finish_reason="stop"))
    for _ in range(3):
        collect(_open(server.host).model().stream(ASK, Sampling()))
    assert len(made) <= 1


def test_long_conversations_are_trimmed_where_the_window_is_known(server: Faulty) -> None:
    server.answer = lambda h: h.events(HELLO, _chunk(delta={}, finish_reason="stop"))
    turns = [Message("user", "질문입니다. " * 20), Message("assistant", "답입니다. " * 20)] * 9
    answer = collect(_open(server.host, window=600).model().stream([*turns, *ASK], Sampling(max_tokens=50)))
    assert [notice.key for notice in answer.notices] == ["history_trimmed"]
    assert len(json.loads(server.requests[0][1])["messages"]) < 10


def test_settings_that_cannot_work(adapters: Any) -> None:
    with pytest.raises(UsageError, match="not an http address"):
        open_model(ModelSettings(name="m", base_url="ftp://x"), EngineSettings())
    with pytest.raises(InputError, match="not on the server"):
        _open("127.0.0.1:9").model(adapters[0])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Return address and model name of a real ``transformers serve`` of the embedded model."""
    folder = str(data_root() / "models" / "embedded")
    tool = Path(sys.executable).with_name("transformers")
    home = tmp_path_factory.mktemp("hub")
    (home / "hub").mkdir()  # without its cache folder the server answers 500 to some routes
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "HF_HOME": str(home), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    command = [str(tool), "serve", folder, "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            _wait_for(f"http://127.0.0.1:{port}/health", process)
            yield f"127.0.0.1:{port}", folder
        finally:
            process.terminate()
            process.wait(20)
            shutil.rmtree(home, ignore_errors=True)


def _wait_for(url: str, process: "subprocess.Popen[bytes]") -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for _ in range(600):
        assert process.poll() is None, "the server ended"
        try:
            opener.open(url, timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            threading.Event().wait(0.2)
    raise AssertionError("the server did not start")


def test_a_real_server_answers_as_the_local_model_does(served: tuple[str, str], backend: Any) -> None:
    host, name = served
    remote = _open(host, timeout=60, name=name)
    answer = collect(remote.model().stream(ASK, Sampling(max_tokens=24)))
    local = collect(backend.model().stream(ASK, Sampling(max_tokens=24)))
    # The server takes every model of type qwen3 for one with Qwen's own control tokens, and so streams ours as text.
    said = answer.text.rpartition("<|assistant|>")[2].removesuffix("<|end|>")
    assert said.strip() == local.text
    assert answer.usage.prompt_tokens == local.usage.prompt_tokens
    assert answer.finish == "stop"
    assert answer.origin is not None
    assert answer.origin.base == f"{host}/{name}"
    stream = remote.model().stream(ASK, Sampling(max_tokens=100))
    next(delta for delta in stream if delta.text)
    stream.close()
    with pytest.raises(JoyulError, match=host):
        collect(_open(host, timeout=60, name="another").model().stream(ASK, Sampling(max_tokens=4)))
