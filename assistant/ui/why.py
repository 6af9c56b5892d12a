"""Why a thumb was given: a reason, a comment, tags; all of it optional, none of it in the way."""

import re
from collections.abc import Sequence

from assistant.records import Feedback
from assistant.ui.markup import element, escape
from assistant.ui.words import Words

# What a thumb may be given for, by thumb; the words are in the locale under ``why``.
REASONS = {"up": ("right", "clear", "honest"), "down": ("wrong", "unsupported", "refused", "tone", "long")}
_TAG = re.compile(r"#(\w+)")


def why_html(judged: Feedback, words: Words) -> str:
    """Return the form that asks for the reasons of a thumb, or what was said already."""
    if judged.reason or judged.text or judged.tags:
        why = why_said(judged.reason, judged.text, judged.tags, words)
        return element("p", escape(words("why.said", why=why)), class_="help why-said")
    sent = {"data_message": judged.message, "data_kind": judged.kind}
    label, comment = words(f"why.{judged.kind}"), words("why.comment")
    field = element("input", type="text", placeholder=comment, aria_label=comment, maxlength=500)

    def button(said: str, **more: str) -> str:
        return element("button", escape(said), type="button", class_="act-plain", data_act="why", **sent, **more)

    return element(
        "div",
        element("p", escape(label), class_="help"),
        element("div", field, button(words("why.save")), class_="buttons"),
        element(
            "div", *(button(words(f"why.{each}"), data_reason=each) for each in REASONS[judged.kind]), class_="buttons"
        ),
        class_="why",
        role="group",
        aria_label=label,
        data_form="why",
    )


def why_said(reason: str, comment: str, tags: Sequence[str], words: Words) -> str:
    """Return what was said of a judgement in one line; a reason of the command line stands as it was written."""
    known = {each for some in REASONS.values() for each in some}
    parts = (words(f"why.{reason}") if reason in known else reason, comment, " ".join(f"#{tag}" for tag in tags))
    return " · ".join(part for part in parts if part)


def comment_and_tags(said: str) -> tuple[str, list[str]]:
    """Return a comment without its ``#words``, and these, each once."""
    return " ".join(_TAG.sub(" ", said).split()), list(dict.fromkeys(_TAG.findall(said)))
