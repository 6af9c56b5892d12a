"""One run by several processes: ``accelerate launch --multi_gpu --num_processes 2 -m assistant tune run FILE``.

The first process prepares the data and leads the job as any other is led; the others load the frozen rows, take
their share of every batch, and write nothing but scratch files of their own. With ``--use_fsdp`` they also share the
model, see :mod:`tuning.sharding`.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from assistant.errors import UsageError
from assistant.jobs.record import JobFolder, Record
from assistant.jobs.worker import carry_out
from assistant.paths import Home
from tuning import sharding
from tuning.methods import METHODS, load_method
from tuning.prepare import frozen_recipe
from tuning.processes import agree, leads, world
from tuning.train import help_along

# The others wait while the leading one renders rows or stands in line.
PATIENCE = timedelta(days=7)


def launched() -> bool:
    """Return whether a launcher (accelerate, torchrun) started this process as one of several."""
    import torch.distributed as dist

    return dist.is_available() and dist.is_torchelastic_launched()


def run_together(
    prepared: Callable[[], JobFolder], work: Callable[[JobFolder], Mapping[str, Any]], home: Home, cpu: bool
) -> Record | None:
    """Train one adapter in all processes of a launcher.

    Args:
        prepared: makes the job, in the leading process.
        work: trains it there, see :func:`tuning.train.train`.
        home: the state folder, which all processes see.
        cpu: train on the CPU even where a GPU is.

    Returns:
        How the job ended; None in the processes that only helped.

    Raises:
        UsageError: the batch cannot be shared by so many.
        JoyulError: as for a single process.
    """
    import torch
    from accelerate import PartialState

    PartialState(cpu=cpu or not torch.cuda.is_available(), timeout=PATIENCE)
    try:
        if leads():
            return _lead(prepared, work)
        if key := agree(""):
            help_along(JobFolder(home, key))
        return None
    finally:
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()


def _lead(prepared: Callable[[], JobFolder], work: Callable[[JobFolder], Mapping[str, Any]]) -> Record:
    told: list[str] = []

    def start(job: JobFolder) -> Mapping[str, Any]:
        _refuse_unshared(job)
        told.append(agree(job.id))
        return work(job)

    try:
        job = prepared()
        return carry_out(job, start)
    finally:
        if not told:
            agree("")  # nobody has to wait for a job that will not come


def _refuse_unshared(job: JobFolder) -> None:
    recipe, count = frozen_recipe(job), world()
    method = load_method(recipe.method)
    least = count * (2 if method.rows == "labels" else 1)
    if sharding.asked() and not method.shards:
        able = ", ".join(name for name in METHODS if load_method(name).shards)
        raise UsageError(f"method {recipe.method!r} cannot be sharded", f"launch it without --use_fsdp; {able} can be")
    if recipe.batch_size % count or recipe.batch_size < least:
        raise UsageError(
            f"batch_size {recipe.batch_size} cannot be shared by {count} processes", f"take a multiple of {least}"
        )
