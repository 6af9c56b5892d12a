"""The mounted page: language choice, failures as messages, nothing foreign."""

import re
from typing import TYPE_CHECKING

import gradio as gr
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from assistant.errors import InputError
from assistant.ui.app import mount, preferred
from assistant.ui.context import Page
from assistant.ui.running import Paced, Running
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


def test_screen_updates_are_paced_and_the_stream_is_closed() -> None:
    closed = []

    def quick():  # type: ignore[no-untyped-def]
        try:
            yield from range(1000)
        finally:
            closed.append(True)

    with Running().started("x") as stop:
        paced = Paced(quick(), stop, seconds=60.0)
        assert list(paced) == [0] and paced.last == 999 and closed == [True]
        stop.set()
        stopped = Paced(quick(), stop)
        assert list(stopped) == [] and stopped.stopped and closed == [True, True]


def test_a_second_answer_in_one_conversation_stops_the_first() -> None:
    running = Running()
    with running.started("c") as first:
        with running.started("c") as second:
            assert first.is_set() and not second.is_set() and running.busy("c")
        assert not running.busy("c")
    assert not running.stop("c")
