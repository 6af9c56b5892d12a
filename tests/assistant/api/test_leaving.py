"""A caller who hangs up frees the model; one too many is told how long the queue is."""

import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest
import uvicorn

from assistant.api import chat_routes
from assistant.api.app import create_app
from assistant.api.server import listen, url_of
from assistant.paths import Home
from assistant.services import Services
from assistant.settings import ModelSettings, RetrievalSettings, ServeSettings, Settings
from tests.load.stub import Stub

STALLED = {"model": "zero-shot", "messages": [{"role": "user", "content": "fault:stalled"}]}
ANSWERED = {"model": "zero-shot", "messages": [{"role": "user", "content": "u0-1 hello"}]}


@pytest.fixture
def stub() -> Iterator[Stub]:
    with Stub(tokens=5) as running:
        yield running


@pytest.fixture
def client(demo_home: Home, stub: Stub) -> Iterator[httpx.Client]:
    """Return a client of the real app on a real port; the model's server stalls for as long as it is let."""
    model = ModelSettings(name="m", base_url=stub.url, timeout_seconds=600)
    settings = Settings(home=demo_home.root, model=model, retrieval=RetrievalSettings(embedder="hashing"))
    services = Services.open(settings)
    listener = listen(ServeSettings(port=0))
    server = uvicorn.Server(uvicorn.Config(create_app(services, "token", page=False), log_config=None))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    with httpx.Client(base_url=url_of(listener), timeout=60, trust_env=False) as made:
        yield made
    server.should_exit = True
    thread.join()
    services.close()


def _asked(stub: Stub, count: int) -> None:
    with stub.news:
        assert stub.news.wait_for(lambda: len(stub.requests) >= count, 60)


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_hanging_up_closes_the_models_connection(client: httpx.Client, stub: Stub, stream: bool) -> None:
    asking = threading.Thread(target=_hang_up, args=(str(client.base_url), stub, stream))
    asking.start()
    asking.join()
    assert stub.wait_until_closed(60), "the answer is still being written for nobody"


def _hang_up(url: str, stub: Stub, stream: bool) -> None:
    body = httpx.Request("POST", url, json=STALLED | {"stream": stream}).content
    host = urlsplit(url)
    with socket.create_connection((host.hostname, host.port)) as raw:
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host.netloc}\r\nContent-Type: application/json\r\n"
        raw.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        _asked(stub, 1)


def test_one_too_many_is_told_how_long_the_queue_is(
    client: httpx.Client, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat_routes, "AT_ONCE", 1)
    with client.stream("POST", "/v1/chat/completions", json=STALLED | {"stream": True}) as first:
        lines = first.iter_lines()  # kept: a dropped iterator hangs up
        next(lines)
        _asked(stub, 1)
        refused = client.post("/v1/chat/completions", json=ANSWERED)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "2")
        assert "queue full, 1 answer ahead" in refused.json()["error"]["message"]
    assert stub.wait_until_closed(60)
    while client.post("/v1/chat/completions", json=ANSWERED).status_code == 429:
        pass
    assert client.post("/v1/chat/completions", json=ANSWERED).status_code == 200


def test_half_a_character_pair_is_text_like_any_other(client: httpx.Client) -> None:
    lone = b'{"model": "zero-shot", "messages": [{"role": "user", "content": "u0-2 \\ud800 hello"}]}'
    done = client.post("/v1/chat/completions", content=lone, headers={"content-type": "application/json"})
    assert done.status_code == 200 and done.json()["choices"][0]["message"]["content"].startswith("answer:u0-2")
