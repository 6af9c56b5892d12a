"""A real server in a process of its own and a real browser; every request must stay on this machine."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

HERE = Path(__file__).parent
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
# Nothing is measured by the clock here: a busy machine is slow, and what never comes is still noticed.
PATIENCE = 60_000  # milliseconds
HELP = "no browser found: run `python -m playwright install chromium`"
# Not ours: Gradio asks for the progress of an upload that is over, and reports streams that leaving a page ends.
HARMLESS = ("upload_progress", "signal is aborted", "Connection errored out", "was aborted")


class Server:
    """``joyul serve`` on a free port; can be killed and started again on the same state folder."""

    def __init__(self, home: Path, model: str = "paced_model:open_paced") -> None:
        self.home = home
        self.model = model
        self.port = 0
        self.process: subprocess.Popen[str] | None = None
        self.start()

    def start(self) -> None:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("JOYUL_")}
        environment = {**kept, "PYTHONPATH": f"{HERE}{os.pathsep}{Path.cwd()}"}
        options = [
            "--model",
            self.model,
            "--set",
            "retrieval.embedder=hashing",
            "--set",
            "engine.max_tokens=512",
        ]
        command = [
            sys.executable,
            "-m",
            "assistant",
            "serve",
            "--home",
            str(self.home),
            "--port",
            str(self.port),
            "--json",
        ]
        log = (self.home.parent / "server.log").open("a", encoding="utf-8")
        self.process = subprocess.Popen(
            [*command, *options], stdout=subprocess.PIPE, stderr=log, text=True, env=environment
        )
        assert self.process.stdout is not None
        document = ""
        for line in self.process.stdout:
            document += line
            try:
                ready = json.loads(document)
                break
            except ValueError:
                continue
        else:
            raise RuntimeError((self.home.parent / "server.log").read_text(encoding="utf-8")[-2000:])
        self.url = str(ready["url"])
        self.port = int(self.url.rsplit(":", 1)[1])

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, demo_template: Path) -> Iterator[Server]:
    """Return the running app with the demo in it."""
    home = tmp_path_factory.mktemp("e2e") / "home"
    shutil.copytree(demo_template, home)
    _suite(home)
    running = Server(home)
    yield running
    running.kill()


def _suite(home: Path) -> None:
    folder = home / "suites"
    (folder / "docs").mkdir(parents=True)
    items = [
        {"question": f"How much is fee {n}?", "reference": [f"{n} won"], "group": f"g{n}", "language": "en"}
        for n in range(1, 4)
    ]
    (folder / "items.jsonl").write_text("\n".join(json.dumps(item) for item in items), encoding="utf-8")
    (folder / "docs" / "fees.md").write_text("Fee 1 is 1 won. Fee 2 is 2 won.", encoding="utf-8")
    (folder / "tiny.yaml").write_text(
        "suite: tiny\nkind: qa\nitems: items.jsonl\ndocuments: docs\nvariants:\n  zero-shot:\n  rag:\n",
        encoding="utf-8",
    )


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    """Return Chromium: an installed one, else Playwright's own; without one the test is skipped, or fails in CI."""
    sync_api = pytest.importorskip("playwright.sync_api")
    sync_api.expect.set_options(timeout=PATIENCE)
    found = next((path for path in map(shutil.which, NAMES) if path), None)
    with sync_api.sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        except sync_api.Error as error:
            if os.environ.get("REQUIRE_BROWSER") == "1":
                pytest.fail(f"{HELP} ({str(error).splitlines()[0]})")
            pytest.skip(HELP)
        yield browser
        browser.close()


class Visit:
    """One person's browser on the app; collects what must not happen."""

    def __init__(self, browser: "Browser", server: Server, language: str, **options: Any) -> None:
        locale = {"ko": "ko-KR", "en": "en-GB"}[language]
        self.server = server
        self.context: BrowserContext = browser.new_context(locale=locale, **options)
        self.context.set_default_timeout(PATIENCE)
        self.page: Page = self.context.new_page()
        self.problems: list[str] = []
        self.page.on("request", self._request)
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.problems.append(f"page error: {error}"))

    def _request(self, request: Any) -> None:
        if not request.url.startswith((self.server.url + "/", "data:", "blob:")):
            self.problems.append(f"foreign request: {request.url}")

    def _console(self, message: Any) -> None:
        where = str(message.location.get("url", ""))
        if message.type == "error" and not any(part in message.text + where for part in HARMLESS):
            self.problems.append(f"console: {message.text} {where}")

    def open(self, path: str = "/") -> "Page":
        """Open a page and wait until it is filled."""
        self.page.goto(self.server.url + path)
        return self.filled()

    def filled(self) -> "Page":
        """Wait until the page is filled; one that is left before that says that its session is gone."""
        self.page.locator("html.ready").wait_for()
        self.page.locator("#status .value").first.wait_for(state="attached")
        return self.page


def close_viewer(page: "Page") -> None:
    """Close the document panel by its key, once it is open: it slides in a frame after its text is there."""
    page.locator("html.show-viewer").wait_for(state="attached")
    page.keyboard.press("Escape")
    page.locator("html:not(.show-viewer)").wait_for(state="attached")


def open_fields(page: "Page", *groups: str) -> None:
    """Open all settings of the tune page, and in them the folds of these groups."""
    page.locator("#tune-experts > button").click()
    for group in groups:
        page.locator(f"#tune-group-{group} > button").click()


@pytest.fixture
def visit(browser: "Browser", server: Server) -> Iterator[Any]:
    """Return a function that opens the app as a person with a language; at the end nothing odd may have happened."""
    visits: list[Visit] = []

    def start(language: str = "en", **options: Any) -> Visit:
        visits.append(Visit(browser, server, language, **options))
        return visits[-1]

    yield start
    for each in visits:
        each.context.close()
        assert each.problems == []
