"""``joyul data synthetic``: training rows that a model makes, for the review queue."""

from typing import Annotated

import typer

from assistant.cli.shared import Run


def synthetic(
    run: Run,
    kinds: Annotated[
        list[str] | None, typer.Option("--kind", help="questions, paraphrase, unanswerable (default: all that fit).")
    ] = None,
    dataset: Annotated[str, typer.Option("--from", help="Make them of a dataset's rows, not of documents.")] = "",
    collection: Annotated[str, typer.Option("--collection", help="Which documents.")] = "documents",
    sources: Annotated[int, typer.Option("--sources", min=1, max=10_000, help="How many passages or rows.")] = 10,
    count: Annotated[int, typer.Option("--count", min=1, max=20, help="How many of a kind to ask for each.")] = 2,
    variant: Annotated[str, typer.Option("--variant", "-v", help="Whose model to ask.")] = "zero-shot",
) -> None:
    """Have a model make questions, paraphrases and unanswerable twins; what holds up waits in the review queue."""
    from assistant.locales import text

    params = {"kinds": kinds or [], "dataset": dataset, "collection": collection, "sources": sources}
    with run.peer() as peer:
        done = peer.call("data.synthesise", params | {"count": count, "variant": variant}, run.screen.progress)
    made = ", ".join(f"{n:,} {kind}" for kind, n in done["kinds"].items() if n) or "no rows"
    lines = [f"{made} from {done['sources']:,} sources; {done['kept']:,} new ones wait: joyul data review"]
    lines += [f"left out, {text(f'synthetic.why_{why}', 'en')}: {n:,}" for why, n in done["left_out"].items()]
    lines += [f"  {each['why']}: {each['text']}" for each in done["listed"][:5] if each["text"]]
    run.screen.document(done, "\n".join(lines))


COMMANDS = {"synthetic": synthetic}
