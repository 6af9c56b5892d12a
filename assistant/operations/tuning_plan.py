"""Before a training: what it would train on, what it would cost, and whether it fits; nothing is kept."""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from assistant.errors import JoyulError, ResourceError, from_dict
from assistant.jobs.record import JobFolder, jobs_of
from assistant.operations.tuning import RECIPE, jobs
from assistant.operations.tuning_sources import read_recipe
from assistant.paths import Home
from assistant.progress import Cancelled, Progress

if TYPE_CHECKING:
    from assistant.services import Services
    from tuning.schema import TuneRecipe

PLAN = "plan"
POLL_SECONDS = 0.2


def plan(services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled) -> dict[str, Any]:
    """Report on what a recipe (YAML) would train on and, with ``probe``, what it would cost; nothing is kept.

    ``progress`` gets ``{"stage"}`` and, as soon as it is there, ``{"report"}``. The result's ``settings`` are
    the hyper-parameters with a number for every automatic one, ``reasons`` say why it is that one.

    The ``estimate`` also says ``energy`` and ``money`` by the price table in force, as far as it knows them.

    Raises:
        UsageError, InputError, UnavailableError, ResourceError: as the training itself; one that cannot fit into
            memory names the setting that would make it fit.
    """
    from tuning.prepare import prepare

    # Of a grid, the run that its own values say.
    asked = read_recipe(str(params["recipe"]), services.home).model_copy(update={"grid": {}})
    _sweep(services)
    job = JobFolder.create(services.home, PLAN, asked.name)
    chosen: dict[str, Any] = {}
    try:
        progress({"stage": "reading"})
        prepare(
            asked,
            home=services.home,
            settings=services.settings,
            retriever_for=services.library.retriever,
            progress=lambda event: chosen.update(event) if event.get("phase") == "settings" else None,
            job=job,
        )
        report = _report(services, asked, job)
        progress({"stage": "probing" if params.get("probe", True) else "reported", "report": report})
        busy = any(other.read().state == "running" for other in jobs(services))
        cost = _probe(job, cancelled) if params.get("probe", True) else None
        if cost is not None:
            cost |= bill(services.home, float(cost["seconds"]), float(cost["low"]), float(cost["high"]))
    finally:
        shutil.rmtree(job.path, ignore_errors=True)
    settled = {key: chosen.get(key, {}) for key in ("settings", "reasons")}
    return {"adapter": asked.name, "data": report, "estimate": cost, "busy": busy, **settled}


def _report(services: "Services", asked: "TuneRecipe", job: JobFolder) -> dict[str, Any]:
    from tuning.base import open_base
    from tuning.methods import load_method
    from tuning.preferences import read_training
    from tuning.prepare import FACTS, ROWS, read_rows
    from tuning.report import data_report

    tokenizer = open_base(services.settings.model_named(asked.model), weights=False).encoder.tokenizer
    examples = read_training(asked.path(asked.data), load_method(asked.method).rows, asked.encoding)
    rows = read_rows(job.path / ROWS)
    return data_report(rows, examples, job.load(FACTS), tokenizer, _held_out(services)).to_json()


def _held_out(services: "Services") -> Mapping[str, Sequence[str]]:
    """Return the questions of every evaluation suite that can be read, by its name."""
    from eval.suite import load_suite

    found: dict[str, list[str]] = {}
    for path in services.suites():
        with suppress(JoyulError):
            suite = load_suite(path)
            found[suite.name] = [item.question for item in suite.items if not item.history]
    return found


def bill(home: Home, *seconds: float) -> dict[str, Any]:
    """Return ``energy`` and ``money`` of a training by the price table, for some lengths; a broken table says why.

    ``money`` holds ``currency``, ``amounts`` (one a length) and ``other`` (currency and the first amount in it),
    ``energy`` the kilowatt-hours, None where the table knows no watts and the hour's price includes them.
    """
    from eval.price import price_files
    from eval.prices import load_prices

    try:
        prices = load_prices(price_files(home.root))
    except JoyulError as error:
        return {"energy": None, "money": {"error": error.message}}
    amounts = [prices.training(each) for each in seconds]
    energy = [each * prices.training_watts / 3.6e6 for each in seconds] if prices.training_watts else None
    source = prices.origins["training_hour"]
    money = {"currency": prices.currency, "amounts": amounts, "other": prices.other(amounts[0]), "source": source}
    return {"energy": energy, "money": money}


def _probe(job: JobFolder, cancelled: Cancelled) -> dict[str, Any] | None:
    """Return the trial steps' figures, None if cancelled.

    Raises:
        ResourceError: they ran out of memory; names a smaller batch that did not, if there is one.
    """
    wanted = job.load(RECIPE)
    values, short = wanted, None
    while True:
        try:
            found = _trial(job, cancelled)
        except ResourceError as error:
            short = short or error
            values = smaller(values) if error.details.get("out_of_memory") else None
            if values is None:
                raise short from None
            job.save(RECIPE, values)
            continue
        if short is None or found is None:
            return found
        batch, times, size = values["batch_size"], values["accumulate"], found["memory_mb"]
        raise ResourceError(
            f"training {wanted['name']!r} does not fit with batch_size {wanted['batch_size']}",
            f"batch_size: {batch} and accumulate: {times} would fit, in about {size:,.0f} MB",
        )


def smaller(recipe: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a recipe's values with half the batch and as many rows an update; None where a batch is one row."""
    batch = int(recipe["batch_size"])
    if batch < 2:
        return None
    half = batch // 2
    return {**recipe, "batch_size": half, "accumulate": -(-batch * int(recipe["accumulate"]) // half)}


def _trial(job: JobFolder, cancelled: Cancelled) -> dict[str, Any] | None:
    """Measure ten steps in a process of their own, whose memory is then the training's alone; None if cancelled."""
    command = [sys.executable, "-m", "assistant", "tune", "probe", job.id, "--home", str(job.home.root), "--json"]
    answer = job.path / "probe.json"
    with answer.open("wb") as out:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.DEVNULL, cwd=job.home.root
        )
        try:
            while child.poll() is None:
                if cancelled():
                    return None
                with suppress(subprocess.TimeoutExpired):
                    child.wait(POLL_SECONDS)
        finally:
            child.kill()
            child.wait()
    try:
        document: dict[str, Any] = json.loads(answer.read_text("utf-8"))
    except ValueError:
        hint = "free memory, or lower batch_size or max_length"
        said = "the ten trial steps ended without a result (out of memory?)"
        raise ResourceError(said, hint, out_of_memory=True) from None
    if "error" in document:
        raise from_dict(document)
    return document


def _sweep(services: "Services") -> None:
    """Remove what a killed server left of its plans."""
    for job in jobs_of(services.home):
        with suppress(JoyulError):
            process = job.process()
            if job.stored().kind == PLAN and (process is None or not process.alive()):
                shutil.rmtree(job.path, ignore_errors=True)
