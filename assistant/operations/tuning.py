"""Training from the page or another process: a start, and jobs as their folders tell of them."""

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from assistant.errors import JoyulError
from assistant.jobs.launch import cancel as wish_cancel
from assistant.jobs.launch import curve_of, enqueue, last_progress, may_resume, place_of, refuse_taken
from assistant.jobs.launch import pause as wish_pause
from assistant.jobs.record import LIVE, JobFolder, families, jobs_of, open_job
from assistant.logs import explain
from assistant.operations.tuning_sources import absolute, document_of, read_recipe, sources, to_yaml
from assistant.progress import Cancelled, Progress

if TYPE_CHECKING:
    from assistant.services import Services
    from tuning.schema import TuneRecipe

TUNE, RECIPE = "tune", "recipe.json"
CURVE_POINTS = 240


def list_sources(
    services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled
) -> dict[str, Any]:
    """Return everything that a training can start from."""
    return {"sources": sources(services)}


def recipe(services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled) -> dict[str, Any]:
    """Return the recipe of a ``source`` as a document and as YAML.

    Raises:
        InputError, UsageError: see :func:`assistant.operations.tuning_sources.document_of`.
    """
    document = document_of(services, str(params.get("source") or ""))
    return {"recipe": document, "yaml": to_yaml(document)}


def start(services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled) -> dict[str, Any]:
    """Start training a recipe (YAML): returns ``{"job"}`` at once, the data is checked while it validates.

    Raises:
        UsageError: the recipe is wrong.
        InputError: a job of that name is under way.
    """
    asked = read_recipe(str(params["recipe"]), services.home)
    refuse_taken(services.home, TUNE, asked.name)
    job = JobFolder.create(services.home, TUNE, asked.name)
    prepare_and_enqueue(services, asked, job)
    return {"job": job.id}


def prepare_and_enqueue(services: "Services", asked: "TuneRecipe", job: JobFolder) -> None:
    """Check and freeze a job's data in a thread, then put it in line; its record says how that went."""
    threading.Thread(target=_launch, args=(services, asked, job), daemon=True, name=f"prepare {job.id}").start()


def _launch(services: "Services", asked: "TuneRecipe", job: JobFolder) -> None:
    from tuning.prepare import prepare

    try:
        retriever_for = services.library.retriever
        prepare(asked, home=services.home, settings=services.settings, retriever_for=retriever_for, job=job)
        if job.wished() == "cancel":
            job.update(state="cancelled", ended=time.time())
        else:
            enqueue(job)
    except JoyulError:
        return  # the job's record says it
    except Exception as error:  # a thread has nobody to raise to
        explain(error)


def list_jobs(services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled) -> dict[str, Any]:
    """Return all training jobs, newest first but children under their parents, with how far the live ones are."""
    found = []
    for job in families(jobs(services)[::-1]):
        record = job.read()
        step = last_progress(job) if record.state in (*LIVE, "paused") else {}
        found.append(record.to_json() | {"progress": step})
    return {"jobs": found}


def show(services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled) -> dict[str, Any]:
    """Return a job by its id: state, place in line, curve, figures, its recipe as YAML, what its adapter forgot.

    ``samples`` holds the answers to held-out prompts before training and the newest ones.

    Raises:
        InputError: there is none.
    """
    from tuning.grid import described

    job = open_job(services.home, str(params.get("job") or ""))
    record, events = job.read(), job.events()[0]
    curve = curve_of(job, CURVE_POINTS)
    place = place_of(job) if record.state == "queued" else None
    answered = [{key: each[key] for key in ("step", "samples")} for each in events if "samples" in each]
    measuring = next((event for event in reversed(events) if event.get("stage") == "forgetting"), None)
    return record.to_json() | {
        "progress": last_progress(job),
        "curve": curve["loss"],
        "validation": curve["validation"],
        "samples": answered[:1] + answered[1:][-1:],
        "measuring": measuring if record.state == "running" else None,
        "waits_for": {"job": place.waits_for, "ahead": place.ahead, "seconds": place.seconds} if place else None,
        "wish": job.wished() if record.state in LIVE else None,
        "resumable": _resumable(job),
        "yaml": recipe_yaml(job),
        "children": described(job),
        "forgetting": _forgetting(services, record.name) if record.state == "succeeded" else None,
    }


def recipe_yaml(job: JobFolder) -> str:
    """Return a job's recipe as YAML with absolute paths and without what is as by default; "" before it is known."""
    from tuning.schema import TuneRecipe

    try:
        values = job.load(RECIPE)
        known = TuneRecipe(**values)
    except (OSError, ValueError):
        return ""
    document = known.model_dump(mode="json", exclude_defaults=True) | {"method": known.method}
    first = {key: document[key] for key in ("name", "method", "params") if key in document}
    return to_yaml(absolute(first | document, known))


def _resumable(job: JobFolder) -> bool:
    try:
        may_resume(job)
    except JoyulError:
        return False
    return True


def _forgetting(services: "Services", name: str) -> dict[str, Any] | None:
    from assistant.adapters import get_adapter
    from eval.forgetting import read_forgetting

    try:
        adapter = get_adapter(services.home, name)
        return read_forgetting(adapter.path, adapter.manifest.weights_hash)
    except JoyulError:
        return None  # removed since, or its report is damaged: nothing is known


def cancel(services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled) -> dict[str, Any]:
    """End a job after its current step.

    Raises:
        InputError: there is none, or it has ended.
    """
    return {"state": wish_cancel(open_job(services.home, str(params.get("job") or ""))).state}


def pause(services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled) -> dict[str, Any]:
    """Stop a job at a checkpoint.

    Raises:
        InputError: there is none, or it neither waits nor runs.
    """
    return {"state": wish_pause(open_job(services.home, str(params.get("job") or ""))).state}


def resume(services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled) -> dict[str, Any]:
    """Let a paused, failed or cancelled job go on from its newest checkpoint.

    Raises:
        InputError: there is none, or it cannot go on.
    """
    job = open_job(services.home, str(params.get("job") or ""))
    may_resume(job)
    enqueue(job)
    return {"state": job.read().state}


def jobs(services: "Services") -> list[JobFolder]:
    """Return the folders of training jobs, oldest first; plans, and what cannot be read, are not among them."""
    found = []
    for job in jobs_of(services.home):
        with suppress(JoyulError):
            if job.stored().kind == TUNE:
                found.append(job)
    return found
