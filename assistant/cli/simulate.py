"""``joyul eval simulate``: the verdict's rule tested on studies whose truth is known."""

from typing import Annotated

import typer

from assistant.cli.shared import Run
from assistant.errors import UsageError

CELLS = ("quick", "all")


def simulate(
    run: Run,
    studies: Annotated[int, typer.Option("--studies", help="Studies per cell.")] = 2000,
    seed: Annotated[int, typer.Option("--seed", help="Of all chance.")] = 0,
    cells: Annotated[str, typer.Option("--cells", help="quick: one of each kind; all: the whole grid.")] = "all",
) -> None:
    """How often the rule says "tune" falsely, finds what it says it can find, and holds the truth; no model needed."""
    if studies < 1:
        raise UsageError(f"--studies {studies}: expected at least 1", "2000 is usual")
    if cells not in CELLS:
        raise UsageError(f"--cells {cells!r:.40} is unknown", f"known: {', '.join(CELLS)}")
    from eval.simulation import studies as simulation

    def told(done: int, total: int) -> None:
        run.screen.progress({"stage": "simulation", "done": done, "total": total})

    chosen = simulation.quick() if cells == "quick" else simulation.grid()
    document = simulation.simulate(studies, seed, chosen, progress=told)
    run.screen.document(document, "\n".join(simulation.summary(document)))
