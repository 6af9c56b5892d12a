"""The mounted page: language choice, failures as messages, nothing foreign."""

import re
import threading
from collections.abc import Generator
from typing import TYPE_CHECKING

import gradio as gr
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from assistant.errors import InputError
from assistant.ui.app import mount, preferred
from assistant.ui.context import Page
from assistant.ui.running import BusyError, Running
from assistant.ui.theme import css, head
from assistant.ui.words import Words

if TYPE_CHECKING:
    from assistant.services import Services


@pytest.fixture
def client(services: "Services") -> TestClient:
    return TestClient(mount(FastAPI(), services))


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("ko-KR,ko;q=0.9,en;q=0.8", "ko"),
        ("en-GB,en;q=0.9,ko;q=0.8", "en"),
        ("fr,ko;q=0.5,en;q=0.1", "ko"),
        ("de", "en"),
        ("", "en"),
        ("ko;q=x,en", "en"),
    ],
)
def test_the_browser_decides_the_first_language(accepted: str, language: str) -> None:
    assert preferred(accepted) == language


def test_the_root_leads_to_the_language_and_keeps_the_conversation(client: TestClient) -> None:
    found = client.get("/?c=abc", headers={"accept-language": "ko"}, follow_redirects=False)
    assert found.status_code == 307 and found.headers["location"] == "/ko/?c=abc"
    chosen = client.get("/", headers={"accept-language": "ko", "cookie": "joyul-language=en"}, follow_redirects=False)
    assert chosen.headers["location"] == "/en/"
    odd = client.get("/", headers={"cookie": "joyul-language=//evil.example"}, follow_redirects=False)
    assert odd.headers["location"] == "/en/"


@pytest.mark.parametrize("language", ["ko", "en"])
def test_a_page_loads_nothing_from_elsewhere(client: TestClient, language: str) -> None:
    page = client.get(f"/{language}/")
    assert page.status_code == 200
    loaded = re.findall(r"<(?:script|img|iframe)[^>]+src=\"([^\"]+)\"|<link[^>]+href=\"([^\"]+)\"", page.text)
    assert [url for pair in loaded for url in pair if url.startswith(("http", "//")) and "testserver" not in url] == []


def test_styles_and_script_name_no_host() -> None:
    assert not re.search(r"https?://|url\(|@import", css() + head(Words("ko")))


def test_failures_become_messages_with_the_next_step(page: Page) -> None:
    def mendable() -> None:
        raise InputError("the file is empty", "add another")

    def bug() -> None:
        raise RuntimeError("secret path /home/x")

    with pytest.raises(gr.Error) as seen:
        page.guard(mendable)()
    assert seen.value.message == "The file is empty. Add another."
    with pytest.raises(gr.Error) as hidden:
        page.guard(bug)()
    assert "secret" not in hidden.value.message and "log file" in hidden.value.message


def test_streaming_handlers_are_guarded_too(page: Page) -> None:
    def stream():  # type: ignore[no-untyped-def]
        yield 1
        raise InputError("no", "try again")

    guarded = page.guard(stream)()
    assert next(guarded) == 1
    with pytest.raises(gr.Error):
        next(guarded)


def _count(numbers: range, closed: list[int]) -> Generator[int, None, None]:
    try:
        yield from numbers
    finally:
        closed.append(len(numbers))


def test_a_stream_runs_on_without_a_watcher_and_ends_on_its_newest_state() -> None:
    closed: list[int] = []
    live = Running[int]().start("x", _count(range(1000), closed), -1)
    assert live.over.wait(10) and live.value == 999 and closed == [1000]
    assert list(live.follow()) == [999]


def test_stop_and_closing_end_a_stream_at_its_next_step() -> None:
    closing = threading.Event()
    running: Running[int] = Running(closing)
    closed: list[int] = []
    for end in (lambda: running.stop("x"), closing.set):
        live = running.start("x", _forever(closed), 0)
        end()
        assert live.over.wait(10) and running.live("x") is None
    assert len(closed) == 2 and not running.stop("x")


def _forever(closed: list[int]) -> Generator[int, None, None]:
    pause = threading.Event()
    try:
        while True:
            yield 1
            pause.wait(0.001)
    finally:
        closed.append(1)


def test_one_stream_a_key_and_no_more_than_the_limit() -> None:
    running: Running[int] = Running(most=1)
    live = running.start("x", _forever([]), 0)
    with pytest.raises(BusyError) as same:
        running.start("x", _forever([]), 0)
    with pytest.raises(BusyError) as full:
        running.start("y", _forever([]), 0)
    assert same.value.ahead == 0 and full.value.ahead == 1
    running.stop("x")
    assert live.over.wait(10)


def test_a_refusal_at_the_first_step_reaches_the_caller_and_frees_the_key() -> None:
    def refuses() -> Generator[int, None, None]:
        raise InputError("no", "")
        yield 1

    running: Running[int] = Running()
    with pytest.raises(InputError):
        running.start("x", refuses(), 0)
    assert running.live("x") is None


def test_a_failure_later_on_is_kept_for_whoever_watches() -> None:
    def fails() -> Generator[int, None, None]:
        yield 1
        raise RuntimeError("gone")

    live = Running[int]().start("x", fails(), 0)
    assert live.over.wait(10) and isinstance(live.error, RuntimeError)


def test_the_pulse_tells_what_is_new(client: TestClient, services: "Services") -> None:
    before = client.get("/pulse?c=x").json()
    assert before["busy"] is False
    conversation = services.store.create_conversation("new")
    question = services.store.add_message(conversation, "user", "?")
    after = client.get("/pulse").json()
    assert after["changes"] != before["changes"]
    services.store.update_message(question, "growing", "streaming")
    assert client.get("/pulse").json() == after
