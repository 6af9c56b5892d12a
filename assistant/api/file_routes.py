"""Documents, conversations and reports by id; an id is looked up, never joined to a path as it came."""

from pathlib import Path
from urllib.parse import quote

from fastapi import APIRouter
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from assistant.errors import InputError, JoyulError
from assistant.services import Services

REPORT = "report.html"
# A report is one self-contained file whose buttons need its inline script. In the sandbox it has no origin,
# so no cookie and no way to the app; it fetches nothing and cannot lead the window elsewhere.
REPORT_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; font-src data:; "
    "base-uri 'none'; form-action 'none'; sandbox allow-scripts allow-popups"
)
TEXT_POLICY = "default-src 'none'; sandbox"


def routes(services: Services) -> APIRouter:
    """Return ``/documents/{id}``, ``/chats.{ending}``, ``/reports/{run}`` and ``/reports/{run}/items``."""
    router = APIRouter()

    @router.get("/documents/{document}")
    def document(document: str) -> Response:
        """Return a document's extracted text as a download."""
        try:
            found = services.library.read(document)
        except JoyulError as error:
            return _missing(error)
        return _download(found.text, f"{Path(found.name).name}.txt")

    @router.get("/chats.{ending}")
    def chats(ending: str, c: str = "", language: str = "en") -> Response:
        """Return the conversation ``c``, or all, as a download: ``jsonl`` or ``md``."""
        from assistant.operations.chats import FORMATS, export

        form = next((name for name, known in FORMATS.items() if known == ending), ending)
        params = {"format": form, "conversation": c, "language": "ko" if language == "ko" else "en"}
        try:
            found = export(services, params, lambda _: None, lambda: False)
        except JoyulError as error:
            return _missing(error)
        return _download(found["text"], f"joyul-chats.{ending}")

    @router.get("/reports/{run}")
    def report(run: str) -> Response:
        """Return the HTML report of an evaluation."""
        runs = {folder.name: folder for folder in services.home.runs.iterdir() if (folder / REPORT).is_file()}
        if run not in runs:
            return _missing(InputError("no such report", "choose one from the list"))
        page = (runs[run] / REPORT).read_bytes()
        headers = {"content-security-policy": REPORT_POLICY, "cache-control": "no-store"}
        return Response(page, media_type="text/html; charset=utf-8", headers=headers)

    @router.get("/reports/{run}/items")
    def items(run: str) -> Response:
        """Return every question of an evaluation with all answers, for the item browser."""
        from assistant.operations.evaluation import items as items_of

        try:
            text = items_of(services, run)
        except JoyulError as error:
            return _missing(error)
        return Response(text, media_type="application/json", headers={"cache-control": "no-store"})

    return router


def _download(text: str, name: str) -> Response:
    headers = {
        "content-disposition": f"attachment; filename*=UTF-8''{quote(name)}",
        "content-security-policy": TEXT_POLICY,
        "x-content-type-options": "nosniff",
        "cache-control": "no-store",
    }
    return PlainTextResponse(text, headers=headers)


def _missing(error: JoyulError) -> Response:
    return JSONResponse(error.to_dict(), 404)
