"""Requests that ask for too much, and how each must be answered: a refusal that names the limit."""

import asyncio
import json
from contextlib import suppress
from typing import Any

import httpx

HALF_OPEN = 200
ASK = {"model": "zero-shot", "messages": [{"role": "user", "content": "hi"}]}
Answers = dict[str, tuple[str, bool]]


async def abuse(url: httpx.URL) -> Answers:
    """Send everything; return each answer and whether it is a good one."""
    opened = [await _half_open(url) for _ in range(HALF_OPEN)]
    answers: Answers = {}
    async with httpx.AsyncClient(base_url=url, timeout=60, trust_env=False) as client:
        chat = "/v1/chat/completions"
        big = json.dumps({**ASK, "messages": [{"role": "user", "content": "x" * 50_000_000}]})
        answers["50 MB prompt"] = await _post(client, chat, content=big)
        answers["50 MB in pieces"] = await _post(client, chat, content=_pieces(big.encode()))
        for key, value in {"n": 10_000, "max_tokens": 10**9, "temperature": 1e9}.items():
            answers[f"{key}={value}"] = await _post(client, chat, json={**ASK, key: value})
        answers["2000 messages"] = await _post(client, chat, json={**ASK, "messages": ASK["messages"] * 2000})
        many = {f"part{n}": "x" for n in range(5000)}
        files = [("file", (f"{n}.jsonl", b"{}")) for n in range(5000)]
        answers["form of 5000 fields"] = await _post(client, "/v1/files", data=many, files={"file": ("a", b"{}")})
        answers["form of 5000 files"] = await _post(client, "/v1/files", files=files)
        answers["page: form of 5000 files"] = await _post(client, "/en/gradio_api/upload", files=files)
        deep = b'{"model": "zero-shot", "messages": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
        answers["deep JSON"] = await _post(client, chat, content=deep)
        answers["5000 digits"] = await _post(
            client, chat, content=json.dumps(ASK)[:-1] + ', "seed": ' + "9" * 5000 + "}"
        )
        lone = b'{"model": "zero-shot", "messages": [{"role": "user", "content": "\\ud800"}]}'
        said, _ = await _post(client, chat, content=lone)
        answers["half of a character pair"] = (said, said.startswith("200"))  # is text, not too much
    closed = sum(await asyncio.gather(*(_closed(reader) for reader, _ in opened)))
    for _, writer in opened:
        writer.close()
    answers["half-open uploads"] = (f"{closed} of {HALF_OPEN} ended", closed == HALF_OPEN)
    return answers


async def _half_open(url: httpx.URL) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection(url.host, url.port)
    lines = ["POST /v1/files HTTP/1.1", f"Host: 127.0.0.1:{url.port}", "Content-Length: 1000000"]
    writer.write("\r\n".join([*lines, "Content-Type: multipart/form-data; boundary=x", "", "--x\r\n"]).encode())
    return reader, writer


async def _closed(reader: asyncio.StreamReader) -> bool:
    with suppress(TimeoutError, OSError):
        return b" 408 " in await asyncio.wait_for(reader.read(4096), 60)
    return False


async def _pieces(body: bytes) -> Any:
    for begin in range(0, len(body), 65536):
        yield body[begin : begin + 65536]


async def _post(client: httpx.AsyncClient, path: str, **what: Any) -> tuple[str, bool]:
    try:
        answer = await client.post(
            path, headers={"content-type": "application/json"} if "content" in what else None, **what
        )
    except httpx.HTTPError as error:  # the app may hang up on a body that it has refused
        return type(error).__name__, isinstance(error, httpx.WriteError | httpx.RemoteProtocolError | httpx.ReadError)
    named = any(character.isdigit() for character in answer.text) or answer.status_code == 400
    return f"{answer.status_code} {answer.text[:120]}", answer.status_code in (400, 408, 413, 422, 429) and named
