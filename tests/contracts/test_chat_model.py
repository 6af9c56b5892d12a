"""What every entry of MODELS must do: stream, fold, end completely, stop when closed, never stay silent."""

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from assistant.errors import JoyulError
from assistant.models import MODELS, Backend, kind_of, open_model
from assistant.protocols import ChatModel
from assistant.schema import Delta, Message, Sampling, collect
from assistant.settings import EngineSettings, ModelSettings

ASK = [Message("system", "짧게 답하세요."), Message("user", "문서 1: 방은 3층에 있습니다.\n\n질문: 방은 몇 층인가요?")]
WORDS = ["방은 ", "3층", "에 ", "있", "어요."]


class Server(http.server.ThreadingHTTPServer):
    """The smallest server that speaks the protocol; ``gate`` holds its words back."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.gate = threading.Event()
        self.gate.set()
        self.hung_up = threading.Event()


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        try:
            words = WORDS[: body["max_tokens"]]
            for word in words:
                while not self.server.gate.wait(0.02):
                    self._event({"choices": []})  # writing shows whether anybody still reads
                self._event({"choices": [{"index": 0, "delta": {"content": word}}]})
            reason = "stop" if len(words) == len(WORDS) else "length"
            self._event({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
            self._event(
                {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": len(words), "total_tokens": 9}}
            )
            self.wfile.write(b"data: [DONE]\n\n")
        except OSError:
            self.server.hung_up.set()

    def _event(self, value: dict[str, Any]) -> None:
        chunk = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "tiny", **value}
        self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    running = Server()
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


@pytest.fixture(scope="module", params=sorted(MODELS))
def backend(request: pytest.FixtureRequest, server: Server) -> Iterator[Backend]:
    settings = {
        "local": ModelSettings(),
        "scripted": ModelSettings(name="scripted"),
        "openai": ModelSettings(name="tiny", base_url=f"http://127.0.0.1:{server.server_port}/v1"),
    }[request.param]
    assert kind_of(settings) == request.param
    opened = open_model(settings, EngineSettings(max_rows=2))
    yield opened
    opened.close()


def test_the_backend_says_who_it_is(backend: Backend) -> None:
    assert isinstance(backend, Backend)
    assert len(backend.base_hash) == 64
    assert backend.base_hash[:8] in backend.base or "/" in backend.base
    assert backend.window >= 0
    assert backend.memory_mb() >= 0
    assert isinstance(backend.model(), ChatModel)


def test_a_stream_folds_into_a_complete_answer(backend: Backend) -> None:
    deltas = list(backend.model().stream(ASK, Sampling(max_tokens=40)))
    answer = collect(deltas)
    assert answer.text == "".join(delta.text for delta in deltas)
    assert answer.text.strip()
    assert [bool(delta.finish) for delta in deltas] == [False] * (len(deltas) - 1) + [True]
    last = deltas[-1]
    assert last.finish == "stop"
    assert last.usage is not None
    assert last.usage.prompt_tokens > 0
    assert last.usage.completion_tokens > 0
    assert last.origin is not None
    assert (last.origin.base, last.origin.adapter) == (backend.base, None)
    assert answer.first_token_seconds is not None


def test_equal_requests_have_equal_answers(backend: Backend) -> None:
    one, two = (collect(backend.model().stream(ASK, Sampling(max_tokens=12, seed=4))) for _ in range(2))
    assert (one.text, one.usage, one.finish) == (two.text, two.usage, two.finish)


def test_a_limit_is_kept_and_said(backend: Backend) -> None:
    answer = collect(backend.model().stream(ASK, Sampling(max_tokens=1)))
    assert answer.usage.completion_tokens == 1
    assert answer.finish == "length"


def test_a_closed_stream_is_over_and_the_next_works(backend: Backend) -> None:
    stream = backend.model().stream(ASK, Sampling(max_tokens=40))
    next(stream)
    stream.close()
    assert list(stream) == []
    stream = backend.model().stream(ASK, Sampling(max_tokens=40))
    assert any(delta.text for delta in stream)
    stream.close()
    assert collect(backend.model().stream(ASK, Sampling(max_tokens=40))).text


def test_several_streams_at_once(backend: Backend) -> None:
    alone = collect(backend.model().stream(ASK, Sampling(max_tokens=8))).text
    streams = [backend.model().stream(ASK, Sampling(max_tokens=8)) for _ in range(4)]
    texts = [""] * 4
    while streams:
        for number, stream in enumerate(streams):
            delta = next(stream, None) if stream is not None else None
            texts[number] += delta.text if delta else ""
            if delta is None:
                streams[number] = None  # type: ignore[call-overload]
        if not any(streams):
            break
    assert texts == [alone] * 4


def test_an_empty_conversation_is_an_input_error(backend: Backend) -> None:
    with pytest.raises(JoyulError) as caught:
        collect(backend.model().stream([], Sampling()))
    assert caught.value.exit_code == 3


def test_silence_is_filled_and_closing_reaches_the_server(server: Server) -> None:
    settings = ModelSettings(name="tiny", base_url=f"http://127.0.0.1:{server.server_port}/v1")
    server.gate.clear()
    server.hung_up.clear()
    stream = open_model(settings, EngineSettings()).model().stream(ASK, Sampling())
    assert [next(stream) for _ in range(4)] == [Delta()] * 4
    stream.close()
    assert server.hung_up.wait(10)
    server.gate.set()
