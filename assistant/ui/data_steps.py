"""What a person does next with a version: open it, hold out questions for a test, tune on it."""

from assistant.datasets.splitting import SHARES
from assistant.operations import perform
from assistant.ui.context import Page
from assistant.ui.markup import element, escape
from assistant.ui.words import Words


def button(act: str, label: str, **values: object) -> str:
    """Return a button with a written label that sends the event ``act``."""
    return element("button", escape(label), type="button", data_act=act, **values)


def steps_html(ref: str, words: Words) -> str:
    """Return what can be done next with a version that was just made."""
    acts = (("show", "data.open_rows"), ("split", "data.split"), ("tune", "data.tune"))
    return element(
        "p", *(button(act, words(key), class_="act-plain", data_ref=ref) for act, key in acts), class_="buttons"
    )


def split_html(page: Page, ref: str) -> tuple[str, str]:
    """Hold out a part of a version's rows for a test; return what to say, and the new version's name.

    Raises:
        InputError: all rows are in evaluation sets already.
    """
    words, made = page.words, perform(page.services, "data.split", {"dataset": ref})
    found = made["splits"]
    parts = ", ".join(f"{words(f'data.split_{part}')} {found[part]:,}" for part in SHARES if part in found)
    key = "data.split_made" if "test" in made["splits"] else "data.split_one"
    said = words(key, ref=made["version"], parts=parts)
    if made["leaks_total"]:
        said += " " + words("data.split_leaks", n=f"{made['leaks_total']:,}")
    return element("p", escape(said), class_="said-line", role="status"), str(made["version"])
