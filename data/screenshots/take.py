"""Takes the README's screenshots: the app as it is, on a state folder of its own, answered by the embedded model.

    make screenshots                                          # everything, some minutes on two cores
    python data/screenshots/take.py --home DIR --only chat-ko  # one of them, on a folder that has runs and jobs already
    python data/screenshots/take.py --plot table.svg           # methods.png, of what `joyul tune table` wrote

What a picture needs and the folder lacks (an evaluation, a training job, a dataset) is made first.
"""

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
DEMO = HERE.parent / "demo"
MOST_BYTES = 300_000
PATIENCE = 900_000  # milliseconds
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def joyul(home: Path, *arguments: str) -> None:
    """Run one command on the state folder."""
    subprocess.run([sys.executable, "-m", "assistant", *arguments, "--home", str(home)], check=True)


def prepare(home: Path) -> None:
    """Give the folder what the pictures show."""
    if not list(home.glob("runs/triage-*/result.json")):
        joyul(home, "eval", "run", "triage")
    if not list(home.glob("datasets/handbook/*")):
        joyul(home, "data", "import", str(DEMO / "handbook" / "train.jsonl"), "--name", "handbook")
    if not list(home.glob("jobs/*/")):
        joyul(home, "tune", "run", str(DEMO / "tune" / "triage-tuned.yaml"))


@contextmanager
def served(home: Path) -> Iterator[str]:
    """Run the app on a free port and give its address."""
    command = [sys.executable, "-m", "assistant", "serve", "--home", str(home), "--port", "0", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        said = ""
        for line in process.stdout or ():
            said += line
            if line.startswith("}") or said.rstrip().endswith("}"):
                break
        yield str(json.loads(said)["url"])
    finally:
        process.terminate()
        process.wait()


def chat(page: Any) -> None:
    """An answer of the variant that scores highest, its passage, and one that says that the documents do not say."""
    page.locator("#variant input").click()
    page.get_by_role("option", name="rag-tuned", exact=False).first.click()
    examples = page.locator(".example").all_inner_texts()
    for number, question in enumerate((examples[0], examples[2])):
        page.locator("#composer textarea").fill(question)
        page.locator("#composer textarea").press("Enter")
        page.locator("#thread .assistant .foot").nth(number).wait_for()
    page.locator("#thread .source").first.hover()


def compare(page: Any) -> None:
    """A blind vote, revealed."""
    page.locator("#columns .example").first.click()
    page.locator("#columns [data-act=vote]").first.wait_for()
    answers = page.locator(".answer-column .said").all_inner_texts()
    page.keyboard.press(next((str(at) for at, said in enumerate(answers, 1) if "224" in said), "4"))
    page.locator("#columns .score").wait_for()


def documents(page: Any) -> None:
    """What a search finds, with both scores."""
    field = page.locator("#search-documents input, #search-documents textarea").first
    field.fill("주차 요금")
    field.press("Enter")
    page.locator(".hits li").first.wait_for()


def evaluate(page: Any) -> None:
    """The newest verdict on the triage suite."""
    page.locator("#report .report").wait_for()
    page.wait_for_timeout(500)  # the report settles; a picture has no event to wait for
    if not page.locator("#report .report[data-run^='triage']").count():
        page.locator("#history [data-act=show][data-run^='triage']").first.click()
        page.locator("#report .report[data-run^='triage']").wait_for()
    page.evaluate("scrollTo(0, 0)")


def tune(page: Any) -> None:
    """A finished training: curve, cost, what was forgotten, and where to go on."""
    page.locator("#tune-jobs .state-succeeded").first.locator("xpath=..").locator("[data-act=show]").click()
    page.locator("#tune-job .job[data-state=succeeded]").wait_for()
    page.locator("#tune-job").evaluate("box => scrollTo(0, box.getBoundingClientRect().top + scrollY - 190)")


def data(page: Any) -> None:
    """A version's statistics."""
    page.locator("#datasets [data-act=show]").first.click()
    page.locator("#version [data-part=stats]").click()
    page.locator("#version .plots").wait_for()


PICTURES: dict[str, tuple[Callable[[Any], None], int]] = {
    "chat-ko": (chat, 800),
    "compare-en": (compare, 800),
    "documents-ko": (documents, 800),
    "evaluate-en": (evaluate, 1000),
    "tune-ko": (tune, 900),
    "data-ko": (data, 900),
}


def take(url: str, names: list[str]) -> None:
    """Take pictures into this folder.

    Raises:
        SystemExit: one is larger than the README should carry.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = next((path for path in map(shutil.which, BROWSERS) if path), None)
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        for name in names:
            act, height = PICTURES[name]
            kind, language = name.split("-")
            context = browser.new_context(viewport={"width": 1280, "height": height}, locale=language)
            context.set_default_timeout(PATIENCE)
            page = context.new_page()
            page.goto(f"{url}/{language}/#{kind}")
            page.locator("html.ready").wait_for()
            page.locator("#status .value").first.wait_for()
            act(page)
            page.wait_for_timeout(700)  # transitions end
            file = HERE / f"{name}.png"
            page.screenshot(path=file)
            context.close()
            if file.stat().st_size > MOST_BYTES:
                raise SystemExit(f"{file.name} has {file.stat().st_size:,} bytes; keep it under {MOST_BYTES:,}")
        browser.close()


def draw(svg: Path) -> None:
    """Make a picture of a plot that ``joyul tune table`` wrote."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = next((path for path in map(shutil.which, BROWSERS) if path), None)
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 860, "height": 340}, device_scale_factor=1.5)
        body = "margin: 8px; font-family: sans-serif; color: #222; background: #fff"
        page.set_content(f'<body style="{body}">{svg.read_text("utf-8")}</body>')
        page.locator("svg").screenshot(path=HERE / "methods.png")
        browser.close()


def main() -> None:
    """Take them all, or those asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--home", type=Path, default=Path("build/screenshots-home"))
    parser.add_argument("--only", nargs="*", choices=list(PICTURES), default=list(PICTURES))
    parser.add_argument("--plot", type=Path, help="only make methods.png of this table.svg")
    asked = parser.parse_args()
    if asked.plot:
        return draw(asked.plot)
    asked.home.mkdir(parents=True, exist_ok=True)
    prepare(asked.home)
    with served(asked.home) as url:
        take(url, asked.only)


if __name__ == "__main__":
    main()
