"""Running an evaluation suite inside the process that owns the state folder."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.errors import InputError
from assistant.lazy import nearest

if TYPE_CHECKING:
    from assistant.services import Services

Progress = Callable[[dict[str, Any]], None]
Cancelled = Callable[[], bool]


def run(services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled) -> dict[str, Any]:
    """Run ``suite`` (a path, or the name of a shipped or own suite).

    Returns:
        ``document`` is the ``eval run --json`` document, ``terminal`` the report as text, and
        ``folder`` where the Markdown and HTML reports lie.
    """
    from eval.reports.terminal import to_terminal
    from eval.runner import run_suite
    from eval.suite import load_suite

    suite = load_suite(find_suite(services, str(params["suite"])))
    result = run_suite(
        suite,
        variants=services.variants,
        library=services.library,
        runs=services.home.runs,
        progress=progress,
        cancelled=lambda: cancelled() or services.closing.is_set(),
    )
    folder = services.home.runs / result.run
    return {"document": result.to_json(), "terminal": to_terminal(result.to_json()), "folder": str(folder)}


def find_suite(services: "Services", wanted: str) -> Path:
    """Return the suite at a path, or the shipped or own one of that name.

    Raises:
        InputError: there is neither.
    """
    path = Path(wanted)
    if path.is_file():
        return path
    known = {suite.stem: suite for suite in services.suites()}
    if wanted in known:
        return known[wanted]
    raise InputError(f"no suite at {wanted!r}", nearest(path.stem, known))
