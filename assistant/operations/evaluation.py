"""Evaluations inside the process that owns the state folder: run, list, report, compare, rescore, gate."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.errors import InputError
from assistant.lazy import nearest
from assistant.progress import Cancelled, Progress

if TYPE_CHECKING:
    from assistant.services import Services
    from eval.judge.aids import Aids
    from eval.record import Record

FORMATS = ("terminal", "markdown", "html")


def run(services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled) -> dict[str, Any]:
    """Run ``suite`` (a path, or the name of a shipped or own suite), or take up the unfinished run ``resume``.

    Returns:
        ``document`` is the ``eval run --json`` document, ``terminal`` the report as text in ``language``,
        and ``folder`` where the reports lie.
    """
    from eval.reports.terminal import to_terminal
    from eval.run_folder import RunFolder, unfinished_runs
    from eval.runner import run_suite
    from eval.suite import load_suite

    wanted, resumed = str(params.get("suite", "")), str(params.get("resume") or "")
    if resumed:
        open_runs = {each.run: each.path for each in unfinished_runs(services.home.runs)}
        if resumed not in open_runs:
            raise InputError(f"no unfinished run {resumed!r:.120}", nearest(resumed, open_runs))
        wanted = open_runs[resumed]
    result = run_suite(
        load_suite(find_suite(services, wanted)),
        variants=services.variants,
        library=services.library,
        runs=services.home.runs,
        progress=progress,
        cancelled=lambda: cancelled() or services.closing.is_set(),
        aids=aids(services),
    )
    if resumed and result.run != resumed:  # suite or variants changed meanwhile, so a new run took its place
        RunFolder(services.home.runs / resumed).abandon()
    document = result.to_json()
    return {
        "document": document,
        "terminal": to_terminal(document, str(params.get("language", "en"))),
        "folder": str(services.home.runs / result.run),
    }


def aids(services: "Services") -> "Aids":
    """Return what metrics and the judge may use of the app: its embedder, its judge, people's votes."""
    from eval.arena.pairs import human_pairs
    from eval.judge.aids import Aids

    settings = services.settings
    return Aids(settings.retrieval.embedder, settings.judge, tuple(human_pairs(services.store.votes())))


def list_runs(services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled) -> dict[str, Any]:
    """Return finished runs (newest first), those that can be taken up again, and the suites there are."""
    from eval.run_folder import finished_runs, unfinished_runs

    runs = [_summary(each["run"], each["result"]) for each in finished_runs(services.home.runs)]
    unfinished = [{"run": each.run, "suite": each.suite} for each in unfinished_runs(services.home.runs)]
    suites = [{"suite": path.stem, "path": str(path)} for path in services.suites()]
    return {"runs": runs, "unfinished": unfinished, "suites": suites}


def _summary(name: str, result: dict[str, Any]) -> dict[str, Any]:
    return {
        "run": name,
        "suite": result.get("suite"),
        "created": result.get("created"),
        "base": result.get("base"),
        "items": result.get("declared", {}).get("items"),
        "verdict": result.get("verdict", {}).get("choice"),
        "reads": result.get("reads", {}).get("items"),
        "rescored_from": result.get("rescored_from", ""),
    }


def report(services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled) -> dict[str, Any]:
    """Return the ``document`` of ``run`` and its report as ``text`` in ``format``, made from what is stored."""
    from eval.reports.file import to_html
    from eval.reports.markdown import to_markdown
    from eval.reports.terminal import to_terminal

    record = record_named(services, str(params["run"]))
    language, form = str(params.get("language", "en")), str(params.get("format", "terminal"))
    if form == "html":
        text = to_html(record)
    else:
        text = (to_markdown if form == "markdown" else to_terminal)(record.document, language)
    return {"document": record.document, "text": text}


def compare(services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled) -> dict[str, Any]:
    """Compare the runs ``first`` and ``second`` on the items of both."""
    from eval.pairing import compare_runs
    from eval.reports.compared import sections
    from eval.reports.terminal import sections_text

    document = compare_runs(*(record_named(services, str(params[key])) for key in ("first", "second")))
    return {"document": document, "text": sections_text(sections(document), str(params.get("language", "en")))}


def rescore(services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled) -> dict[str, Any]:
    """Score ``run`` again from its record, with further ``metrics``; a new run, for which nothing is asked."""
    from eval.reports.terminal import to_terminal
    from eval.rescore import rescore as score_again

    record = record_named(services, str(params["run"]))
    progress({"stage": "scoring", "done": 0, "total": None})
    result = score_again(record, services.home.runs, list(params.get("metrics") or ()), aids(services).opened())
    document = result.to_json()
    folder = str(services.home.runs / result.run)
    return {
        "document": document,
        "terminal": to_terminal(document, str(params.get("language", "en"))),
        "folder": folder,
    }


def gate(services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled) -> dict[str, Any]:
    """Check ``run`` against limits: ``{"run", "variant", "passed", "checks": [...]}``."""
    from eval.gate import COVERAGE, MARGIN, Limits, check_run

    record = record_named(services, str(params["run"]))
    earlier = params.get("no_worse_than")
    limits = Limits(
        least=dict(params.get("least") or {}),
        coverage=float(params.get("coverage", COVERAGE)),
        forgetting=params.get("forgetting"),
        margin=float(params.get("margin", MARGIN)),
    )
    before = record_named(services, str(earlier)) if earlier else None
    checks = check_run(record, limits, str(params.get("variant") or ""), before)
    return {
        "run": record.document["run"],
        "variant": checks[0].variant,
        "passed": all(check.passed for check in checks),
        "checks": [check.to_json() for check in checks],
    }


def choose(services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled) -> dict[str, Any]:
    """Try candidates of ``variants`` on the validation split of ``suite``; see :mod:`eval.select`."""
    from eval import select
    from eval.items import read_examples
    from eval.strict import read_yaml
    from eval.suite import load_suite

    suite = load_suite(find_suite(services, str(params["suite"])))
    choices = select.Choices(**{key: tuple(params.get(key) or ()) for key in ("recipe", "k", "shots", "adapter")})
    named = read_yaml(Path(suite.path)).values.get("examples")
    examples = read_examples(Path(suite.path).parent / named) if named else ()
    names = list(params.get("variants") or ())
    tried = {name: select.candidates(suite, name, choices, examples) for name in names}
    select.check_trials({name: len(found) for name, found in tried.items()}, suite.trials)
    found = {}
    for name, specs in tried.items():
        selection = select.choose(
            suite,
            specs,
            variants=services.variants,
            library=services.library,
            runs=services.home.runs / "choosing",
            progress=progress,
        )
        found[name] = selection.to_json()
    return {"suite": suite.name, "metric": suite.primary, "validation": len(suite.validation), "variants": found}


def items(services: "Services", run: str) -> str:
    """Return the item browser's data of a run as JSON text.

    Raises:
        InputError: there is no such run.
        DamagedError: its record cannot be read.
    """
    from eval.reports.browser import browser_data, script_json

    return script_json(browser_data(record_named(services, run)))


def record_named(services: "Services", run: str) -> "Record":
    """Return the record of a finished run.

    Raises:
        InputError: there is none of that name; the nearest is suggested.
        DamagedError: its record cannot be read.
    """
    from eval.record import load_record
    from eval.run_folder import find_run

    return load_record(find_run(services.home.runs, run))


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
