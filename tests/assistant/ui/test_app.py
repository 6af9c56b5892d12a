"""The mounted page: language choice, failures as messages, nothing foreign."""

import asyncio
import math
import re
import threading
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import gradio as gr
import gradio.blocks
import gradio.utils
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from gradio.state_holder import SessionState
from starlette.routing import Mount

from assistant import news
from assistant.errors import InputError
from assistant.ui.app import HANDLERS_AT_ONCE, mount, preferred
from assistant.ui.context import Page
from assistant.ui.running import AT_ONCE, BusyError, Running
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


def test_many_streams_are_looked_at_less_often() -> None:
    running: Running[int] = Running()
    alone = running.pause()
    lives = [running.start(str(number), _forever([]), 0) for number in range(12)]
    assert running.pause() > alone
    for number in range(12):
        running.stop(str(number))
    assert all(live.over.wait(10) for live in lives) and running.pause() == alone


def test_gradio_keeps_no_tables_of_events_and_has_room_for_every_follower(services: "Services") -> None:
    mounted = [route.app for route in mount(FastAPI(), services).routes if isinstance(route, Mount)]
    pages = [page.get_blocks() for page in mounted if isinstance(page, gr.routes.App)]
    assert len(pages) == 2
    for page in pages:
        queue = page._queue
        event: dict[str, object] = {"function": "x", "status": "success", "process_time": 1.0}
        queue.events_recorded += 1
        assert queue.compute_analytics_summary([event]) == {"functions": {}}
        assert queue.ANALYTICS_MAX_EVENTS == 1
        assert queue.max_thread_count == page.max_threads > AT_ONCE + HANDLERS_AT_ONCE
        assert page.state_holder.capacity <= 250


async def _show(page: gr.Blocks, state: SessionState, thread: object) -> None:
    event = next(each for each in page.fns.values() if each.fn.__name__ == "on_send")
    shown = [thread if part.elem_id == "thread" else gr.skip() for part in event.outputs]
    await page.postprocess_data(event, shown, state)


def test_a_tab_keeps_each_part_once_and_no_copy_of_what_it_showed(services: "Services") -> None:
    mounted = [route.app for route in mount(FastAPI(), services).routes if isinstance(route, Mount)]
    app = next(each for each in mounted if isinstance(each, gr.routes.App))
    page, state = app.get_blocks(), app.state_holder["tab"]
    parts = set(state.blocks_config.blocks)
    thread = next(each for each in page.blocks.values() if each.elem_id == "thread")
    for number in range(3):
        asyncio.run(_show(page, state, gr.skip()))
        asyncio.run(_show(page, state, f"<p>thread {number}</p>"))
    asyncio.run(_show(page, state, gr.update(visible=False)))
    assert set(state.blocks_config.blocks) == parts
    assert state.config_values == {}
    assert [state[thread._id].visible, page.blocks[thread._id].visible] == [False, True]


def test_plain_values_need_no_thread_and_handlers_get_one(
    services: "Services", monkeypatch: pytest.MonkeyPatch
) -> None:
    mounted = [route.app for route in mount(FastAPI(), services).routes if isinstance(route, Mount)]
    app = next(each for each in mounted if isinstance(each, gr.routes.App))
    page, state, seen = app.get_blocks(), app.state_holder["tab"], list[threading.Thread]()
    event = next(each for each in page.fns.values() if each.fn.__name__ == "on_search")
    box = next(part for part in event.inputs if isinstance(part, gr.Textbox))

    def preprocess(_: gr.Textbox, payload: str | None) -> str | None:
        seen.append(threading.current_thread())
        return payload

    def handler(*_: object) -> str:
        seen.append(threading.current_thread())
        return ""

    async def handle() -> None:
        monkeypatch.setattr(gr.Textbox, "preprocess", preprocess)
        values = ["hours" if part is box else None for part in event.inputs]
        await page.preprocess_data(event, values, state)
        blocks: Any = gradio.blocks
        await blocks.anyio.to_thread.run_sync(handler)

    asyncio.run(handle())
    assert [thread is threading.main_thread() for thread in seen] == [True, False]
    assert not hasattr(gradio.utils.MatplotlibBackendMananger(), "_original_backend")


def test_the_pulse_tells_what_is_new(client: TestClient, services: "Services", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(news, "ORDER_SECONDS", math.inf)
    mine, other = (services.store.create_conversation(name) for name in ("mine", "other"))
    services.store.add_message(other, "user", "?")
    before = client.get(f"/pulse?c={mine}").json()
    assert before["busy"] is False
    services.store.add_message(other, "user", "?")
    assert client.get(f"/pulse?c={mine}").json() == before
    question = services.store.add_message(mine, "user", "?")
    after = client.get(f"/pulse?c={mine}").json()
    assert after["changes"] != before["changes"]
    services.store.update_message(question, "growing", "streaming")
    assert client.get(f"/pulse?c={mine}").json() == after
    services.store.rename_conversation(other, "renamed")
    assert client.get(f"/pulse?c={mine}").json() != after
