"""``joyul ask``: one question to one variant."""

from typing import Annotated

import typer

from assistant.cli.shared import Run, command


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "ask")(ask)


def ask(
    run: Run,
    question: Annotated[str, typer.Argument(help="What to ask.")],
    variant: Annotated[str, typer.Option("--variant", "-v", help="Which way of answering.")] = "rag",
    conversation: Annotated[
        str, typer.Option("--conversation", "-c", help="Keep the turn: 'new', or the id of an earlier conversation.")
    ] = "",
    system: Annotated[str, typer.Option("--system", help="Your own instruction, after the variant's.")] = "",
    k: Annotated[int | None, typer.Option("-k", min=1, max=50, help="How many passages to show the model.")] = None,
) -> None:
    """Ask a question and print the answer with its sources."""
    params = {"question": question, "variant": variant, "conversation": conversation, "system": system, "k": k}

    def progress(event: dict[str, object]) -> None:
        if "text" in event:
            run.screen.piece(str(event["text"]))
        elif "notice" in event:
            notices.append(f"notice: {event['notice']} {event['params'] or ''}".rstrip())

    notices: list[str] = []
    with run.peer() as peer:
        document = peer.call("ask", params, progress)
    run.screen.document(document, "\n" + _sources(document))
    for notice in notices:
        run.screen.note(notice)


def _sources(document: dict[str, object]) -> str:
    passages, receipt = document["passages"], document["receipt"]
    assert isinstance(passages, list) and isinstance(receipt, dict)
    lines = [f"[{i}] {p['document']}: {' '.join(p['text'].split()):.100}" for i, p in enumerate(passages, 1)]
    made = receipt["base"] + (f" + {receipt['adapter']}" if receipt["adapter"] else "")
    tokens = f"{receipt['prompt_tokens']}+{receipt['completion_tokens']} tokens"
    lines.append(f"{receipt['variant']} · {made} · {tokens} · {receipt['seconds']:.1f} s")
    if "conversation" in document:
        lines.append(f"conversation {document['conversation']} · answer {document['message']}")
    return "\n".join(lines)
