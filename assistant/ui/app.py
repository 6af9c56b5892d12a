"""The page as a whole: one Blocks a language, mounted at ``/ko`` and ``/en``; ``/`` leads to the right one."""

import secrets

import gradio as gr
from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response

from assistant.chat import ChatUpdate
from assistant.locales import LANGUAGES
from assistant.schema import Language
from assistant.services import Services
from assistant.ui.chat_tab import build_chat
from assistant.ui.closed import shut
from assistant.ui.compare_tab import build_compare
from assistant.ui.context import Page
from assistant.ui.data_tab import build_data
from assistant.ui.documents_tab import build_documents
from assistant.ui.evaluate_tab import build_evaluate
from assistant.ui.evaluations import Evaluations
from assistant.ui.events import make_cheap
from assistant.ui.frame import build_frame
from assistant.ui.running import AT_ONCE, Running
from assistant.ui.sessions import keep_once
from assistant.ui.theme import css, head, theme
from assistant.ui.tune_plans import Plans
from assistant.ui.tune_tab import build_tune
from assistant.ui.words import Words

COOKIE = "joyul-language"
HANDLERS_AT_ONCE = 16
# Whoever follows an answer holds one of these; where none is free everybody else waits too.
THREADS = 2 * AT_ONCE
QUEUE_SECONDS = 0.01  # between two looks for events, also while nobody is there; Gradio's own is a tenth of it
SESSIONS = 250  # tabs that Gradio remembers, 0.4 MB each; one it has forgotten goes on as after a restart
BOOT = secrets.token_hex(4)  # another process counts changes anew
MARK = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#0f766e"/>'
    '<path d="M9 11h14M9 21h14" stroke="#fff" stroke-width="2.500" stroke-linecap="round"/>'
    '<circle cx="20" cy="11" r="3.500" fill="#fff"/><circle cx="12" cy="21" r="3.500" fill="#fff"/></svg>'
)


def build_page(page: Page, runs: Evaluations, plans: Plans) -> gr.Blocks:
    """Build one language's page; evaluations (``runs``) and tuning ``plans`` are shared by all languages."""
    words = page.words
    # Uploads are copies; the library keeps its own original.
    blocks: gr.Blocks = gr.Blocks(
        title="Joyul · 조율", fill_width=True, analytics_enabled=False, delete_cache=(3600, 3600)
    )
    blocks.max_threads, blocks.state_session_capacity = THREADS, SESSIONS
    with blocks:
        frame = build_frame(page)
        with gr.Tabs(elem_id="pages"):
            with gr.Tab(words("nav.chat"), id="chat", elem_id="page-chat"):
                chat = build_chat(page, frame)
            with gr.Tab(words("nav.compare"), id="compare", elem_id="page-compare"):
                build_compare(page, frame)
            with gr.Tab(words("nav.documents"), id="documents", elem_id="page-documents"):
                documents = build_documents(page, frame)
            with gr.Tab(words("nav.data"), id="data", elem_id="page-data") as collecting:
                data = build_data(page)
            with gr.Tab(words("nav.tune"), id="tune", elem_id="page-tune") as tuning:
                tune = build_tune(page, frame, plans)
            with gr.Tab(words("nav.evaluate"), id="evaluate", elem_id="page-evaluate"):
                evaluate = build_evaluate(page, runs)
        tune.connect(tuning, chat, evaluate)
        evaluate.connect(chat)
        data.connect(collecting, tune)
        for tab in (chat, documents, data, tune, evaluate):
            tab.load(blocks)
    blocks.queue(default_concurrency_limit=HANDLERS_AT_ONCE)
    blocks._queue.sleep_when_free = QUEUE_SECONDS
    return blocks


def mount(app: FastAPI, services: Services) -> FastAPI:
    """Add the page and the language choice at ``/`` to the app."""
    shut()
    keep_once()
    make_cheap()
    runs, plans = Evaluations(services), Plans(services)
    running: Running[ChatUpdate] = Running(services.closing)
    rounds: Running[list[ChatUpdate]] = Running(services.closing)

    @app.get("/", include_in_schema=False)
    def start(request: Request) -> Response:
        """Lead to the page in the person's language."""
        setting = services.settings.language
        asked = request.cookies.get(COOKIE, "")
        accepted = request.headers.get("accept-language", "")
        language = asked if asked in LANGUAGES else setting if setting != "auto" else preferred(accepted)
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(
            f"/{language}/{query}", 307, {"vary": "Accept-Language, Cookie", "cache-control": "no-store"}
        )

    @app.get("/pulse", include_in_schema=False)
    async def pulse(c: str = "") -> dict[str, object]:
        """Say whether anything is new, so that an open page knows when to ask for it."""
        listed, told = services.store.news.of(c)
        return {"changes": f"{BOOT}-{listed}-{told}", "busy": running.live(c) is not None}

    @app.get("/manifest.json", include_in_schema=False)
    def manifest() -> dict[str, str]:
        """Answer what Gradio's page asks for at the root."""
        return {"name": "Joyul", "short_name": "Joyul", "start_url": "/", "display": "browser"}

    @app.get("/favicon.ico", include_in_schema=False)
    def favicon() -> Response:
        """Serve the mark: two levels being evened out."""
        return Response(MARK, media_type="image/svg+xml")

    limit = f"{services.settings.retrieval.file_megabytes}mb"
    for language in LANGUAGES:
        app = gr.mount_gradio_app(
            app,
            build_page(Page(services, Words(language), running, rounds), runs, plans),
            path=f"/{language}",
            theme=theme(),
            css=css(),
            head=head(Words(language)),
            footer_links=[],
            run_history=False,
            show_error=False,
            ssr_mode=False,
            max_file_size=limit,
        )
    return app


def preferred(accepted: str) -> Language:
    """Return the best language of an Accept-Language header; English where it names none of ours."""
    ranked: list[tuple[float, int, str]] = []
    for at, part in enumerate(accepted.split(",")):
        name, _, quality = part.strip().partition(";q=")
        try:
            weight = float(quality or 1)
        except ValueError:
            weight = 0.0
        ranked.append((-weight, at, name.split("-")[0].lower()))
    return next((code for _, _, name in sorted(ranked) for code in LANGUAGES if code == name), "en")
