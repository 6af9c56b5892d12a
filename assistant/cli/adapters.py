"""``joyul adapters``: what has been trained, and what can be done with it."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assistant.cli.evaluate_shared import LanguageOption, language_of
from assistant.cli.screen import table
from assistant.cli.shared import Run, command

if TYPE_CHECKING:
    from assistant.paths import Home

Name = Annotated[str, typer.Argument(help="An installed adapter.")]
Force = Annotated[bool, typer.Option("--force", help="Write it even if it answers otherwise, marked.")]
Out = Annotated[Path, typer.Option("--out", help="A folder that does not exist yet.")]


class Dtype(StrEnum):
    """Number formats of merged weights."""

    float32 = "float32"
    bfloat16 = "bfloat16"
    float16 = "float16"


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(help="Installed adapters.", no_args_is_help=True)
    command(group, "list", "adapters list")(list_)
    command(group, "show", "adapters show")(show)
    command(group, "export", "adapters export")(export)
    command(group, "import", "adapters import")(import_)
    command(group, "merge", "adapters merge")(merge)
    command(group, "push", "adapters push")(push)
    command(group, "rename", "adapters rename")(rename)
    command(group, "delete", "adapters delete")(delete)
    app.add_typer(group, name="adapters")


def list_(run: Run) -> None:
    """List the installed adapters with their base, cost and loss."""
    with run.peer() as peer:
        found = peer.call("adapters.list")
    rows = [
        {
            **each,
            "seconds": each["cost"].get("seconds"),
            "loss": each["metrics"].get("final_loss"),
            "forgetting": _lost(each["forgetting"]),
        }
        for each in found["adapters"]
    ]
    columns = ("name", "base", "method", "recipe", "loss", "forgetting", "seconds", "created")
    run.screen.document(found, table(rows, columns))


def _lost(changes: Mapping[str, float | None]) -> str:
    """Return the change of loss per language, e.g. ``ko +4.1% en +3.0%``; '' where nothing was measured."""
    known = {language: change for language, change in changes.items() if change is not None}
    return " ".join(f"{language} {100 * change:+.1f}%" for language, change in known.items())


def _home(run: Run) -> "Home":
    """Return the state folder; whoever opens an empty one first puts the demo, and so its adapters, into it."""
    from assistant.demo import is_installed
    from assistant.paths import Home

    home = Home(run.settings().home)
    if not is_installed(home):
        with run.peer() as peer:
            peer.call("adapters.list")
    return home


def show(run: Run, name: Name, language: LanguageOption = None) -> None:
    """Show an adapter's model card."""
    from assistant.adapters import get_adapter
    from assistant.model_card import card

    adapter = get_adapter(_home(run), name)
    run.screen.document(adapter.manifest.to_json(), card(adapter, language_of(run, language)))


def export(run: Run, name: Name, out: Out, force: Force = False) -> None:
    """Copy an adapter out as a PEFT folder with its model card; vLLM and transformers load it as it is."""
    from assistant.shelf import export as copy_out

    folder = copy_out(_home(run), name, out.absolute(), force)
    run.screen.document({"adapter": name, "folder": str(folder)}, f"{name}: written to {folder}")


def import_(
    run: Run,
    folder: Annotated[Path, typer.Argument(help="A PEFT folder: adapter_config.json and safetensors.")],
    name: Annotated[str, typer.Option("--name", help="Its name here.")] = "",
) -> None:
    """Install an adapter from a folder, once it is shown to fit the base and to hold nothing but data."""
    with run.peer() as peer:
        made = peer.call("adapters.import", {"folder": str(folder.absolute()), "name": name})
    run.screen.document(made, f"{made['name']}: installed for {made['base']}")


def merge(
    run: Run,
    name: Name,
    out: Out,
    dtype: Annotated[Dtype, typer.Option(help="Number format of the weights.")] = Dtype.float32,
    force: Force = False,
) -> None:
    """Fold an adapter into its base and write a whole model, after comparing both on fixed prompts."""
    from assistant.adapters import get_adapter
    from assistant.model_card import parity_text
    from tuning.merge import merge as fold

    settings = run.settings()
    points = fold(get_adapter(_home(run), name), settings.model, out.absolute(), dtype=dtype.value, force=force)
    parity = {key: each.to_json() for key, each in points.items()}
    document = {"adapter": name, "folder": str(out.absolute()), "parity": parity}
    run.screen.document(document, f"{name}: written to {out} (equal next tokens: {parity_text(parity)})")


def push(
    run: Run,
    name: Name,
    repository: Annotated[str, typer.Argument(help="OWNER/NAME on the hub.")],
    public: Annotated[bool, typer.Option("--public", help="Make a new repository public; private without.")] = False,
    force: Force = False,
) -> None:
    """Upload an adapter with its model card to a Hugging Face hub; nothing is ever sent without this command."""
    from assistant.models.hub_push import push as send

    address = send(_home(run), name, repository, public=public, force=force)
    run.screen.document({"adapter": name, "address": address}, f"{name}: pushed to {address}")


def rename(run: Run, name: Name, new: Annotated[str, typer.Argument(help="The new name.")]) -> None:
    """Give an adapter another name; variants and suites that name it have to follow."""
    from assistant.shelf import rename as give_name

    adapter = give_name(_home(run), name, new)
    run.screen.document(adapter.manifest.to_json(), f"{name} is now {new}")


def delete(run: Run, name: Name) -> None:
    """Remove an adapter for good."""
    from assistant.shelf import delete as remove

    remove(_home(run), name)
    run.screen.document({"deleted": name}, f"{name}: deleted")
