"""The app: routes, then the page, all behind the guard."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from assistant import __version__
from assistant.api import chat_routes, file_routes, owner_routes, tuning_routes, upload_routes
from assistant.api.guard import Guard
from assistant.api.owner_routes import Workers
from assistant.services import Services


def create_app(services: Services, token: str, workers: Workers | None = None, *, page: bool = True) -> FastAPI:
    """Build the app for one state folder.

    Args:
        services: the opened state folder.
        token: what other commands must show.
        workers: where operations under way are kept for the shutdown.
        page: whether the Gradio page is mounted.
    """
    app = FastAPI(title="Joyul", version=__version__, docs_url=None, redoc_url=None, openapi_url="/v1/openapi.json")

    @app.get("/health", include_in_schema=False)
    async def health() -> dict[str, str]:
        """Say that the app answers; without a thread, so that busy handlers cannot delay it."""
        return {"status": "ok"}

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        """Name the first wrong field."""
        first: dict[str, Any] = dict(error.errors()[0])
        where = ".".join(str(part) for part in first["loc"][1:])
        message = f"{where or 'body'}: {first['msg']}"
        fields = {"message": message, "type": "usage", "kind": "usage", "hint": "", "param": where, "code": "usage"}
        return JSONResponse({"error": fields}, 422)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        """Answer what the framework refuses (no such address, a form of too many parts) as everything else."""
        status = 413 if str(error.detail).startswith("Too many") else error.status_code
        fields = {"message": str(error.detail), "type": "refused", "param": None, "code": "refused"}
        return JSONResponse({"error": fields}, status, error.headers)

    app.include_router(owner_routes.routes(services, token, workers or Workers()))
    app.include_router(chat_routes.routes(services))
    app.include_router(file_routes.routes(services))
    app.include_router(upload_routes.routes(services))
    app.include_router(tuning_routes.routes(services))
    if page:
        from assistant.ui.app import mount

        app = mount(app, services)
    upload = services.settings.retrieval.file_megabytes * 1_000_000
    app.add_middleware(Guard, serve=services.settings.serve, upload_bytes=upload)
    return app
