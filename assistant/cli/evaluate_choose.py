"""``joyul eval choose``: recipe, k, shots or adapter of a variant, chosen on the validation split."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from assistant.cli.screen import table
from assistant.cli.shared import Run
from assistant.errors import UsageError

T = TypeVar("T", int, str)


def choose(
    run: Run,
    suite: Annotated[str, typer.Argument(help="A suite file, or a shipped one's name.")],
    variant: Annotated[list[str], typer.Option(help="A variant of the suite; several with the option repeated.")],
    recipe: Annotated[str, typer.Option(help="Prompt recipes to try, separated by commas.")] = "",
    k: Annotated[str, typer.Option("--k", help="Numbers of passages to try, e.g. 1,2,3.")] = "",
    shots: Annotated[str, typer.Option(help="Numbers of examples to try, e.g. 2,4,8.")] = "",
    adapter: Annotated[str, typer.Option(help="Installed adapters (checkpoints, epochs) to try.")] = "",
) -> None:
    """Try candidates on the validation split only, as many for every variant, and say what to write into the suite."""
    params: dict[str, Any] = {
        "suite": str(Path(suite).absolute()) if Path(suite).is_file() else suite,
        "variants": list(variant),
        "recipe": values("--recipe", recipe, str),
        "k": values("--k", k, int),
        "shots": values("--shots", shots, int),
        "adapter": values("--adapter", adapter, str),
    }
    with run.peer() as peer:
        found = peer.call("eval.choose", params, run.screen.progress)
    run.screen.document(found, told(found))


def values(option: str, text: str, kind: Callable[[str], T]) -> list[T]:
    """Return the values of an option, separated by commas.

    Raises:
        UsageError: one of them is not of the right kind.
    """
    try:
        return [kind(each.strip()) for each in text.split(",") if each.strip()]
    except ValueError:
        raise UsageError(f"{option} {text!r:.60}: expected whole numbers", "separate them by commas: 1,2,3") from None


def told(found: dict[str, Any]) -> str:
    """Return every variant's candidates, best first, and the lines for the suite file."""
    parts = [f"{found['suite']}: {found['metric']} on {found['validation']} validation items"]
    for name, each in found["variants"].items():
        rows = [
            {key: row[key] for key in ("mean", "low", "high", "n")} | {"candidate": _flow(row["values"])}
            for row in each["ranked"]
        ]
        parts += ["", f"{name} ({each['trials']} trials)", table(rows, ("candidate", "mean", "low", "high", "n"))]
    parts += ["", "write into the suite:", "variants:"]
    parts += [f"  {name}: {_flow(each['best'])}" for name, each in found["variants"].items()]
    counts = {name: each["trials"] for name, each in found["variants"].items()}
    return "\n".join([*parts, f"trials: {_flow(counts)}"])


def _flow(entry: dict[str, Any]) -> str:
    """Return a mapping as one line of YAML."""
    return "{" + ", ".join(f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in entry.items()) + "}"
