"""``joyul tune plan``: what a recipe would train on, and what it would cost; nothing is installed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from assistant.cli.screen import duration
from assistant.cli.shared import Run
from assistant.errors import InputError

LEARNT, PLAIN = "\x1b[32m", "\x1b[0m"
Document = Mapping[str, Any]


def plan(
    run: Run,
    file: Annotated[Path, typer.Argument(help="A training recipe (YAML).")],
    probe: Annotated[bool, typer.Option(help="Train ten steps to measure time and memory.")] = True,
) -> None:
    """Report on a recipe's data and estimate its cost before any training."""
    if not file.is_file():
        raise InputError(f"no recipe at {str(file)!r}", "check the path")
    from assistant.operations.tuning_sources import file_document, to_yaml

    recipe = to_yaml(file_document(file.absolute()))
    with run.peer() as peer:
        found = peer.call("tune.plan", {"recipe": recipe, "probe": probe}, run.screen.progress)
    cost = found["estimate"]
    lines = [*_data_lines(found["data"]), *_settings_lines(found), *(_cost_lines(cost) if cost else [])]
    if cost and found["busy"]:
        lines.append("busy          another training ran meanwhile: it will be faster without")
    run.screen.document(found, "\n".join([*lines, "", *_first_rows(found["data"])]))


def _data_lines(report: Document) -> list[str]:
    def shares(counts: Document) -> str:
        return ", ".join(f"{key} {count}" for key, count in counts.items())

    tokens, learnt = report["tokens"], report["learnt"]
    lines = [
        f"rows          {report['rows']} and {report['replay_rows']} of replay; {report['cut']} cut, "
        f"{report['dropped']} dropped",
        f"languages     {shares(report['languages'])}",
        f"messages      {shares(report['turns'])}  (messages a row: rows)",
        f"tokens        {tokens['total']:,} in all; a row {tokens['least']} to {tokens['most']}, "
        f"median {tokens['median']}, 95 % under {tokens['p95']}",
        f"learnt        {learnt['total']:,} of them carry loss; a row {learnt['least']} to {learnt['most']}",
        f"duplicates    {report['duplicates']}; same question with another answer: {report['conflicts']}",
    ]
    if report["labels"]:
        lines.append(f"labels        {shares(report['labels'])}")
    for each in report["overlaps"]:
        lines.append(
            f"overlap       {each['rows']} rows with {each['items']} items of suite {each['name']!r}: {each['example']}"
        )
    return lines


def _settings_lines(found: Document) -> list[str]:
    """Return every number that was chosen for the recipe, and why it is that one."""
    return [f"chosen        {key} {found['settings'][key]}: {why}" for key, why in found["reasons"].items()]


def _cost_lines(cost: Document) -> list[str]:
    behind = f"from {cost['past']} finished jobs" if cost["past"] else "no finished job to learn from yet"
    span, speed = f"{duration(cost['low'])} to {duration(cost['high'])}", cost["tokens_per_second"]
    lines = [
        f"time          about {duration(cost['seconds'])} ({span}, {behind}) at {speed:,.0f} tokens/s",
        f"memory        about {cost['memory_mb']:,.0f} MB",
        *_money_lines(cost),
    ]
    for each in cost["record"]:
        predicted, measured = duration(each["predicted"]), duration(each["measured"])
        lines.append(f"past job      {each['adapter']}: {predicted} predicted, {measured} measured")
    return lines


def _money_lines(cost: Document) -> list[str]:
    from eval.report_costs import money as worded

    money, energy = cost["money"], cost["energy"]
    if "error" in money:
        return [f"money         not known: {money['error']}"]
    middle, low, high = (worded(amount, money["currency"]) for amount in money["amounts"])
    currency, other = money["other"]
    lines = [f"money         about {middle} ({low} to {high}; {worded(other, currency)}) by {money['source']}"]
    if energy is None:
        return [*lines, "energy        in the price of the hour; training_watts in prices.yaml would tell it apart"]
    return [*lines, f"energy        about {energy[0]:.3g} kWh ({energy[1]:.3g} to {energy[2]:.3g})"]


def _first_rows(report: Document) -> list[str]:
    """Return the first rows as the model will see them; what carries loss is green."""
    return ["".join(f"{LEARNT}{text}{PLAIN}" if learnt else text for text, learnt in row) for row in report["first"]]
