"""``joyul eval gate``: a finished run against limits, as an exit code for CI."""

from typing import Annotated

import typer

from assistant.cli.evaluate_shared import RunArgument
from assistant.cli.shared import Run
from assistant.errors import GateError, UsageError


def gate(
    run: Run,
    name: RunArgument = "latest",
    variant: Annotated[str, typer.Option(help="Whose figures count (default: the one the verdict chose).")] = "",
    least: Annotated[list[str] | None, typer.Option("--min", metavar="METRIC=0.5", help="A mean at least.")] = None,
    no_worse_than: Annotated[str, typer.Option(metavar="RUN", help="An earlier run on the same items.")] = "",
    margin: Annotated[float, typer.Option(min=0.0, max=1.0, help="How much worse still counts as no worse.")] = 0.02,
    max_forgetting: Annotated[float | None, typer.Option(help="Most relative change of loss on general text.")] = None,
    min_coverage: Annotated[float, typer.Option(min=0.0, max=1.0, help="Least share of scored items.")] = 0.9,
) -> None:
    """Exit 0 when every check holds and 9 when one does not; other failures keep their own codes."""
    params = {
        "run": name,
        "variant": variant,
        "least": limits(least or []),
        "no_worse_than": no_worse_than,
        "margin": margin,
        "forgetting": max_forgetting,
        "coverage": min_coverage,
    }
    with run.peer(any_model=True) as peer:
        found = peer.call("eval.gate", params)
    lines = [f"{'pass' if each['passed'] else 'FAIL'}  {each['check']}: {each['text']}" for each in found["checks"]]
    shown = "\n".join([f"{found['run']} · {found['variant']}", *lines])
    if found["passed"]:
        run.screen.document(found, shown)
        return
    if not run.as_json:
        run.screen.document(found, shown)
    failed = [each["check"] for each in found["checks"] if not each["passed"]]
    raise GateError(f"the gate is closed: {', '.join(failed)}", "joyul eval report shows the run", **found)


def limits(texts: list[str]) -> dict[str, float]:
    """Return ``METRIC=VALUE`` texts as a mapping.

    Raises:
        UsageError: one is not of that form, or its value is no fraction.
    """
    found: dict[str, float] = {}
    for text in texts:
        metric, _, value = text.partition("=")
        try:
            found[metric.strip()] = float(value)
        except ValueError:
            raise UsageError(f"--min {text!r:.60} has no number", "write it as METRIC=0.5") from None
        if not 0.0 <= found[metric.strip()] <= 1.0:
            raise UsageError(f"--min {text!r:.60} is outside 0..1", "scores are fractions: 0.5 is 50 points")
    return found
