"""``joyul tune``: train an adapter in this process; a running app offers it without a restart."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assistant.cli.screen import duration
from assistant.cli.shared import Run, command
from assistant.errors import InputError

if TYPE_CHECKING:
    from assistant.peers import Peer
    from assistant.schema import Passage


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(help="Train adapters.", no_args_is_help=True)
    command(group, "run", "tune run")(run_)
    app.add_typer(group, name="tune")


class PeerRetriever:
    """A :class:`assistant.protocols.Retriever` that asks whoever owns the state folder."""

    def __init__(self, peer: "Peer", collection: str) -> None:
        self._peer = peer
        self._collection = collection

    def search(self, query: str, k: int) -> "list[Passage]":
        """Return at most ``k`` passages, best first."""
        from assistant.schema import Passage

        params = {"query": query, "k": k, "collection": self._collection, "full": True}
        return [Passage(**each) for each in self._peer.call("docs.search", params)["passages"]]


@contextmanager
def preparation(run: Run) -> Iterator[tuple[Callable[[str], PeerRetriever], Callable[[], None]]]:
    """Yield a way to retrieve, and a way to give the state folder back once the rows are rendered."""
    with ExitStack() as held:
        opened: list[Peer] = []

        def retriever_for(collection: str) -> PeerRetriever:
            if not opened:
                opened.append(held.enter_context(run.peer(any_model=True)))
            return PeerRetriever(opened[0], collection)

        yield retriever_for, held.close


def run_(run: Run, file: Annotated[Path, typer.Argument(help="A training recipe (YAML).")]) -> None:
    """Train an adapter by a recipe; it appears in every picker the moment it is complete."""
    if not file.is_file():
        raise InputError(f"no recipe at {str(file)!r}", "check the path", adapter=None, status="failed")
    settings = run.settings()
    from assistant.owner import create
    from assistant.paths import Home
    from tuning.run import run_recipe
    from tuning.schema import load_recipe

    home = Home(settings.home)
    create(home)
    recipe = load_recipe(file.absolute())
    with preparation(run) as (retriever_for, done):

        def progress(event: dict[str, Any]) -> None:
            if event.get("phase") == "rendered":
                done()
            run.screen.progress(event)

        document = run_recipe(
            recipe,
            home=home,
            settings=settings,
            retriever_for=retriever_for,
            progress=progress,
            cancelled=lambda: False,
        )
    spent = f"{duration(document['seconds'])}, {document['peak_memory_mb']:.0f} MB"
    loss = f"loss {document['first_loss']} -> {document['final_loss']}"
    run.screen.document(document, f"{document['adapter']}: {document['status']} in {spent}, {loss}")
