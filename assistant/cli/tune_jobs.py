"""Jobs seen from outside: ``joyul tune list | show | logs | cancel | pause``. They read and leave wishes on disk."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assistant.cli.shared import Run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from assistant.jobs.record import JobFolder, Record

JobArgument = Annotated[str, typer.Argument(help="A job's id, or its adapter's name.")]


def job_named(run: Run, key: str) -> "JobFolder":
    """Return a job of the state folder by its id or its adapter's name.

    Raises:
        InputError: there is none.
    """
    from assistant.jobs.record import open_job
    from assistant.paths import Home

    return open_job(Home(run.settings().home), key)


def _described(job: "JobFolder") -> dict[str, Any]:
    """Return everything a person may want to know of a job, as plain JSON values."""
    from assistant.jobs.launch import last_progress, place_of, sample_answers
    from assistant.jobs.record import folder_size
    from tuning.grid import described

    record = job.read()
    place = place_of(job) if record.state == "queued" else None
    waits = {"job": place.waits_for, "ahead": place.ahead, "seconds": place.seconds} if place else None
    return {
        **record.to_json(),
        "progress": last_progress(job),
        "samples": sample_answers(job)[-1:],
        "children": described(job),
        "waits_for": waits,
        "silent_seconds": job.silent_seconds() if record.state == "running" else None,
        "megabytes": round(folder_size(job.path) / 1e6, 1),
    }


def _line(record: "Record", progress: dict[str, Any]) -> str:
    done = f" {progress['step']}/{progress['steps']}, loss {progress['loss']:.3f}" if progress else ""
    why = f": {record.error} ({record.hint})" if record.error else ""
    return f"{record.id}  {record.state}{done}{why}"


def children_lines(rows: "Sequence[Mapping[str, Any]]") -> list[str]:
    """Return a grid's children, a line each; the one with the least loss on held-out rows is marked."""
    losses = [row["validation_loss"] for row in rows if row["validation_loss"] is not None]
    lines = []
    for row in rows:
        values = ", ".join(f"{key} {value}" for key, value in row["values"].items())
        loss = row["validation_loss"]
        told = f", validation loss {loss:.3f}" if loss is not None else f": {row['error']}" if row["error"] else ""
        best = "  <- best" if loss is not None and loss == min(losses) else ""
        lines.append(f"  {row['adapter']}  {row['state']}  {values}{told}{best}")
    return lines


def list_(run: Run) -> None:
    """List all jobs, oldest first."""
    from assistant.jobs.launch import last_progress
    from assistant.jobs.record import families, jobs_of
    from assistant.paths import Home

    rows = [(job.read(), last_progress(job)) for job in families(jobs_of(Home(run.settings().home)))]
    document = {"jobs": [{**record.to_json(), "progress": progress} for record, progress in rows]}
    lines = [("  " if row[0].parent else "") + _line(*row) for row in rows]
    run.screen.document(document, "\n".join(lines) or "no jobs yet: joyul tune run FILE.yaml")


def show(run: Run, job: JobArgument) -> None:
    """Show how a job stands, why it waits, what it came to, and its newest answers to held-out prompts."""
    folder = job_named(run, job)
    document = _described(folder)
    lines = [_line(folder.read(), document["progress"]), *children_lines(document["children"])]
    for row in (row for each in document["samples"] for row in each["samples"]):
        lines.append(f"  {row['prompt']!r}: {row['answer']!r} (expected {row['expected']!r})")
    run.screen.document(document, "\n".join(lines))


def logs(
    run: Run,
    job: JobArgument,
    going: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the job ends.")] = False,
) -> None:
    """Print a job's events, one JSON object a line."""
    from assistant.jobs.launch import follow

    folder = job_named(run, job)
    events = follow(folder) if going else iter(folder.events()[0])
    kept = []
    for event in events:
        kept.append(event)
        run.screen.piece(json.dumps(event, ensure_ascii=False) + "\n")
    run.screen.document({"job": folder.id, "events": kept})


def cancel(run: Run, job: JobArgument) -> None:
    """End a job after its current step; nothing is installed."""
    from assistant.jobs.launch import cancel as wish_cancel

    folder = job_named(run, job)
    record = wish_cancel(folder)
    run.screen.document({"job": folder.id, "status": record.state}, f"job {folder.id}: will end after its current step")


def pause(run: Run, job: JobArgument) -> None:
    """Stop a job at a checkpoint; resume it later."""
    from assistant.jobs.launch import pause as wish_pause

    folder = job_named(run, job)
    record = wish_pause(folder)
    run.screen.document(
        {"job": folder.id, "status": record.state}, f"job {folder.id}: will pause after its current step"
    )
