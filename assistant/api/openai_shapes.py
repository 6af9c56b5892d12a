"""What OpenAI's clients expect of every answer: lists in pages, and errors as objects."""

from collections.abc import Callable, Sequence
from typing import Any

from fastapi.responses import JSONResponse, Response

from assistant.errors import InputError, JoyulError, UsageError
from assistant.logs import explain

STATUS = {
    "usage": 400,
    "input": 400,
    "unavailable": 503,
    "resource": 507,
    "in_use": 409,
    "damaged": 500,
    "refused": 403,
}
MOST_ROWS = 100


def answered(work: Callable[[], dict[str, Any] | Response]) -> Response:
    """Return what ``work`` returns, or its failure as an error object with the right status."""
    try:
        made = work()
    except Exception as error:
        known = explain(error)
        status = 404 if known.details.get("missing") else STATUS.get(known.kind, 500)
        return JSONResponse(error_object(known), status)
    return made if isinstance(made, Response) else JSONResponse(made)


def error_object(error: JoyulError) -> dict[str, Any]:
    """Return an error as OpenAI's clients know it."""
    text = f"{error.message}. {error.hint}".strip(". ")
    kind = "invalid_request_error" if isinstance(error, (UsageError, InputError)) else error.kind
    param = error.details.get("param")
    return {"error": {"message": text, "type": kind, "param": param, "code": error.kind}}


def page_of(rows: Sequence[dict[str, Any]], after: str = "", limit: int = 20) -> dict[str, Any]:
    """Return the page of rows that follows the one with the id ``after``.

    Raises:
        InputError: no row has that id, or the limit is out of bounds.
    """
    if not 1 <= limit <= MOST_ROWS:
        raise InputError(f"limit is {limit}", f"choose 1 to {MOST_ROWS}", param="limit")
    start = 0
    if after:
        places = [at for at, row in enumerate(rows) if row["id"] == after]
        if not places:
            raise InputError(f"nothing has the id {after[:80]!r}", "start from the first page", param="after")
        start = places[0] + 1
    part = list(rows[start : start + limit])
    ends = {"first_id": part[0]["id"] if part else None, "last_id": part[-1]["id"] if part else None}
    return {"object": "list", "data": part, "has_more": start + limit < len(rows), **ends}
