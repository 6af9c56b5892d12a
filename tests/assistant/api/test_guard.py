"""Who may ask, from where, and how much."""

import asyncio
import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi import FastAPI, Request
from starlette.testclient import TestClient

from assistant.api.guard import BODY_BYTES, TRIES, Guard
from assistant.settings import ServeSettings

LOGIN = "kim:correct-horse"
BASIC = {"authorization": "Basic " + base64.b64encode(LOGIN.encode()).decode()}


def inner() -> FastAPI:
    app = FastAPI()

    @app.get("/{path:path}")
    def read(path: str) -> dict[str, str]:
        return {"path": path}

    @app.post("/{path:path}")
    async def write(path: str, request: Request) -> dict[str, int]:
        return {"bytes": len(await request.body())}

    return app


Client = Callable[..., TestClient]


@pytest.fixture
def client() -> Iterator[Client]:
    def make(serve: ServeSettings | None = None, address: str = "127.0.0.1") -> TestClient:
        guarded = Guard(inner(), serve or ServeSettings(), 1_000_000)
        return TestClient(guarded, base_url="http://127.0.0.1:7860", client=(address, 50000))

    yield make


@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost:7860", "[::1]:7860", "LOCALHOST"])
def test_loopback_names_are_served(client: Client, host: str) -> None:
    assert client().get("/v1/models", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.7:7860", "localhost.evil", "", "[::2]"]
)
def test_other_hosts_are_refused_so_that_dns_rebinding_fails(client: Client, host: str) -> None:
    assert client().get("/v1/models", headers={"host": host}).status_code == 403


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": "http://127.0.0.1:7860"}, 200),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1:9999"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-origin", "origin": "http://127.0.0.1:7860"}, 200),
    ],
)
def test_state_changes_come_from_our_own_origin(client: Client, headers: dict[str, str], status: int) -> None:
    assert client().post("/v1/chat/completions", headers=headers, content=b"{}").status_code == status


def test_without_a_login_only_this_machine_is_served(client: Client) -> None:
    assert client(address="192.168.0.9").get("/v1/models").status_code == 403
    assert client(address="192.168.0.9").get("/health").status_code == 200


def test_the_owner_door_is_for_this_machine_even_with_a_login(client: Client) -> None:
    public = ServeSettings(host="0.0.0.0", login=LOGIN)
    assert client(public, "192.168.0.9").post("/owner/ask", headers=BASIC).status_code == 403
    assert client(public).post("/owner/ask").status_code == 200


def test_a_login_is_enforced_everywhere_but_health(client: Client) -> None:
    public = client(ServeSettings(host="0.0.0.0", login=LOGIN), "192.168.0.9")
    for path in ("/", "/ko/", "/v1/models", "/documents/1", "/reports/1", "/gradio_api/info", "/v1/openapi.json"):
        refused = public.get(path)
        assert (refused.status_code, "www-authenticate" in refused.headers) == (401, True), path
        assert public.get(path, headers=BASIC).status_code == 200
    assert public.get("/health").status_code == 200
    bearer = {"authorization": f"Bearer {LOGIN.split(':')[1]}"}
    assert public.get("/v1/models", headers=bearer).status_code == 200


@pytest.mark.parametrize(
    "header", ["Basic !!!", "Basic " + base64.b64encode(b"kim:").decode(), "Bearer ", "Digest x", "x"]
)
def test_wrong_credentials_are_refused(client: Client, header: str) -> None:
    public = client(ServeSettings(host="0.0.0.0", login=LOGIN), "192.168.0.9")
    assert public.get("/", headers={"authorization": header}).status_code == 401


def test_guessing_passwords_is_slowed_down_for_that_address_only(client: Client) -> None:
    app = Guard(inner(), ServeSettings(host="0.0.0.0", login=LOGIN), 1_000_000)
    guesser = TestClient(app, client=("192.168.0.9", 1))
    for _ in range(TRIES):
        assert guesser.get("/", headers={"authorization": "Bearer guess"}).status_code == 401
    blocked = guesser.get("/", headers=BASIC)
    assert (blocked.status_code, blocked.headers["retry-after"]) == (429, "60")
    assert TestClient(app, client=("192.168.0.10", 1)).get("/", headers=BASIC).status_code == 200


def test_bodies_have_a_limit_whether_announced_or_not(client: Client) -> None:
    large = b"x" * (BODY_BYTES + 1)
    assert client().post("/v1/chat/completions", content=large).status_code == 413
    announced = {"content-length": str(BODY_BYTES + 1)}
    assert client().post("/v1/chat/completions", content=b"{}", headers=announced).status_code == 413
    pieces = (large[start : start + 65536] for start in range(0, len(large), 65536))
    assert client().post("/v1/chat/completions", content=pieces).status_code == 413
    assert client().post("/v1/chat/completions", content=large[:BODY_BYTES]).status_code == 200


def test_with_a_login_bodies_are_limited_too(client: Client) -> None:
    public = client(ServeSettings(host="0.0.0.0", login=LOGIN), "192.168.0.9")
    assert public.post("/v1/chat/completions", content=b"x" * (BODY_BYTES + 1), headers=BASIC).status_code == 413


def test_uploads_may_be_as_large_as_a_document(client: Client) -> None:
    assert client().post("/gradio_api/upload", content=b"x" * 1_900_000).status_code == 200
    assert client().post("/gradio_api/upload", content=b"x" * 2_100_000).status_code == 413


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=http://evil.example/x",
        "/gradio_api/file=https:evil.example",
        "/ko/gradio_api/file=//evil.example/x",
        "/gradio_api/file=////evil.example",
        "/gradio_api/file=/\\evil.example",
        "/gradio_api/file=%2F%2Fevil.example",
        "/gradio_api/proxy=http://evil.example",
    ],
)
def test_the_file_route_leads_nowhere_else(client: Client, path: str) -> None:
    assert client().get(path).status_code == 403


def test_every_answer_carries_the_security_headers(client: Client) -> None:
    headers = client().get("/v1/models").headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy and "http" not in policy and "*" not in policy


def test_a_request_that_stops_coming_is_ended_and_one_that_came_may_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant.api.guard.BODY_SECONDS", 0.01)
    scope = {"type": "http", "path": "/v1/files", "method": "POST", "client": ("127.0.0.1", 1), "query_string": b""}
    scope |= {"headers": [(b"host", b"127.0.0.1:7860")], "http_version": "1.1", "scheme": "http", "root_path": ""}

    async def ask(*parts: bytes, more: bool) -> list[int]:
        pieces, sent, left = list(parts), [], asyncio.Event()

        async def receive() -> dict[str, object]:
            if not pieces:
                await left.wait()
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": pieces.pop(0), "more_body": more or bool(pieces)}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                sent.append(message["status"])
                asyncio.get_running_loop().call_later(0.05, left.set)

        await Guard(slow, ServeSettings(), 1_000_000)(dict(scope), receive, send)
        return sent

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": []})
        assert (await receive())["type"] == "http.disconnect"  # a stream waits for this as long as it takes

    assert asyncio.run(ask(b"half", more=True)) == [408]
    assert asyncio.run(ask(b"half", b"rest", more=False)) == [200]
