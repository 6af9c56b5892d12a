"""The API over real services with the scripted model."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from assistant.api.app import create_app
from assistant.api.owner_routes import Call, Workers, _lines

TOKEN = "token-of-this-test"
ASK = {"messages": [{"role": "user", "content": "Where is the car park?"}]}


@pytest.fixture
def client(services) -> Iterator[TestClient]:
    app = create_app(services, TOKEN, page=False)
    with TestClient(app, base_url="http://127.0.0.1:7860", client=("127.0.0.1", 50000)) as made:
        yield made


def operate(client: TestClient, operation: str, token: str = TOKEN, **params: Any) -> list[dict[str, Any]]:
    answer = client.post(f"/owner/{operation}", json={"params": params}, headers={"authorization": f"Bearer {token}"})
    return [json.loads(line) for line in answer.text.splitlines() if line.strip()]


def test_variants_are_the_models(client: TestClient) -> None:
    listed = client.get("/v1/models").json()
    assert listed["object"] == "list"
    assert {"rag", "zero-shot"} <= {model["id"] for model in listed["data"]}


def test_a_completion_answers_with_usage_and_sources(client: TestClient) -> None:
    done = client.post("/v1/chat/completions", json={**ASK, "model": "rag"})
    assert done.status_code == 200
    body = done.json()
    assert body["object"] == "chat.completion"
    assert body["choices"][0]["message"]["role"] == "assistant" and body["choices"][0]["message"]["content"]
    usage = body["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] > 0
    assert body["joyul"]["receipt"]["variant"] == "rag" and body["joyul"]["passages"]


def test_a_stream_adds_up_to_the_whole_answer(client: TestClient) -> None:
    whole = client.post("/v1/chat/completions", json={**ASK, "model": "rag"}).json()
    request = {**ASK, "model": "rag", "stream": True, "stream_options": {"include_usage": True}}
    done = client.post("/v1/chat/completions", json=request)
    assert done.headers["content-type"].startswith("text/event-stream")
    lines = [line.removeprefix("data: ") for line in done.text.splitlines() if line.startswith("data: ")]
    assert lines[-1] == "[DONE]"
    chunks = [json.loads(line) for line in lines[:-1]]
    text = "".join(c["choices"][0]["delta"].get("content", "") for c in chunks if c["choices"])
    assert text == whole["choices"][0]["message"]["content"]
    assert chunks[-1]["usage"] == whole["usage"] and chunks[-1]["choices"] == []
    assert [c["choices"][0]["finish_reason"] for c in chunks if c["choices"]][-1] == "stop"


def test_sampling_of_the_request_counts(client: TestClient) -> None:
    request = {**ASK, "model": "rag", "max_tokens": 1}
    short = client.post("/v1/chat/completions", json=request).json()
    assert short["usage"]["completion_tokens"] == 1
    assert short["choices"][0]["finish_reason"] == "length"


def test_parts_and_developer_messages_are_understood(client: TestClient) -> None:
    messages = [
        {"role": "developer", "content": "Be short."},
        {"role": "user", "content": [{"type": "text", "text": "hello"}]},
    ]
    done = client.post("/v1/chat/completions", json={"model": "zero-shot", "messages": messages})
    assert done.status_code == 200


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"model": "rga"}, 404),
        ({"model": "rag", "messages": []}, 422),
        ({"model": "rag", "messages": [{"role": "assistant", "content": "hi"}]}, 400),
        ({"model": "rag", "n": 10000}, 422),
        ({"model": "rag", "max_tokens": 10**9}, 422),
        ({"model": "rag", "temperature": -1}, 422),
        ({"model": "rag", "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}, 422),
    ],
)
def test_bad_requests_say_what_is_wrong(client: TestClient, change: dict[str, Any], status: int) -> None:
    done = client.post("/v1/chat/completions", json={**ASK, **change})
    assert done.status_code == status
    assert done.json()["error"]["message"]


def test_operations_need_the_token(client: TestClient) -> None:
    refused = client.post("/owner/variants.list", json={}, headers={"authorization": "Bearer wrong"})
    assert refused.status_code == 401
    assert client.post("/owner/variants.list", json={}).status_code == 401


def test_an_operation_streams_progress_and_then_its_result(client: TestClient) -> None:
    *progress, last = operate(client, "ask", question="Where is the car park?", variant="rag")
    assert "".join(event["progress"].get("text", "") for event in progress) == last["result"]["answer"]


def test_an_operation_reports_failures_with_their_kind(client: TestClient) -> None:
    assert operate(client, "ask", question="hi", variant="rga")[-1]["error"]["kind"] == "usage"
    assert operate(client, "os:system", command="id")[-1]["error"]["kind"] == "usage"


def test_hanging_up_cancels_the_operation(services, long_suite) -> None:
    workers = Workers()

    async def leave_early() -> None:
        lines = _lines(services, "eval.run", Call(params={"suite": str(long_suite)}), workers)
        async for line in lines:
            if b'"answers"' in line:
                break
        await lines.aclose()

    asyncio.run(leave_early())
    assert workers.wait(60), "it went on working"
    assert list(services.home.runs.glob("long-*/plan.json")), "it never began"
    assert not list(services.home.runs.glob("long-*/result.json"))


def test_a_document_comes_as_an_inert_download(client: TestClient, services) -> None:
    document = services.library.documents()[0]
    done = client.get(f"/documents/{document.id}")
    assert done.status_code == 200 and len(done.text) > 100
    assert done.headers["content-disposition"].startswith("attachment; ")
    assert done.headers["x-content-type-options"] == "nosniff"
    assert done.headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.parametrize(
    "path",
    ["/documents/..%2F..%2Fowner.json", "/reports/..%2F..", "/reports/none", "/reports/none/items", "/documents/x"],
)
def test_ids_are_looked_up_and_never_become_paths(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_a_report_is_shut_in(client: TestClient, services) -> None:
    folder = services.home.runs / "demo-run"
    folder.mkdir()
    (folder / "report.html").write_text("<html><script>alert(1)</script></html>", encoding="utf-8")
    done = client.get("/reports/demo-run")
    assert done.status_code == 200
    policy = done.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "sandbox" in policy
    assert "allow-same-origin" not in policy and "http" not in policy and "connect-src" not in policy
    assert done.headers["cache-control"] == "no-store"
