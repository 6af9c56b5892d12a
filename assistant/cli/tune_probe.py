"""``joyul tune probe``: ten trial steps of a prepared job, in a process whose memory is theirs alone."""

from pathlib import Path

from assistant.cli.shared import Run
from assistant.cli.tune_jobs import JobArgument, job_named


def probe(run: Run, job: JobArgument) -> None:
    """Measure what a prepared job would cost; the page starts this process."""
    from tuning.estimate import estimate
    from tuning.prepare import RECIPE
    from tuning.run import terminable
    from tuning.schema import TuneRecipe

    folder = job_named(run, job)
    values = folder.load(RECIPE)
    with terminable():
        cost = estimate(folder, TuneRecipe(**{**values, "file": Path(values["file"])}))
    run.screen.document(cost.to_json(), f"about {cost.seconds:.0f} s, {cost.memory_mb:.0f} MB")
