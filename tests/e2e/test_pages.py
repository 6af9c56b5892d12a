"""Compare, Documents, Evaluate, languages, themes and the phone in a real browser."""

import re
from pathlib import Path
from typing import Any

import pytest

from assistant.store import Store
from tests.e2e.conftest import close_viewer

pytestmark = pytest.mark.browser
sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect


def _choose(page: Any, *names: str) -> None:
    box = page.locator("#compare-variants")
    while box.locator(".token-remove").count():
        box.locator(".token-remove").first.click()
    for name in names:
        box.locator("input").click()
        page.get_by_role("option", name=name, exact=True).click()


def test_compare_is_blind_until_the_vote(visit: Any, server: Any) -> None:
    page = visit().open("/en/#compare")
    _choose(page, "rag", "zero-shot")
    page.keyboard.press("Escape")
    page.locator("#question textarea").fill("How much is parking?")
    page.locator("#question textarea").press("Enter")
    expect(page.locator("#columns [data-act=vote]")).to_have_count(4)
    shown = page.locator("#columns").inner_html()
    for secret in ("zero-shot", "v-rag", "sources", "scripted@"):
        assert secret not in shown
    page.keyboard.press("2")
    expect(page.locator("#columns .score")).to_contain_text("not settled yet")
    expect(page.locator("#column-B .best")).to_be_visible()
    expect(page.locator("#columns")).to_contain_text("zero-shot")
    page.locator(".keeping [data-to=item]").click()
    page.locator(".keeping [data-form=item] textarea").fill("1,000 won")
    page.locator(".keeping [data-act=item]").click()
    expect(page.locator(".keeping .said-line")).to_contain_text("suites/collected.jsonl")
    page.locator(".keeping [data-act=kept]").click()
    expect(page.locator("#viewer mark")).to_contain_text("How much is parking?")
    close_viewer(page)
    page.locator(".keeping [data-act=undo]").click()
    expect(page.locator(".keeping .said-line")).to_have_count(0)
    assert (server.home / "suites" / "collected.jsonl").read_text(encoding="utf-8") == ""
    store = Store(server.home / "joyul.sqlite")
    try:
        vote = store.votes()[-1]
    finally:
        store.close()
    assert vote.blind and vote.choice == vote.variants[1] and vote.question == "How much is parking?"


def test_documents_are_added_found_opened_removed_and_brought_back(visit: Any, tmp_path: Path) -> None:
    file = tmp_path / "quokka.md"
    file.write_text("# Quokka\n\nA quokka visits on Fridays at 4 pm.", encoding="utf-8")
    page = visit().open("/en/#documents")
    page.locator("#drop input[type=file]").set_input_files(str(file))
    row = page.locator("#documents-list li[data-name='quokka.md']")
    expect(row.locator(".state")).to_contain_text("1 passage")
    expect(page.locator("#documents-said")).to_contain_text("1 added")
    page.locator("#search-documents input").fill("quokka visits")
    page.keyboard.press("Enter")
    expect(page.locator("#hits li").first).to_contain_text("Fridays")
    page.locator("#hits .hit-name").first.click()
    expect(page.locator("#viewer mark")).to_contain_text("Fridays")
    close_viewer(page)
    row.locator("[data-act=remove]").click()
    expect(row).to_have_count(0)
    page.locator("#undo").click()
    expect(row).to_have_count(1)


def test_evaluate_runs_to_a_verdict_and_a_report(visit: Any) -> None:
    page = visit().open("/en/#evaluate")
    page.locator("#suite input").click()
    page.get_by_role("option", name="tiny").click()
    page.locator("#evaluate-start").click()
    expect(page.locator("#report .verdict .badge")).to_have_text(
        re.compile("not enough evidence", re.I), timeout=60_000
    )
    expect(page.locator("#evaluate-start")).to_be_visible()
    expect(page.locator("#report table").first).to_contain_text("zero-shot")
    with page.context.expect_page() as opened:
        page.locator("#report-link").click()
    expect(opened.value.locator("body")).to_contain_text("zero-shot")


def test_language_switch_changes_every_word_and_keeps_the_place(visit: Any) -> None:
    first = visit()
    page = first.open("/en/?c=#documents")
    expect(page.locator("#page-documents h1")).to_have_text("Documents")
    page.locator("#language-ko").click()
    page.wait_for_url(re.compile("/ko/"))
    expect(page.locator("#page-documents h1")).to_have_text("문서")
    expect(page.locator("#new-chat")).to_have_text("새 대화")
    first.filled()
    page = first.open("/")
    assert "/ko/" in page.url


def test_theme_follows_the_system_then_the_person(visit: Any) -> None:
    first = visit(color_scheme="dark")
    page = first.open()
    background = "getComputedStyle(document.querySelector('#composer textarea')).backgroundColor"
    dark = page.evaluate(background)
    page.locator("#theme").click()
    expect(page.locator("#theme")).to_have_attribute("aria-pressed", "false")
    assert page.evaluate(background) != dark
    page.reload()
    page.locator("html.ready").wait_for()
    expect(page.locator("#theme")).to_have_attribute("aria-pressed", "false")
    assert page.evaluate(background) != dark


@pytest.mark.parametrize("language", ["ko", "en"])
def test_nothing_scrolls_sideways_on_a_phone(visit: Any, language: str) -> None:
    page = visit(language, viewport={"width": 390, "height": 844}, has_touch=True).open()
    page.locator(".example").first.click()
    page.locator("#thread .assistant .foot").wait_for()
    page.locator("#thread [data-local=receipt]").click()
    for name in ("chat", "compare", "documents", "evaluate"):
        button = page.locator(f"#page-{name}-button")
        if not button.count():  # where the names do not fit, the last ones fold into a menu
            page.locator(".overflow-menu > button").first.click()
            button = page.locator(".overflow-dropdown button", has_text=re.compile(name, re.IGNORECASE))
        button.click()
        expect(page.locator(f"#page-{name}")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == 390, name


def test_the_drop_zone_of_an_import_covers_no_tab_on_a_phone(visit: Any) -> None:
    page = visit(viewport={"width": 390, "height": 844}, has_touch=True).open("/en/#data")
    page.locator("#data-import-button").click()
    expect(page.locator("#data-drop .upload-container")).to_be_visible()
    page.locator("#data-review-button").click()
    expect(page.locator("#review")).to_be_visible()


def test_keys_reach_what_they_promise(visit: Any) -> None:
    page = visit().open()
    page.locator("#page-compare-button").click()
    page.locator("#page-compare h1").click()
    page.keyboard.press("/")
    expect(page.locator("#question textarea")).to_be_focused()
    page.keyboard.press("Control+k")
    expect(page.locator("#search-chats input")).to_be_focused()
    page.locator("#page-chat-button").click()
    page.locator("#composer textarea").fill("one")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("two")
    expect(page.locator("#composer textarea")).to_have_value("one\ntwo")


def test_a_newcomer_gets_from_the_first_page_to_the_verdict_and_back_to_a_question(visit: Any) -> None:
    page = visit().open()
    page.locator(".worth [data-to=evaluate]").click()
    expect(page.locator("#page-evaluate h1")).to_be_visible()
    page.locator("#page-compare-button").click()
    _choose(page, "rag", "zero-shot")
    page.keyboard.press("Escape")
    question = page.locator("#columns .example").first.inner_text()
    page.locator("#columns .example").first.click()
    expect(page.locator("#columns .asked")).to_have_text(question)
    expect(page.locator("#question textarea")).to_have_value(question)
    expect(page.locator("#columns [data-act=vote]")).to_have_count(4)


def test_drawers_take_the_focus_and_give_it_back(visit: Any) -> None:
    page = visit().open()
    page.locator("#settings-toggle button").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#settings h2")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#settings-toggle button")).to_be_focused()


def test_controls_that_gradio_names_in_english_are_named_in_korean(visit: Any) -> None:
    page = visit("ko").open("/ko/#documents")
    expect(page.locator("#sidebar .toggle-button")).to_have_attribute("aria-label", "대화 목록")
    expect(page.locator("#drop .upload-container")).to_have_attribute("aria-label", re.compile("끌어다 놓거나"))
    expect(page.locator("#temperature input[type=range]")).to_have_attribute("aria-label", "온도")


def test_bar_and_message_box_stay_in_view(visit: Any) -> None:
    page = visit(viewport={"width": 900, "height": 420}).open("/en/#documents")
    page.locator("#documents-list li").last.scroll_into_view_if_needed()
    expect(page.locator("#page-chat-button")).to_be_in_viewport()
    page.locator("#page-chat-button").click()
    page.locator(".example").first.click()
    page.locator("#thread .assistant .foot").wait_for()
    page.locator("#thread [data-local=receipt]").click()
    page.evaluate("window.scrollTo(0, 0)")
    expect(page.locator("#composer textarea")).to_be_in_viewport(ratio=1)


def test_settings_open_reset_and_close(visit: Any) -> None:
    page = visit().open()
    page.locator("#settings-toggle button").click()
    expect(page.locator("#settings")).to_be_in_viewport()
    page.locator("#seed input").fill("7")
    page.locator("#system textarea").fill("Be short")
    page.locator("#reset").click()
    expect(page.locator("#system textarea")).to_have_value("")
    expect(page.locator("#seed input")).to_have_value("0")
    page.keyboard.press("Escape")
    expect(page.locator("#settings")).not_to_be_in_viewport()


CONTRAST = (Path(__file__).parent / "contrast.js").read_text(encoding="utf-8")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_can_be_read_in_both_themes(visit: Any, scheme: str) -> None:
    page = visit("ko", color_scheme=scheme).open()
    page.locator(".example").first.click()
    page.locator("#thread .assistant .foot").wait_for()
    page.locator("#thread [data-local=receipt]").click()
    for name in ("chat", "compare", "documents", "evaluate"):
        page.locator(f"#page-{name}-button").click()
        expect(page.locator(f"#page-{name}")).to_be_visible()
        assert page.evaluate(CONTRAST) == [], name
