"""``joyul eval``: measure variants on a suite, read the verdict, and come back to finished runs."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from assistant.cli import evaluate_choose, evaluate_gate, study
from assistant.cli.evaluate_shared import LanguageOption, RunArgument, language_of
from assistant.cli.screen import table
from assistant.cli.shared import Run, command
from assistant.cli.simulate import simulate
from assistant.errors import ResourceError, UsageError

LISTED = ("run", "created", "base", "items", "verdict", "reads")


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(help="Evaluate variants on the same questions.", no_args_is_help=True)
    command(group, "run", "eval run")(run_)
    command(group, "suite", "eval suite")(suite_)
    command(group, "list", "eval list")(list_)
    command(group, "report", "eval report")(report)
    command(group, "compare", "eval compare")(compare)
    command(group, "rescore", "eval rescore")(rescore)
    command(group, "gate", "eval gate")(evaluate_gate.gate)
    command(group, "choose", "eval choose")(evaluate_choose.choose)
    study.add_to(group)
    command(group, "simulate", "eval simulate")(simulate)
    app.add_typer(group, name="eval")


def run_(
    run: Run,
    suite: Annotated[str, typer.Argument(help="A suite file, or a shipped one's name: handbook, triage.")],
    language: LanguageOption = None,
) -> None:
    """Ask every variant every question, score, compare, and say what pays off; an interrupted run goes on."""
    wanted = str(Path(suite).absolute()) if Path(suite).is_file() else suite
    _scored(run, "eval.run", {"suite": wanted, "language": language_of(run, language)})


def suite_(run: Run, adapter: Annotated[str, typer.Argument(help="An installed adapter.")]) -> None:
    """Say which suite asks an adapter; where none does, make one of its data's test rows or of kept questions."""
    with run.peer(any_model=True) as peer:
        found = peer.call("eval.suite", {"adapter": adapter})
    run.screen.document(found, f"{found['path']}\nrun it: joyul eval run {found['suite']}")


def rescore(
    run: Run,
    name: RunArgument,
    metrics: Annotated[str, typer.Option(help="Metrics to add, separated by commas.")] = "",
    language: LanguageOption = None,
) -> None:
    """Score a finished run's answers again, with further metrics; no model is asked. It becomes a run of its own."""
    added = [each.strip() for each in metrics.split(",") if each.strip()]
    _scored(run, "eval.rescore", {"run": name, "metrics": added, "language": language_of(run, language)})


def _scored(run: Run, operation: str, params: dict[str, Any]) -> None:
    with run.peer() as peer:
        done = peer.call(operation, params, run.screen.progress)
    run.screen.document(done["document"], done["terminal"])
    run.screen.note(f"reports: {done['folder']}/report.html, report.md and report.ko.md")


def list_(run: Run) -> None:
    """List finished runs with their verdicts, runs that can be taken up again, and the suites there are."""
    with run.peer(any_model=True) as peer:
        found = peer.call("eval.list")
    parts = [table(found["runs"], LISTED) if found["runs"] else "no finished run yet"]
    parts += [f"unfinished: {each['run']} (joyul eval run {each['suite']} goes on)" for each in found["unfinished"]]
    parts += ["", "suites: " + ", ".join(each["suite"] for each in found["suites"])]
    run.screen.document(found, "\n".join(parts))


def report(
    run: Run,
    name: RunArgument = "latest",
    html: Annotated[bool, typer.Option("--html", help="One self-contained HTML file, both languages.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Markdown.")] = False,
    terminal: Annotated[bool, typer.Option("--terminal", help="Text for the terminal (default).")] = False,
    out: Annotated[Path | None, typer.Option("--out", help="Write it to this file.")] = None,
    language: LanguageOption = None,
) -> None:
    """Show a finished run's report, made from what is stored."""
    if html + markdown + terminal > 1:
        raise UsageError("--html, --markdown and --terminal exclude each other", "leave out all but one")
    form: Literal["html", "markdown", "terminal"] = "html" if html else "markdown" if markdown else "terminal"
    params = {"run": name, "format": form, "language": language_of(run, language)}
    with run.peer(any_model=True) as peer:
        done = peer.call("eval.report", params)
    if out is None:
        run.screen.document(done["document"], done["text"])
        return
    try:
        out.write_text(done["text"], encoding="utf-8")
    except OSError as error:
        raise ResourceError(f"{out}: cannot be written: {error.strerror}", "choose another place") from error
    run.screen.document(done["document"] if run.as_json else {}, "")
    run.screen.note(f"written: {out}")


def compare(
    run: Run,
    first: RunArgument,
    second: Annotated[str, typer.Argument(help="The later run's name, or latest.")],
    language: LanguageOption = None,
) -> None:
    """Pair two runs on the items that both asked: what changed, in figures and in the declaration."""
    params = {"first": first, "second": second, "language": language_of(run, language)}
    with run.peer(any_model=True) as peer:
        done = peer.call("eval.compare", params)
    run.screen.document(done["document"], done["text"])
