"""``joyul votes``: what people preferred side by side, and whether that is settled."""

from pathlib import Path
from typing import Annotated, Any

import typer

from assistant.cli.screen import table
from assistant.cli.shared import Run, command

File = Annotated[Path, typer.Argument(help="A file ending in .jsonl or .csv.")]


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(help="Side-by-side votes: list, rank, export and import them.", no_args_is_help=True)
    for name, function in (("list", list_), ("rank", rank), ("export", export), ("import", import_)):
        command(group, name, f"votes {name}")(function)
    app.add_typer(group, name="votes")


def list_(run: Run) -> None:
    """List every vote; only the last one of a person on a question counts."""
    with run.peer(any_model=True) as peer:
        found = peer.call("votes.list")
    rows = [
        {**row, "variants": " / ".join(row["variants"]), "counts": "yes" if row["counts"] else "replaced"}
        | {"blind": "blind" if row["blind"] else "open", "question": " ".join(row["question"].split())[:60]}
        for row in found["votes"]
    ]
    columns = ("id", "author", "language", "task", "blind", "counts", "choice", "variants", "question")
    run.screen.document(found, table(rows, columns) if rows else "no votes yet: vote on the Compare page")


def rank(
    run: Run,
    task: Annotated[str | None, typer.Option("--task", help="Only votes on this task.")] = None,
    language: Annotated[str | None, typer.Option("--language", help="Only votes in this language: ko or en.")] = None,
    shown: Annotated[
        bool, typer.Option("--open", help="Rank votes cast with names shown instead of blind ones.")
    ] = False,
) -> None:
    """Rank the variants that people voted on, and say whether voting may stop."""
    with run.peer(any_model=True) as peer:
        found = peer.call("votes.rank", {"task": task, "language": language, "open": shown})
    parts = [_slice(each) for each in found["slices"]]
    if found["left_out"]:
        kind = "cast with names shown; see them with --open" if found["blind"] else "blind"
        parts.append(f"not counted here, {kind}: {found['left_out']}")
    run.screen.document(found, "\n\n".join(parts))


def _slice(found: dict[str, Any]) -> str:
    from assistant.locales import text

    names = [name for name in (found["task"], found["language"]) if name]
    title = " · ".join(names) or "all votes"
    if found["task"] == "":
        title = "no task" + (f" · {found['language']}" if found["language"] else "")
    counts = ", ".join(
        f"{found[key]} {word}" for key, word in (("votes", "votes"), ("people", "people"), ("items", "items"))
    )
    lines = [f"{title}: {counts}, {found['ties']} ties, {found['bad']} all bad"]
    if found["standings"]:
        rows = [_standing(row, found["tallies"][row["name"]]) for row in found["standings"]]
        lines.append(table(rows, ("rank", "variant", "beats others", "at equal length", "won", "lost", "tied")))
    lines += [f"not ranked: {name}: {text(f'votes.why.{why}', 'en')}" for name, why in found["unranked"].items()]
    if found["longer"]:
        factor = found["longer"]
        span = f"{factor['value']:.2f} [{factor['low']:.2f}, {factor['high']:.2f}]"
        lines.append(f"an answer twice as long has {span} times the odds of winning")
    elif found["no_length_control"]:
        lines.append(text(f"votes.no_length.{found['no_length_control']}", "en"))
    return "\n".join([*lines, *map(_verdict, found["verdicts"])])


def _standing(row: dict[str, Any], tally: dict[str, Any]) -> dict[str, Any]:
    even = "-" if row["even_length"] is None else f"{_share(row['even_length'])} (rank {row['even_length_rank']})"
    won = {"won": tally["wins"], "lost": tally["losses"], "tied": tally["ties"]}
    shown = {"rank": row["rank"], "variant": row["name"], "beats others": _share(row["beats"]), "at equal length": even}
    return shown | won


def _share(estimate: dict[str, float]) -> str:
    return "{:.0f} % [{:.0f}, {:.0f}]".format(*(100 * estimate[key] for key in ("value", "low", "high")))


def _verdict(row: dict[str, Any]) -> str:
    stop = row["stop"]
    lost = stop["decisive"] - stop["wins"]
    score = f"{row['first']} {stop['wins']} · {row['second']} {lost} · ties {row['ties']}"
    figures = f"e-value {stop['e_value']:.3g} of {stop['bar']:.0f}, {row['first']} wins {100 * stop['low']:.0f} to "
    figures += f"{100 * stop['high']:.0f} %"
    if row["settled"]:
        return f"{score}; settled: {row['ahead']} is ahead ({figures})"
    more = f"about {stop['more']:,} more at this rate" if stop["more"] else "no end in sight at this rate"
    return f"{score}; not settled yet ({figures}; {more})"


def export(run: Run, file: File) -> None:
    """Write every vote to a new file, answers and receipts included."""
    with run.peer(any_model=True) as peer:
        done = peer.call("votes.export", {"path": str(file.absolute())})
    run.screen.document(done, f"{done['votes']} votes written to {file}")


def import_(run: Run, file: File) -> None:
    """Add the votes of an exported file; all or none, and none twice."""
    with run.peer(any_model=True) as peer:
        done = peer.call("votes.import", {"path": str(file.absolute())})
    run.screen.document(done, f"{done['added']} added, {done['unchanged']} were here already")
