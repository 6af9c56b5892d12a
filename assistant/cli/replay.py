"""``joyul replay``: run a stored answer again from its receipt."""

from typing import Annotated

import typer

from assistant.cli.shared import Run, command


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "replay")(replay)


def replay(run: Run, answer: Annotated[str, typer.Argument(help="Id of a stored answer.")]) -> None:
    """Answer again as the receipt of a stored answer says, and compare."""
    with run.peer() as peer:
        document = peer.call("replay", {"message": answer})
    now, then = document["fingerprint"]["now"], document["fingerprint"]["then"]
    same = "the same answer" if document["same"] else "another answer"
    parts = "same model, prompt and documents" if now == then else f"something changed since: {then} is now {now}"
    run.screen.document(document, f"{document['answer']}\n{same}; {parts}")
