"""The evaluate page and the report file in a real browser: verdict, plot, items, history, two runs, both looks."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from assistant.schema import Passage, Shot, Variant
from eval.result import assemble
from eval.run_folder import RunFolder
from eval.schema import Answer, Item, Suite

pytestmark = pytest.mark.browser
sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect
CONTRAST = (Path(__file__).parent / "contrast.js").read_text(encoding="utf-8")
SHOTS = os.environ.get("SHOTS")  # a folder for screenshots that a person looks at


LABELS = ("loan", "room", "event")
EVIL = "<img src=x onerror=alert(1)><script>alert(2)</script>"


def items(count: int, kind: str) -> tuple[Item, ...]:
    """Return questions in both languages, in groups of three."""
    made = []
    for at in range(count):
        korean = at % 2 == 0
        question = f"열람실 {at}번 자리는 얼마예요?" if korean else f"How much is seat {at} in the reading room?"
        label = LABELS[at % 3]
        reference = json.dumps({"label": label}) if kind == "label" else f"{1000 + at} won"
        made.append(
            Item(
                question=f"{question} {EVIL}" if at == 1 else question,
                reference=() if kind == "qa" and at % 11 == 10 else (reference,),
                group=f"topic {at // 3}",
                language="ko" if korean else "en",
                slice="fees" if at % 4 else "seats",
                label=label if kind == "label" else "",
                line=at + 1,
            )
        )
    return tuple(made)


def suite(name: str, kind: str, count: int) -> Suite:
    """Return a suite of the five usual variants."""
    recipes = {"rag": "grounded", "rag-tuned": "grounded", "few-shot": "few_shot"}
    names = ("zero-shot", "few-shot", "rag", "tuned", "rag-tuned")
    shots = (Shot("q", "a"),)
    variants = tuple(
        Variant(
            each,
            recipe=recipes.get(each, "zero_shot"),
            adapter=f"{name}-{each}" if "tuned" in each else None,
            shots=shots if each == "few-shot" else (),
        )
        for each in names
    )
    metrics = ("exact_match", "token_f1", "contains") if kind == "qa" else ("accuracy", "macro_f1", "json_validity")
    efficiency = ("prompt_tokens", "completion_tokens", "seconds")
    return Suite(
        name,
        kind,  # type: ignore[arg-type]
        items(count, kind),
        variants,
        metrics[0],
        (*metrics, *efficiency),
        labels=LABELS if kind == "label" else (),
        trials={each: 3 for each in names},
    )


def answer(item: Item, at: int, who: int, variant: Variant, kind: str) -> Answer:
    """Return a made-up answer: better variants are right more often, some fail, some cannot be read."""
    right = at % 5 == 0 or (at * 7 + who * 3) % 10 < 2 + 2 * who
    wrong = json.dumps({"label": LABELS[(at + 1) % 3]}) if kind == "label" else f"about {900 + at} won, I think"
    text = (item.reference[0] if item.reference else "I don't know") if right else wrong
    if at % 17 == 5 and who == 1:
        text = EVIL
    passages = (Passage("d", "fees.md", 1, f"Seat {at} costs {1000 + at} won. {EVIL}", 0.71),)
    return Answer(
        text="" if at % 29 == 7 and who == 0 else text,
        error="ConnectionError: the server hung up" if at % 29 == 7 and who == 0 else "",
        passages=passages if "rag" in variant.name else (),
        query=item.question if "rag" in variant.name else None,
        prompt_tokens=40 + 60 * who,
        completion_tokens=8,
        seconds=0.2 + 0.1 * who,
        base="embedded@d71b96ec",
        adapter=variant.adapter,
    )


def finish(runs: Path, name: str, kind: str = "qa", count: int = 60) -> str:
    """Write a finished run and return its name."""
    declared = suite(name, kind, count)
    specs = {spec.name: spec for spec in declared.variants}
    answers = {
        spec.name: {item.id: answer(item, at, who, spec, kind) for at, item in enumerate(declared.items)}
        for who, spec in enumerate(declared.variants)
    }
    keys = {each: f"{name} {each}" for each in specs}
    folder = RunFolder.open(declared, keys, runs)
    result = assemble(declared, specs=specs, fingerprints=keys, answers=answers, run=folder.name, asked=count * 5)
    return folder.finish(result).run


@pytest.fixture(scope="module")
def runs(server: Any) -> dict[str, str]:
    """Return the names of finished runs, by suite."""
    folder = server.home / "runs"
    return {"triage-like": finish(folder, "triage-like", "label"), "fees": finish(folder, "fees")}


def shoot(page: Any, name: str) -> None:
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


def open_run(page: Any, run: str) -> None:
    """Show a run on the page, whichever one is there."""
    if page.locator(f"#report .report[data-run='{run}']").count() == 0:
        page.locator(f"#history [data-act=show][data-run='{run}']").click()
    expect(page.locator(f"#report .report[data-run='{run}']")).to_be_visible()
    page.locator("#report .items").scroll_into_view_if_needed()
    expect(page.locator("#report .items .item").first).to_be_visible(timeout=60_000)  # the first asks for imports


def test_evidence_is_there_from_the_verdict_to_the_items(visit: Any, runs: dict[str, str]) -> None:
    page = visit().open("/en/#evaluate")
    open_run(page, runs["fees"])
    report = page.locator("#report")
    expect(report.locator(".verdict p b")).to_have_text(re.compile(r"^[^.]+\.$"))
    report.locator(".jumps [data-to='[data-section=scores]']").click()
    expect(report.locator("[data-section=scores] h2")).to_be_in_viewport()
    expect(report.locator(".forest-row[role=listitem]")).to_have_count(4)
    expect(report.locator("[data-section=scores] tbody tr").first).to_contain_text("exact match")
    expect(report.locator("[data-section=declared]")).to_contain_text("Reads of the test items")
    items = report.locator(".items")
    expect(items.locator("[data-count]")).to_have_attribute("data-count", "60")
    expect(items.locator(".item")).to_have_count(25)
    items.locator("[data-filter=differ]").click()
    differ = int(items.locator("[data-count]").get_attribute("data-count") or 0)
    assert 0 < differ < 60
    items.locator("[data-filter=failed]").click()
    expect(items.locator("[data-count]")).to_have_attribute("data-count", "2")
    items.locator(".item summary").first.click()
    expect(items.locator(".card")).to_have_count(5)
    expect(items.locator(".card").first).to_contain_text("the server hung up")
    items.locator("[data-filter=all]").click()
    items.locator("input[type=search]").fill("reading room")
    expect(items.locator("[data-count]")).to_have_attribute("data-count", "30")
    items.locator("input[type=search]").fill("")
    items.locator("select[data-select=part]").select_option("language: ko")
    expect(items.locator("[data-count]")).to_have_attribute("data-count", "30")


def test_figures_lead_down_to_their_items(visit: Any, runs: dict[str, str]) -> None:
    page = visit("ko").open("/ko/#evaluate")
    open_run(page, runs["triage-like"])
    box = page.locator("#report [data-section=confusion] details").first
    box.locator("summary").click()
    cell = box.locator("[data-show*='true=loan&said=room']")
    count = cell.inner_text()
    cell.click()
    expect(page.locator("#report [data-count]")).to_have_attribute("data-count", count)
    expect(page.locator("#report .chip")).to_contain_text("loan → room")
    page.locator("#report .forest-row .to-items").first.click()
    expect(page.locator("#report .chip")).to_contain_text("−")
    page.locator("#report .chip").click()
    expect(page.locator("#report [data-count]")).to_have_attribute("data-count", "60")


def test_what_models_say_stays_text(visit: Any, runs: dict[str, str]) -> None:
    first = visit()
    page = first.open("/en/#evaluate")
    open_run(page, runs["fees"])
    page.locator("#report input[type=search]").fill("onerror")
    for summary in page.locator("#report .item > summary").all():
        summary.click()
    expect(page.locator("#report .card-text", has_text=EVIL).first).to_be_visible()
    assert page.locator("#report img").count() == 0 and page.locator("#report .items script").count() == 0


def test_two_runs_stand_side_by_side(visit: Any, runs: dict[str, str], server: Any) -> None:
    again = finish(server.home / "runs", "fees", count=48)
    page = visit("ko").open("/ko/#evaluate")
    open_run(page, again)
    page.locator(f"#history [data-act=compare][data-run='{runs['fees']}']").click()
    report = page.locator("#report")
    expect(report.locator("[data-section=compared]")).to_contain_text("48개만 견줬어요")
    shoot(page, "compare-ko")
    report.locator("[data-act=show]").click()
    expect(report.locator(".verdict")).to_be_visible()


def test_an_unfinished_run_is_taken_up(visit: Any, server: Any) -> None:
    left = server.home / "runs" / "tiny-20260101T000000-12345678"
    left.mkdir()
    plan = {"suite": "tiny", "path": str(server.home / "suites" / "tiny.yaml")}
    (left / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    page = visit("ko").open("/ko/#evaluate")
    page.locator(f"#history [data-act=resume][data-run='{left.name}']").click()
    expect(page.locator("#report .report[data-run^='tiny-']")).to_be_visible(timeout=60_000)
    expect(page.locator("#history [data-act=resume]")).to_have_count(0)
    expect(page.locator("#evaluate-start")).to_be_visible()


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_can_be_read_in_both_looks(visit: Any, runs: dict[str, str], language: str, scheme: str) -> None:
    page = visit(language, color_scheme=scheme, viewport={"width": 1280, "height": 900}).open(f"/{language}/#evaluate")
    open_run(page, runs["fees"])
    page.locator("#report .item summary").nth(3).click()
    assert page.evaluate(CONTRAST) == []
    shoot(page, f"evaluate-{language}-{scheme}")


@pytest.mark.parametrize("language", ["ko", "en"])
def test_a_phone_scrolls_one_way(visit: Any, runs: dict[str, str], language: str) -> None:
    page = visit(language, viewport={"width": 390, "height": 844}, has_touch=True).open(f"/{language}/#evaluate")
    open_run(page, runs["triage-like"])
    page.locator("#report .item summary").first.click()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    shoot(page, f"evaluate-{language}-phone")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_report_file_stands_alone(browser: Any, runs: dict[str, str], server: Any, scheme: str) -> None:
    context = browser.new_context(locale="ko-KR", color_scheme=scheme, offline=True)
    page = context.new_page()
    problems: list[str] = []
    page.on("request", lambda request: problems.append(request.url) if request.url[:5] != "file:" else None)
    page.on("console", lambda message: problems.append(message.text))
    page.on("dialog", lambda dialog: problems.append(dialog.message))
    page.goto((server.home / "runs" / runs["triage-like"] / "report.html").as_uri())
    expect(page.locator(".verdict .badge .ko")).to_be_visible()
    expect(page.locator(".verdict .badge .en")).to_be_hidden()
    page.locator(".item summary").first.click()
    shoot(page, f"file-ko-{scheme}")
    assert page.evaluate(CONTRAST) == []
    page.locator("#language").click()
    expect(page.locator("[data-filter=differ]")).to_have_text(re.compile("Where they differ"))
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    shoot(page, f"file-en-{scheme}-phone")
    assert problems == []
    context.close()
