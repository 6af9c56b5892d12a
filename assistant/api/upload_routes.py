"""OpenAI's files API, for training data and for the results of jobs."""

import csv
import io
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, UploadFile
from fastapi.responses import Response

from assistant import uploads
from assistant.api.openai_shapes import answered, page_of
from assistant.errors import InputError, UsageError
from assistant.jobs.record import open_job
from assistant.services import Services

PURPOSES = ("fine-tune", "user_data")
RESULTS = "results-"


def routes(services: Services) -> APIRouter:
    """Return ``/v1/files`` and what is under it."""
    router = APIRouter(prefix="/v1")
    home = services.home

    @router.post("/files")
    def create(file: Annotated[UploadFile, File()], purpose: Annotated[str, Form()]) -> Response:
        """Keep a file."""

        def work() -> dict[str, Any]:
            if purpose not in PURPOSES:
                raise UsageError(f"purpose {purpose[:40]!r} is not served", f"use one of: {', '.join(PURPOSES)}")
            return file_object(uploads.keep(home, file.filename or "", purpose, file.file))

        return answered(work)

    @router.get("/files")
    def list_(after: str = "", limit: int = 100, purpose: str = "") -> Response:
        """List the files, newest first."""
        kept = (upload for upload in uploads.every(home) if purpose in ("", upload.purpose))
        return answered(lambda: page_of([file_object(upload) for upload in kept], after, limit))

    @router.get("/files/{key}")
    def retrieve(key: str) -> Response:
        """Describe a file."""
        return answered(lambda: file_object(uploads.get(home, key)))

    @router.get("/files/{key}/content")
    def content(key: str) -> Response:
        """Return a file's bytes, as a download."""
        headers = {"content-disposition": "attachment", "x-content-type-options": "nosniff"}

        def work() -> Response:
            if key.startswith(RESULTS):
                curve = _curve(services, key.removeprefix(RESULTS))
                return Response(curve, media_type="text/csv; charset=utf-8", headers=headers)
            body = uploads.get(home, key).path.read_bytes()
            return Response(body, media_type="application/octet-stream", headers=headers)

        return answered(work)

    @router.delete("/files/{key}")
    def delete(key: str) -> Response:
        """Remove a file."""

        def work() -> dict[str, Any]:
            uploads.delete(home, key)
            return {"id": key, "object": "file", "deleted": True}

        return answered(work)

    return router


def file_object(upload: uploads.Upload) -> dict[str, Any]:
    """Return a file as OpenAI's clients know it."""
    return {
        "id": upload.id,
        "object": "file",
        "bytes": upload.bytes,
        "created_at": upload.created,
        "filename": upload.filename,
        "purpose": upload.purpose,
        "status": "processed",
    }


def _curve(services: Services, key: str) -> str:
    """Return a job's losses as CSV."""
    job = open_job(services.home, key)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["step", "train_loss", "valid_loss"])
    rows: dict[int, list[Any]] = {}
    for event in job.events()[0]:
        if "step" in event and ("loss" in event or "validation_loss" in event):
            row = rows.setdefault(int(event["step"]), ["", ""])
            row[0], row[1] = event.get("loss", row[0]), event.get("validation_loss", row[1])
    if not rows:
        raise InputError(f"job {key!r} has no results yet", "ask again when it runs", missing=True)
    writer.writerows([step, *values] for step, values in sorted(rows.items()))
    return out.getvalue()
