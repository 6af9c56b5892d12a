"""``joyul data review | next | feedback``: judging answers, deciding what is learned, what to collect next."""

import sys
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assistant.cli.keyboard import Keyboard
from assistant.cli.screen import table
from assistant.cli.shared import Run
from assistant.errors import UsageError

if TYPE_CHECKING:
    from assistant.peers import Peer

DECISIONS = {"accept": "accept", "reject": "reject", "edit": "fix", "tag": "tag", "assign": "assign"}
ACTIONS = (*DECISIONS, "build", "refuse", "allow")
KEYS = "[a]ccept  [e]dit  [r]eject  [t]ag  [s]kip  [b]ack  [q]uit"
_AT_ONCE = 1000
_SHOWN = 60

Reviewer = Annotated[str, typer.Option("--reviewer", help="Who decides.")]
Dataset = Annotated[str, typer.Option("--dataset", help="Which dataset an accepted candidate goes to.")]


def review(
    run: Run,
    action: Annotated[
        str | None, typer.Argument(help=f"{', '.join(ACTIONS)}. Without: a list; on a terminal, one by one.")
    ] = None,
    ids: Annotated[list[str] | None, typer.Argument(help="Candidates; people for refuse and allow.")] = None,
    text: Annotated[str, typer.Option("--text", help="For edit: the better answer.")] = "",
    tags: Annotated[list[str] | None, typer.Option("--tag", help="For tag: a tag; may be repeated.")] = None,
    dataset: Dataset = "reviewed",
    reviewer: Reviewer = "local",
    origin: Annotated[str, typer.Option("--from", help="Only one origin: edit, vote, thumb, synthetic ...")] = "",
    decided: Annotated[bool, typer.Option("--decided", help="List what is decided already, too.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=_AT_ONCE, help="How many to list.")] = 50,
) -> None:
    """Decide which judgements and synthetic rows become training data, then make a version of them with build."""
    params: dict[str, Any] = {"reviewer": reviewer, "origin": origin, "decided": decided, "limit": limit}
    if action is not None and action not in ACTIONS:
        raise UsageError(f"unknown action {action!r}", f"use one of {', '.join(ACTIONS)}")
    if action not in (None, "build") and not ids:
        raise UsageError(f"{action}: whom or what?", "name ids; `joyul data review` lists them")
    with run.peer(any_model=True) as peer:
        if action is None and not run.as_json and sys.stdin.isatty() and sys.stdout.isatty():
            _by_keyboard(run, peer, params | {"limit": _AT_ONCE}, dataset)
        elif action is None:
            _list(run, peer.call("data.review", params))
        elif action == "build":
            _build(run, peer.call("data.reviewed", {"name": dataset}))
        elif action in ("refuse", "allow"):
            for author in ids or ():
                found = peer.call("data.consent", {"author": author, "allowed": action == "allow"})
            refusing = ", ".join(found["refusing"]) or "nobody"
            run.screen.document(found, f"nothing is collected of: {refusing}")
        else:
            decision = {"candidates": ids, "action": DECISIONS[action], "reviewer": reviewer, "dataset": dataset}
            done = peer.call("data.decide", decision | {"text": text, "tags": tags or []})
            run.screen.document(done, f"{action}: {', '.join(done['candidates'])}{_goes(action, dataset)}")


def _goes(action: str, dataset: str) -> str:
    return f" -> {dataset}" if action in ("accept", "edit", "assign") else ""


def _list(run: Run, found: dict[str, Any]) -> None:
    rows = [
        {
            "id": each["id"],
            "origin": each["origin"],
            "state": each["state"],
            "dataset": each["dataset"],
            "question": _short(each["question"]),
            "answer": _short(each["answer"]),
        }
        for each in found["candidates"]
    ]
    parts = [table(rows, ("id", "origin", "state", "dataset", "question", "answer"))] if rows else []
    parts.append(f"{found['waiting']:,} waiting" if found["waiting"] else "nothing is waiting")
    parts += _standing(found)
    run.screen.document(found, "\n".join(parts))


def _standing(found: dict[str, Any]) -> list[str]:
    """Return what waits for a version, how far reviewers agree, and of whom nothing is collected."""
    lines = [
        f"{name}: {count:,} decisions wait for a version: joyul data review build --dataset {name}"
        for name, count in found["pending"].items()
    ]
    for both in found["agreement"]:
        said = f"{both['first']} and {both['second']} agree on {both['agreed']} of {both['n']}"
        if both["kappa"] is not None:
            said += f" (kappa {both['kappa']:.2f} [{both['low']:.2f}, {both['high']:.2f}])"
        lines.append(said)
    return lines + ([f"nothing is collected of: {', '.join(found['refusing'])}"] if found["refusing"] else [])


def _build(run: Run, made: dict[str, Any]) -> None:
    counts = ", ".join(f"{made[key]:,} {key}" for key in ("added", "removed", "changed"))
    run.screen.document(made, f"{counts}; {made['rows']:,} rows -> {made['version']}")


def _by_keyboard(run: Run, peer: "Peer", params: dict[str, Any], dataset: str) -> None:
    found = peer.call("data.review", params)
    if not found["candidates"]:
        _list(run, found)
        return

    def decide(candidate: str, action: str, text: str = "", tags: list[str] | None = None) -> None:
        given = {"candidate": candidate, "action": action, "text": text, "tags": tags or []}
        peer.call("data.decide", given | {"reviewer": params["reviewer"], "dataset": dataset})

    with Keyboard() as keyboard:
        counts = go_through(found["candidates"], decide, keyboard.press, keyboard.typed, typer.echo)
    said = ", ".join(f"{count} {action}" for action, count in counts.items()) or "nothing decided"
    left = peer.call("data.review", params | {"limit": 1})
    run.screen.document({}, "\n".join([f"{said}; {left['waiting']:,} waiting", *_standing(left)]))


def go_through(
    waiting: list[dict[str, Any]],
    decide: Callable[..., None],
    press: Callable[[], str],
    typed: Callable[[str, str], str],
    say: Callable[[str], None],
) -> Counter[str]:
    """Show candidates one by one and keep what each key decides; the keys are those of the page.

    Args:
        waiting: candidates as ``data.review`` lists them; skipped ones come again at the end, once.
        decide: keeps a decision: ``decide(candidate, action, text, tags)``.
        press: returns one key.
        typed: returns a line that starts as its second argument; empty where the person changed their mind.
        say: prints.
    """
    counts: Counter[str] = Counter()
    left, place, skipped = list(waiting), 0, set[str]()
    while place < len(left):
        now = left[place]
        say("\n" + "\n".join(_candidate(now, place + 1, len(left))) + f"\n{KEYS}")
        key = press().lower()
        if key in ("q", "\x03", "\x04", ""):
            break
        if key == "s":
            if now["id"] in skipped:
                break
            skipped.add(now["id"])
            left.append(left.pop(place))
        elif key == "b":
            place = max(0, place - 1)
        elif key in ("a", "r"):
            action = "accept" if key == "a" else "reject"
            decide(now["id"], action)
            counts[action] += 1
            place += 1
        elif key == "e" and (better := typed("better answer", now["answer"]).strip()):
            decide(now["id"], "fix", better)
            counts["edit"] += 1
            place += 1
        elif key == "t" and (named := _split(typed("tags", ""))):
            decide(now["id"], "tag", "", named)
            now["tags"] = [*now["tags"], *named]
    return counts


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _candidate(now: dict[str, Any], number: int, total: int) -> list[str]:
    first = now["rows"][0]
    lines = [f"{number}/{total}  {now['origin']} by {now['author']}  {now['id']}"]
    lines += [f"tags: {', '.join(now['tags'])}"] if now["tags"] else []
    lines += [f"passage: {_short(text, 400)}" for text in first.get("passages", ())]
    lines.append(f"question: {now['question']}")
    names = {"answer": "answer", "chosen": "better", "rejected": "worse", "completion": "answer"}
    for key, name in names.items():
        if key in first:
            said = first[key] if isinstance(first[key], str) else first[key][-1].get("content")
            lines.append(f"{'tied' if first.get('tie') else name}: {said}")
    if "label" in first:
        lines.append("a person called it " + ("good" if first["label"] else "bad"))
    return lines


def _short(text: str, most: int = _SHOWN) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= most else plain[: most - 1] + "…"


def next_(
    run: Run,
    from_run: Annotated[str, typer.Option("--run", help="Which evaluation (default: the newest).")] = "",
) -> None:
    """Say what to collect next: where the best variant fails, and where votes settle nothing."""
    with run.peer(any_model=True) as peer:
        found = peer.call("data.next", {"run": from_run})
    lines = []
    if found["topics"]:
        lines.append(f"{found['suite']}: {found['variant']} is best ({found['metric']}) and still fails here")
        lines.append("collect questions like these, never these: they are test items")
    elif found["run"]:
        lines.append(f"{found['suite']}: the best variant fails nowhere")
    for each in found["topics"]:
        span = f"{100 * each['low']:.0f} to {100 * each['high']:.0f} %"
        lines.append(f"{each['topic']}: {each['failed']} of {each['n']} wrong ({span})")
        for row in each["examples"]:
            wanted = row["expected"] or "no answer"
            lines.append(f"  {_short(row['question'])} | expected {_short(wanted)} | said {_short(row['said']) or '-'}")
    why = {"bad": "no answer would do", "split": "people differ", "tie": "a tie"}
    lines += [
        f"votes: {_short(each['question'])}: {why[each['why']]} ({each['votes']} votes)" for each in found["votes"]
    ]
    run.screen.document(found, "\n".join(lines) or "nothing yet: run an evaluation, or vote on the Compare page")


def feedback(
    run: Run,
    answer: Annotated[str, typer.Argument(help="An answer's id; `joyul ask -c new` prints it.")],
    edit: Annotated[str, typer.Option("--edit", help="The answer as it should have been.")] = "",
    good: Annotated[bool, typer.Option("--up", help="The answer is good.")] = False,
    bad: Annotated[bool, typer.Option("--down", help="The answer is bad.")] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why.")] = "",
    comment: Annotated[str, typer.Option("--comment", help="What else there is to say of a thumb.")] = "",
    tags: Annotated[list[str] | None, typer.Option("--tag", help="A tag; may be repeated.")] = None,
) -> None:
    """Correct a kept answer, or say whether it is good; it becomes a candidate of the review queue."""
    if (bool(edit.strip()), good, bad).count(True) != 1:
        raise UsageError("say one thing about the answer", "use --edit TEXT, --up or --down")
    if edit and comment:
        raise UsageError("a correction has no comment", "say it with --reason")
    kind = "edit" if edit else "up" if good else "down"
    params = {"message": answer, "kind": kind, "text": edit or comment, "reason": reason, "tags": tags or []}
    with run.peer(any_model=True) as peer:
        done = peer.call("data.feedback", params)
    run.screen.document(done, f"{kind} kept; review it with: joyul data review")


COMMANDS = {"review": review, "next": next_, "feedback": feedback}
