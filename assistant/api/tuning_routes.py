"""OpenAI's fine-tuning API: the same jobs that ``joyul tune`` starts, lists and stops."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from assistant import uploads
from assistant.api.openai_shapes import answered, page_of
from assistant.api.tuning_shapes import API, CreateJob, checkpoint_objects, event_objects, job_object, recipe_of
from assistant.errors import InputError
from assistant.jobs.launch import cancel, enqueue, may_resume, pause
from assistant.jobs.record import JobFolder, Record, jobs_of
from assistant.operations.tuning import prepare_and_enqueue
from assistant.paths import Home
from assistant.services import Services


def routes(services: Services) -> APIRouter:
    """Return ``/v1/fine_tuning/jobs`` and what is under it."""
    router = APIRouter(prefix="/v1/fine_tuning/jobs")
    _starting(router, services)
    _looking(router, services.home)
    _steering(router, services.home)
    return router


def _found(home: Home, key: str) -> JobFolder:
    for job in jobs_of(home):
        if job.id == key:
            return job
    raise InputError(f"no job {key[:80]!r}", "see the list of jobs", missing=True)


def _starting(router: APIRouter, services: Services) -> None:
    home = services.home

    @router.post("")
    def create(request: CreateJob) -> Response:
        """Start a job; its files are checked while it is ``validating_files``."""

        def work() -> dict[str, Any]:
            training = uploads.get(home, request.training_file)
            validation = uploads.get(home, request.validation_file) if request.validation_file else None
            recipe = recipe_of(request, training, validation, services.settings)
            job = JobFolder.create(home, "tune", recipe.name)
            job.save(API, request.model_dump(mode="json"))
            prepare_and_enqueue(services, recipe, job)
            return job_object(job)

        return answered(work)


def _looking(router: APIRouter, home: Home) -> None:
    @router.get("")
    def list_(after: str = "", limit: int = 20) -> Response:
        """List the jobs, newest first."""
        return answered(lambda: page_of([job_object(job) for job in reversed(list(jobs_of(home)))], after, limit))

    @router.get("/{key}")
    def retrieve(key: str) -> Response:
        """Say how a job stands."""
        return answered(lambda: job_object(_found(home, key)))

    @router.get("/{key}/events")
    def events(key: str, after: str = "", limit: int = 20) -> Response:
        """List what happened, newest first."""
        return answered(lambda: page_of(event_objects(_found(home, key)), after, limit))

    @router.get("/{key}/checkpoints")
    def checkpoints(key: str, after: str = "", limit: int = 10) -> Response:
        """List the checkpoints that can be chatted with: the finished adapter."""
        return answered(lambda: page_of(checkpoint_objects(_found(home, key)), after, limit))


def _steering(router: APIRouter, home: Home) -> None:
    def acting(key: str, act: Callable[[JobFolder], Record | None]) -> Response:
        def work() -> dict[str, Any]:
            job = _found(home, key)
            act(job)
            return job_object(job)

        return answered(work)

    @router.post("/{key}/cancel")
    def cancel_(key: str) -> Response:
        """End a job."""
        return acting(key, cancel)

    @router.post("/{key}/pause")
    def pause_(key: str) -> Response:
        """Stop a job at a checkpoint."""
        return acting(key, pause)

    @router.post("/{key}/resume")
    def resume(key: str) -> Response:
        """Let a job go on."""

        def go_on(job: JobFolder) -> None:
            may_resume(job)
            enqueue(job)

        return acting(key, go_on)
