"""``joyul tune``: train adapters as jobs that outlive this command, the page and the server."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assistant.cli.screen import duration
from assistant.cli.shared import Run, command
from assistant.cli.tune_jobs import JobArgument, cancel, children_lines, job_named, list_, logs, pause, show
from assistant.cli.tune_plan import plan
from assistant.cli.tune_probe import probe
from assistant.cli.tune_table import table
from assistant.errors import KINDS, CancelledError, InputError, UsageError

if TYPE_CHECKING:
    from assistant.jobs.record import JobFolder, Record
    from assistant.paths import Home
    from assistant.peers import Peer
    from assistant.schema import Passage


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(help="Train adapters.", no_args_is_help=True)
    command(group, "run", "tune run")(run_)
    command(group, "plan", "tune plan")(plan)
    command(group, "table", "tune table")(table)
    command(group, "list", "tune list")(list_)
    command(group, "show", "tune show")(show)
    command(group, "logs", "tune logs")(logs)
    command(group, "cancel", "tune cancel")(cancel)
    command(group, "pause", "tune pause")(pause)
    command(group, "resume", "tune resume")(resume)
    command(group, "work", "tune work", hidden=True)(work)
    command(group, "probe", "tune probe", hidden=True)(probe)
    app.add_typer(group, name="tune")


class PeerRetriever:
    """A :class:`assistant.protocols.Retriever` that asks whoever owns the state folder."""

    def __init__(self, peer: "Peer", collection: str) -> None:
        self._peer = peer
        self._collection = collection

    def search(self, query: str, k: int) -> "list[Passage]":
        """Return at most ``k`` passages, best first."""
        from assistant.schema import Passage

        params = {"query": query, "k": k, "collection": self._collection, "full": True}
        return [Passage(**each) for each in self._peer.call("docs.search", params)["passages"]]


@contextmanager
def preparation(run: Run) -> Iterator[Callable[[str], PeerRetriever]]:
    """Yield a way to retrieve; the state folder is given back at the end, once the rows are rendered."""
    with ExitStack() as held:
        opened: list[Peer] = []

        def retriever_for(collection: str) -> PeerRetriever:
            if not opened:
                opened.append(held.enter_context(run.peer(any_model=True)))
            return PeerRetriever(opened[0], collection)

        yield retriever_for


def run_(
    run: Run,
    file: Annotated[Path, typer.Argument(help="A training recipe (YAML).")],
    detach: Annotated[
        bool, typer.Option("--detach", help="Return at once; see the job with: joyul tune show.")
    ] = False,
    forgetting: Annotated[bool, typer.Option(help="Measure what the adapter forgot: general text and probes.")] = True,
) -> None:
    """Train an adapter by a recipe; it appears in every picker the moment it is complete."""
    if not file.is_file():
        raise InputError(f"no recipe at {str(file)!r}", "check the path", adapter=None, status="failed")
    settings = run.settings()
    from assistant.jobs.launch import enqueue, refuse_taken
    from assistant.owner import create
    from assistant.paths import Home
    from tuning.prepare import prepare
    from tuning.run import terminable
    from tuning.schema import After, load_recipe
    from tuning.together import launched

    home = Home(settings.home)
    create(home)
    recipe = load_recipe(file.absolute())
    if not forgetting:
        recipe = recipe.model_copy(update={"after": After(forgetting=False)})
    with terminable(), preparation(run) as retriever_for:

        def prepared() -> "JobFolder":
            refuse_taken(home, "tune", recipe.name)
            progress = run.screen.progress
            return prepare(recipe, home=home, settings=settings, retriever_for=retriever_for, progress=progress)

        if launched():
            if recipe.grid:
                raise UsageError(
                    "a grid is several runs, each by several processes", "take 'grid' out, or start it without"
                )
            _together(run, prepared, home, settings.model_named(recipe.model).device == "cpu")
            return
        job = prepared()
    enqueue(job)
    if detach:
        run.screen.document({"job": job.id, "adapter": recipe.name, "status": "queued"}, f"job {job.id}: queued")
        return
    _watch(run, job)


def _together(run: Run, prepared: "Callable[[], JobFolder]", home: "Home", cpu: bool) -> None:
    """Train in this process, one of several that a launcher started; the leading one shows what it came to."""
    from assistant.studies.after import train_and_measure
    from tuning.together import run_together

    def queued() -> "JobFolder":
        job = prepared()
        job.update(state="queued", queued=time.time())
        return job

    record = run_together(queued, train_and_measure, home, cpu)
    if record is not None:
        _show_end(run, record)


def _watch(run: Run, job: "JobFolder") -> None:
    """Show a job until it ends; Ctrl-C cancels it, a lost terminal does not."""
    from assistant.jobs.launch import cancel as wish_cancel
    from assistant.jobs.launch import follow
    from tuning.run import terminable

    with terminable():
        try:
            _show_events(run, job)
        except (KeyboardInterrupt, SystemExit):
            with _deaf():
                wish_cancel(job)
                for _ in follow(job):
                    pass
            raise
    _show_end(run, job.read())


def _show_end(run: Run, record: "Record") -> None:
    if record.state == "failed":
        raise KINDS.get(record.error_kind, InputError)(
            record.error, record.hint, adapter=record.name, status="failed", job=record.id
        )
    if record.state != "succeeded":
        document = {"adapter": record.name, "status": record.state, "job": record.id}
        hint = f"joyul tune resume {record.id}"
        raise CancelledError(f"job {record.id} is {record.state}", hint, **document)
    made = dict(record.result)
    spent = f"{duration(made['seconds'])}, {made['peak_memory_mb']:.0f} MB"
    loss = f"loss {made['first_loss']} -> {made['final_loss']}"
    text = f"{made['adapter']}: {made['status']} in {spent}, {loss}"
    run.screen.document(made, "\n".join([*children_lines(made.get("grid", [])), text]))


@contextmanager
def _deaf() -> Iterator[None]:
    """Ignore further signals while a cancelled job comes to its end, a matter of one step."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _show_events(run: Run, job: "JobFolder") -> None:
    from assistant.jobs.launch import follow, place_of

    for event in follow(job):
        if event.get("state") == "queued":
            place = place_of(job)
            if place is not None:
                left = f", about {duration(place.seconds)} left" if place.seconds else ""
                run.screen.note(f"waiting for job {place.waits_for}{left} ({place.ahead} ahead)")
        run.screen.progress(event)


def resume(
    run: Run,
    job: JobArgument,
    detach: Annotated[bool, typer.Option("--detach", help="Return at once.")] = False,
) -> None:
    """Let a paused, failed, cancelled or killed job go on from its newest checkpoint."""
    from assistant.jobs.launch import enqueue, may_resume
    from tuning.prepare import MODEL
    from tuning.run import terminable
    from tuning.together import launched

    folder = job_named(run, job)
    if launched():

        def again() -> "JobFolder":
            may_resume(folder)
            return folder

        with terminable():
            _together(run, again, folder.home, folder.load(MODEL)["device"] == "cpu")
        return
    may_resume(folder)
    enqueue(folder)
    if detach:
        run.screen.document({"job": folder.id, "status": "queued"}, f"job {folder.id}: queued")
        return
    _watch(run, folder)


def work(run: Run, job: JobArgument) -> None:
    """Carry out a prepared job; other commands start this process."""
    from assistant.jobs.record import GRID
    from assistant.jobs.worker import carry_out
    from tuning.run import terminable

    folder = job_named(run, job)
    with terminable():
        if (folder.path / GRID).is_file():
            from tuning.grid import conduct

            carry_out(folder, conduct)
        else:
            from assistant.studies.after import train_and_measure

            carry_out(folder, train_and_measure)
