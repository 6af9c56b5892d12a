"""``joyul serve``: the page and the API on one port."""

import logging
import os
import sys
import threading
from typing import TYPE_CHECKING, Annotated

import typer

from assistant.cli.shared import Run, command

if TYPE_CHECKING:
    from assistant.api.owner_routes import Workers
    from assistant.owner import Ownership
    from assistant.services import Services


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "serve")(serve)


def serve(
    run: Run,
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on (default 127.0.0.1).")] = None,
    port: Annotated[int | None, typer.Option("--port", help="Port (default 7860); 0 takes a free one.")] = None,
    page: Annotated[bool, typer.Option("--page/--no-page", help="Without the page: the API alone.")] = True,
) -> None:
    """Start the app; other commands go on working beside it."""
    settings = run.settings(serve__host=host, serve__port=port)
    from assistant.api.server import check_login, listen, serve_until_stopped, url_of
    from assistant.owner import acquire
    from assistant.paths import Home
    from assistant.peers import FIRST_USE

    check_login(settings.serve)
    home = Home(settings.home)
    ownership = acquire(home, "joyul serve")
    try:
        with listen(settings.serve) as listener:
            from assistant.api.app import create_app
            from assistant.api.owner_routes import Workers
            from assistant.services import Services

            url = url_of(listener)
            run.screen.note(f"opening {home.root}" if home.database.exists() else f"{FIRST_USE} ({home.root})")
            services = Services.open(settings)
            workers = Workers()
            try:
                app = create_app(services, ownership.owner.token, workers, page=page)

                def ready() -> None:
                    ownership.publish(url)
                    facts = {"url": url, "pid": ownership.owner.pid, "home": str(home.root)}
                    run.screen.document(facts, f"ready: {url}")
                    warm_up = threading.Thread(target=_warm_up, args=(services,), name="warm-up", daemon=True)
                    workers.start(warm_up, threading.Event())

                serve_until_stopped(app, listener, ready)
            finally:
                leave(services, workers, ownership)
    finally:
        ownership.release()


def leave(services: "Services", workers: "Workers", ownership: "Ownership") -> None:
    """Stop what runs and close; a thread deep in native code gets no more time than that.

    Nothing is lost then: whatever is on disk is whole at any moment. Python itself would abort on
    such a thread while it shuts down.
    """
    going = sys.exc_info()[1]
    services.closing.set()
    if workers.stop():
        services.close()
        return
    ownership.release()
    logging.shutdown()
    code = going.code if isinstance(going, SystemExit) else 130 if isinstance(going, KeyboardInterrupt) else 1
    sys.stdout.flush()
    os._exit(code if isinstance(code, int) else 1)


def _warm_up(services: "Services") -> None:
    """Load model and search before the first question; a failure will be shown when someone asks."""
    try:
        services.pool.get("default")
        services.library.retriever("documents").search("joyul", 1)
    except Exception:
        logging.getLogger("joyul").exception("warm-up failed")
