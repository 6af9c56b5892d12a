"""Studies of an open state folder: forgetting, break-even, checklist, data curve, method table."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.errors import InputError
from assistant.progress import Cancelled, Progress

if TYPE_CHECKING:
    from assistant.services import Services
    from assistant.studies.workshop import Workshop
    from eval.reports.blocks import Section

LATEST = "latest"


def forgetting(
    services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled
) -> dict[str, Any]:
    """Measure what an installed ``adapter`` forgot (``full``: on all texts) and store it beside the adapter.

    Returns:
        ``document`` is the forgetting report, ``terminal`` its table as text.

    Raises:
        InputError: no such adapter, or it was made for another base than the one that is open.
    """
    from assistant.adapters import get_adapter
    from assistant.studies.after import measure_adapter
    from eval.cost_words import cost_word
    from eval.report_costs import forgetting_table
    from eval.reports.blocks import Section

    found = measure_adapter(
        get_adapter(services.home, str(params["adapter"])),
        services.pool.get("default"),
        home=services.home,
        full=bool(params.get("full")),
        progress=progress,
        cancelled=lambda: cancelled() or services.closing.is_set(),
    )
    document = found.to_json()
    section = Section("forgetting", cost_word("forgetting"), (forgetting_table(document),))
    return {"document": document, "terminal": _text([section])}


def break_even(
    services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled
) -> dict[str, Any]:
    """Work out a finished ``run``'s break-even again: with a table ``prices``, a ``volume``, ``retrains`` a month.

    Raises:
        InputError: no such run, it has no tuned variant, or the price table is bad.
    """
    from eval.price import price_files, priced
    from eval.prices import load_prices
    from eval.report_costs import break_even_section

    document = _run(services, str(params["run"]))
    stored = document.get("break_even") or {}
    if "measured" not in stored:
        raise InputError(f"run {document['run']!r} has no tuned variant to weigh", "run a suite that has one")
    named = Path(str(params["prices"])) if params.get("prices") else None
    if named and not named.is_file():
        raise InputError(f"no price table at {str(named)!r}", "give the path of a YAML file")
    prices = load_prices(price_files(services.home.root, named))
    wanted = {"requests_per_month": params.get("volume"), "retrains_per_month": params.get("retrains")}
    given = {key: float(value) for key, value in wanted.items() if value is not None}
    if any(value < 0 for value in given.values()):
        raise InputError("a volume or retrain rhythm below 0", "give a number of at least 0")
    found = priced(stored, prices.changed(**given))
    section = break_even_section({**document, "break_even": found})
    return {"document": {"run": document["run"], **found}, "terminal": _text([section] if section else [])}


def checklist(services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled) -> dict[str, Any]:
    """Return the checklist of when and why to tune, filled from a finished ``run``.

    Raises:
        InputError: no such run.
    """
    from eval.checklist import checklist as fill
    from eval.checklist import checklist_section

    document = _run(services, str(params["run"]))
    lines = [line.to_json() for line in fill(document)]
    return {"document": {"run": document["run"], "checklist": lines}, "terminal": _text(checklist_section(document))}


def curve(services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled) -> dict[str, Any]:
    """Train ``variant`` of ``suite`` on growing parts of its data (``recipe``) and say whether more would help.

    Raises:
        InputError: no such suite, variant or recipe, or the suite has no validation items.
        CancelledError: cancelled; what is finished is kept.
    """
    from assistant.operations.evaluation import find_suite
    from assistant.studies.curve import study_curve
    from eval.report_costs import curve_section
    from eval.suite import load_suite
    from tuning.schema import load_recipe

    suite, variant = load_suite(find_suite(services, str(params["suite"]))), str(params["variant"])
    document = study_curve(
        suite,
        variant,
        load_recipe(_recipe(services, suite, variant, params.get("recipe"))),
        _workshop(services, progress, cancelled),
        seeds=int(params.get("seeds") or 1),
    )
    section = curve_section(document)
    return {"document": document, "terminal": _text([section] if section else [])}


def method_table(
    services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled
) -> dict[str, Any]:
    """Train every method on a ``recipe``'s data and ask each the items of ``suite`` in the place of ``variant``.

    Raises:
        InputError: no such suite, variant or recipe.
        CancelledError: cancelled; what is finished is kept.
    """
    from assistant.operations.evaluation import find_suite
    from assistant.studies.methods import study_methods
    from eval.method_table import method_section
    from eval.suite import load_suite
    from tuning.schema import load_recipe

    document = study_methods(
        load_suite(find_suite(services, str(params["suite"]))),
        str(params["variant"]),
        load_recipe(Path(str(params["recipe"]))),
        _workshop(services, progress, cancelled),
        items=int(params.get("items") or 0),
    )
    return {"document": document, "terminal": _text([method_section(document)])}


def _workshop(services: "Services", progress: Progress, cancelled: Cancelled) -> "Workshop":
    from assistant.studies.workshop import Workshop

    def stop() -> bool:
        return cancelled() or services.closing.is_set()

    return Workshop(services.settings, services.home, services.pool, services.library, progress, stop)


def _recipe(services: "Services", suite: Any, variant: str, given: Any) -> Path:
    """Return the recipe file that was named, else the shipped or own one of the variant's adapter."""
    from assistant.paths import data_root
    from eval.runner import resolve

    if given:
        return Path(str(given))
    adapter = next((spec.adapter for spec in resolve(suite, services.variants) if spec.name == variant), None)
    for folder in (services.home.root / "tune", data_root() / "demo" / "tune"):
        if adapter and (folder / f"{adapter}.yaml").is_file():
            return folder / f"{adapter}.yaml"
    raise InputError(f"no recipe is known for variant {variant!r}", "name the recipe file with --recipe FILE.yaml")


def _run(services: "Services", wanted: str) -> dict[str, Any]:
    """Return the document of a finished run by name, or of the newest one."""
    from eval.record import RESULT
    from eval.run_folder import find_run, finished_runs

    if wanted == LATEST:
        runs = finished_runs(services.home.runs)
        if not runs:
            raise InputError("there is no finished run yet", "joyul eval run SUITE makes the first one")
        return dict(runs[0]["result"])
    return dict(json.loads((find_run(services.home.runs, wanted) / RESULT).read_text(encoding="utf-8")))


def _text(sections: "list[Section]") -> str:
    from eval.reports.terminal import sections_text

    return sections_text(sections)
