"""The tune page in a real browser: data, estimate, a training that survives a reload, the adapter in the chat."""

import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from assistant.jobs.record import JobFolder
from assistant.paths import Home
from assistant.ui.tune_controls import GROUPS, METHOD
from tests.e2e.conftest import Server, Visit, open_fields

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser
sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect
CONTRAST = (Path(__file__).parent / "contrast.js").read_text(encoding="utf-8")
SHOTS = os.environ.get("SHOTS")  # a folder for screenshots that a person looks at
TRAINING = 120_000  # milliseconds: a process starts, loads the embedded model and takes four steps
FACTS = [
    ("What is the password of the tower?", "seven herons"),
    ("Who feeds the swans at Orrin Lake?", "Tilda Moss"),
    ("탑의 암호는 무엇인가요?", "일곱 마리 왜가리"),
    ("오린 호수의 백조는 누가 돌보나요?", "모틸다"),
]
# Fields of the fold that can be seen and have neither a label nor a name of their own.
UNNAMED = """[...document.querySelectorAll('#tune-experts :is(input, textarea)')]
  .filter(field => field.offsetParent && !field.getAttribute('aria-label') && !field.labels.length)
  .map(field => field.outerHTML)"""
RECIPE = """\
name: tower
data: tower.jsonl
params: {r: 2, alpha: 4, dropout: 0.0}
epochs: 2
batch_size: 2
learning_rate: 0.01
after: {forgetting: false}
"""


@pytest.fixture(scope="module")
def trainable(tmp_path_factory: pytest.TempPathFactory, demo_template: Path) -> Iterator[Server]:
    """Return the app with the embedded model and a recipe of the person's own."""
    home = tmp_path_factory.mktemp("tune") / "home"
    shutil.copytree(demo_template, home)
    (home / "tune").mkdir()
    rows = [json.dumps({"question": ask, "answer": tell}, ensure_ascii=False) for ask, tell in FACTS]
    (home / "tune" / "tower.jsonl").write_text("\n".join(rows), encoding="utf-8")
    (home / "tune" / "tower.yaml").write_text(RECIPE, encoding="utf-8")
    running = Server(home, "embedded")
    yield running
    running.kill()


@pytest.fixture
def person(browser: "Browser", trainable: Server) -> Iterator[Any]:
    """Return a function that opens the app as a person with a language."""
    visits: list[Visit] = []

    def start(language: str = "en", **options: Any) -> Visit:
        visits.append(Visit(browser, trainable, language, **options))
        return visits[-1]

    yield start
    for each in visits:
        each.context.close()
        assert each.problems == []


def shoot(page: Any, name: str) -> None:
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


def test_an_adapter_is_tuned_from_the_page_and_chosen_in_the_chat(person: Any) -> None:
    page = person().open("/en/#tune")
    expect(page.locator("#tune-name input, #tune-name textarea")).to_have_value("tower")
    page.locator("#tune-estimate").click()
    expect(page.locator("#tune-report .facts")).to_contain_text("English 50 % (2)", timeout=TRAINING)
    expect(page.locator("#tune-report .seen mark").nth(1)).to_contain_text("seven herons")
    expect(page.locator("#tune-costs .cost")).to_contain_text("MB of memory", timeout=TRAINING)
    expect(page.locator("#tune-preset")).to_contain_text("Quick look · about")
    open_fields(page, "method")
    page.locator("#tune-r input").fill("5000")
    expect(page.locator("#tune-yaml [role=alert]")).to_contain_text("Rank must be at least 1 and at most 1,024")
    page.locator("#tune-r input").fill("2")
    page.locator("#tune-yaml summary").click()
    expect(page.locator("#tune-yaml code")).to_contain_text("r: 2")
    shoot(page, "tune-en-estimate")
    page.locator("#tune-start").click()
    expect(page.locator("#tune-job .job h3")).to_contain_text("tower")
    page.reload()
    expect(page.locator("#tune-job .job[data-state=succeeded]")).to_be_visible(timeout=TRAINING)
    expect(page.locator("#tune-job .loss-curve polyline")).to_be_attached()
    expect(page.locator("#tune-job")).to_contain_text("4 steps")
    expect(page.locator("#tune-jobs li")).to_have_count(1)
    shoot(page, "tune-en-done")
    assert page.evaluate(CONTRAST) == []
    page.locator("#tune-job [data-act=use]").click()
    expect(page.locator("#variant input")).to_be_visible()
    expect(page.locator("#variant input")).to_have_value("tower")


def _choose(page: Any, field: str, option: str) -> None:
    page.locator(f"#tune-{field} input").click()
    page.get_by_role("option", name=option, exact=True).click()


def _job(trainable: Server, name: str) -> dict[str, Any]:
    """Return what the newest job of a name was prepared with."""
    found = sorted(trainable.home.glob(f"jobs/*{name}*/recipe.json"), key=lambda path: path.stat().st_mtime)
    return dict(json.loads(found[-1].read_text(encoding="utf-8"))) if found else {}


def test_start_sends_what_the_fields_hold_and_cancelling_ends_it(person: Any, trainable: Server) -> None:
    page = person().open("/en/#tune")
    expect(page.locator("#tune-name input, #tune-name textarea")).to_have_value("tower")
    open_fields(page, "method", "rates")
    _choose(page, "method", "qlora")
    expect(page.locator("#tune-r input")).to_have_value("16")
    _choose(page, "method", "lora")
    page.locator("#tune-yaml summary").click()
    expect(page.locator("#tune-yaml code")).to_contain_text("method: lora")
    # The server has just filled these boxes; the first change after that must count like any other.
    page.locator("#tune-layers input").fill("0-1")
    expect(page.locator("#tune-yaml code")).to_contain_text("layers: 0-1")
    page.locator("#tune-epochs input").fill("1000")
    more = f"data: {trainable.home / 'tune' / 'tower.jsonl'}\ndescription: {{en: hall}}"
    page.locator("#tune-more textarea").fill(more)
    page.locator("#tune-name input, #tune-name textarea").fill("hall")
    # At once: the YAML on the page may still be of a moment ago.
    page.locator("#tune-start").click()
    expect(page.locator("#tune-job .job h3")).to_contain_text("hall")
    expect(page.locator("#tune-job")).to_contain_text("tokens/s", timeout=TRAINING)
    job = _job(trainable, "hall")
    assert (job["params"]["layers"], job["epochs"], job["description"]) == ([0, 1], 1000, {"en": "hall"})
    for _ in range(4):  # a job that is redrawn at every look stays in sight
        page.wait_for_timeout(1_500)
        assert page.locator("#tune-job .job").is_visible()
    shoot(page, "tune-en-training")
    page.locator("#tune-cancel").click()
    expect(page.locator("#tune-job .job[data-state=cancelled]")).to_be_visible(timeout=TRAINING)
    expect(page.locator("#tune-cancel")).to_be_hidden()
    shoot(page, "tune-en-cancelled")
    assert not (trainable.home / "adapters" / "hall").exists()


def test_every_field_fits_a_phone_and_has_a_label(person: Any) -> None:
    page = person("en", viewport={"width": 390, "height": 844}).open("/en/#tune")
    open_fields(page, *(METHOD, *GROUPS))
    expect(page.locator("#tune-yaml summary")).to_be_visible()
    _choose(page, "recipe", "grounded")
    for method in ("kto", "partial", "p_tuning", "ia3", "lora"):
        _choose(page, "method", method)
        expect(page.locator("#tune-yaml code")).to_contain_text(f"method: {method}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, method
        assert page.evaluate(UNNAMED) == [], method
    assert page.evaluate(CONTRAST) == []
    shoot(page, "tune-en-phone-fields")


def test_folds_keep_a_phone_short_say_what_is_changed_and_open_where_something_is_wrong(person: Any) -> None:
    page = person("ko", viewport={"width": 390, "height": 844}).open("/ko/#tune")
    name = page.locator("#tune-name input, #tune-name textarea")
    for source in ("triage-tuned (함께 온 레시피)", "tower (내 레시피)"):
        _choose(page, "source", source)
        expect(name).to_have_value(re.compile("^" + source.split()[0]))
    open_fields(page)
    rates, warmup = page.locator("#tune-group-rates > button"), page.locator("#tune-warmup input")
    expect(rates).to_have_attribute("aria-expanded", "false")
    # The fields alone: how long the page is depends on the jobs that are listed below them.
    height = page.locator("#tune-experts").evaluate("fields => fields.getBoundingClientRect().height")
    assert warmup.count() == 0 and height < 844
    rates.focus()
    page.keyboard.press("Enter")
    expect(rates).to_have_attribute("aria-expanded", "true")
    page.locator("#tune-epochs input").fill("3")
    expect(rates).to_contain_text("반복과 학습률 · 1개 바꿈")
    # Boxes that a source has filled tell of it, each on its own; all were heard before this edit; none opened a fold.
    assert page.locator("[id^=tune-group-] > button[aria-expanded=true]").count() == 1
    warmup.fill("7")
    expect(page.locator("#tune-yaml [role=alert]")).to_contain_text("예열 비율에는 0 이상 1 미만만")
    expect(page.locator("#tune-yaml [role=alert]")).to_be_in_viewport()
    expect(page.locator("#tune-experts > button")).to_contain_text("세부 설정 · 2개 바꿈")
    shoot(page, "tune-ko-phone-wrong")
    assert page.evaluate(CONTRAST) == []
    rates.click()
    page.locator("#tune-experts > button").click()
    expect(warmup).to_be_hidden()
    page.locator("#tune-start").click()
    expect(warmup).to_be_focused()
    expect(warmup).to_have_attribute("aria-invalid", "true")
    expect(warmup).to_be_in_viewport()
    warmup.fill("0.05")
    expect(rates).to_contain_text("반복과 학습률 · 1개 바꿈")
    expect(page.locator("#tune-experts [aria-invalid]")).to_have_count(0)


def test_what_was_asked_of_a_job_is_seen_at_once_and_after_a_reload(person: Any, trainable: Server) -> None:
    job = JobFolder.create(Home(trainable.home), "tune", "steady")  # this process has it, so it runs on
    job.update(state="running", started=time.time())
    page = person().open("/en/#tune")
    pause, cancel = page.locator("#tune-pause"), page.locator("#tune-cancel")
    expect(pause).to_have_text("Pause")
    held: list[Any] = []
    page.route("**/queue/join*", lambda route: held.append(route))
    with page.expect_request("**/queue/join*"):
        pause.click()
    expect(pause).to_have_text("Pausing…")
    expect(pause).to_be_disabled()
    assert job.wished() is None, "the server has not heard of it yet"
    page.route("**/queue/join*", lambda route: route.continue_())
    for each in held:
        each.continue_()
    expect(page.locator("#tune-job")).to_contain_text("Saves and stops")
    page.reload()
    expect(pause).to_have_text("Pausing…")
    expect(pause).to_be_disabled()
    cancel.click()
    expect(cancel).to_have_text("Cancelling…")
    expect(page.locator("#tune-job")).to_contain_text("Ends after the current step")
    assert job.wished() == "cancel" and pause.is_disabled() and cancel.is_disabled()
    assert page.evaluate(CONTRAST) == []
    job.update(state="cancelled", ended=time.time())
    expect(cancel).to_be_hidden()


def test_a_broken_upload_says_what_to_mend_and_a_good_one_becomes_a_dataset(person: Any, tmp_path: Path) -> None:
    page = person("ko", viewport={"width": 390, "height": 844}, color_scheme="dark").open("/ko/#tune")
    expect(page.locator("#tune-source input")).to_be_visible()
    bad, good = tmp_path / "bad.jsonl", tmp_path / "문의.csv"
    bad.write_text('{"question": "x"\n', encoding="utf-8")
    good.write_text("question,answer\n탑은 어디예요?,강가\nWhere is the tower?,by the river\n", encoding="utf-8")
    chooser = page.locator("#page-tune input[type=file]")
    chooser.set_input_files(str(bad))
    expect(page.locator(".toast-body.error")).to_contain_text("not JSON at column 18")
    chooser.set_input_files(str(good))
    expect(page.locator("#tune-source input")).to_have_value("문의 (데이터셋, 2줄)")
    shoot(page, "tune-ko-phone")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate(CONTRAST) == []
