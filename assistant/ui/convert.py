"""Stored messages, passages and receipts as HTML for the chat and compare pages."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from difflib import SequenceMatcher
from typing import Any

from assistant.chat import ChatUpdate
from assistant.citations import cite
from assistant.collect import EXAMPLES
from assistant.prompts import is_refusal
from assistant.records import Feedback, StoredMessage
from assistant.schema import Passage
from assistant.ui.icons import icon
from assistant.ui.markup import element, escape, markdown
from assistant.ui.variant_look import badge
from assistant.ui.why import why_html
from assistant.ui.words import Words
from assistant.variants import VariantFactory

TOOLTIP_CHARACTERS = 280
STOPPED = ("stopped", "failed", "interrupted")


def passages_of(stored: Sequence[Mapping[str, Any]]) -> list[Passage]:
    """Return stored passages as values; one that does not have the fields any more is left out."""
    found = []
    for row in stored:
        try:
            found.append(Passage(**row))
        except TypeError:
            continue
    return found


def act(name: str, label: str, inner: str, *, local: bool = False, **data: object) -> str:
    """Return a button; ``act`` ones are sent to the server, ``local`` ones page.js handles."""
    kind = {"data_local": name} if local else {"data_act": name}
    css = data.pop("class_", "quiet")
    return element("button", inner, type="button", class_=css, title=label, aria_label=label, **kind, **data)


def question_html(message: StoredMessage, words: Words) -> str:
    """Return a person's message with its other wordings and the form that edits it."""
    who = element("span", escape(words("chat.you")), class_="sr")
    tools = [siblings_html(message, words, "chat.earlier_question", "chat.later_question")]
    tools.append(act("form", words("chat.edit"), icon("edit"), local=True))
    form = form_html(
        "resend", message.content, words("chat.edit_label"), words("chat.edit_help"), words("chat.send"), words,
        message=message.id,
    )  # fmt: skip
    said = element("div", escape(message.content), class_="said")
    foot = element("div", *tools, class_="foot")
    return element("article", who, said, foot, form, class_="turn user", data_message=message.id)


def sources_html(answer: str, passages: Sequence[Passage], words: Words) -> str:
    """Return the row of sources; the ones an answer rests on come first and are marked."""
    if not passages:
        return ""
    used = cite(answer, passages)
    order = [*used, *(n for n in range(1, len(passages) + 1) if n not in used)]
    chips = [_source(n, passages[n - 1], n in used, words) for n in order]
    return element("div", element("span", escape(words("chat.sources")), class_="tag"), *chips, class_="sources")


def _source(number: int, passage: Passage, used: bool, words: Words) -> str:
    tip = passage.text[:TOOLTIP_CHARACTERS] + ("…" if len(passage.text) > TOOLTIP_CHARACTERS else "")
    label = words("chat.source_used" if used else "chat.source_read", n=number, document=passage.document)
    return element(
        "button",
        element("b", str(number)),
        element("span", escape(passage.document), class_="name"),
        element("span", escape(tip), class_="tip", role="tooltip"),
        type="button",
        class_="source used" if used else "source",
        aria_label=label,
        data_act="source",
        data_n=number,
        data_document=passage.document_id,
        data_start=passage.start,
        data_text=passage.text,
    )


def receipt_html(receipt: Mapping[str, Any], words: Words) -> str:
    """Return what produced an answer, as a table to open."""
    sampling = receipt.get("sampling") or {}
    first = receipt.get("first_token_seconds")
    rows = {
        "variant": receipt.get("variant"),
        "base": receipt.get("base"),
        "adapter": receipt.get("adapter") or words("receipt.none"),
        "recipe": receipt.get("recipe"),
        "query": receipt.get("query") or words("receipt.none"),
        "tokens": words(
            "receipt.token_counts", prompt=receipt.get("prompt_tokens", 0), answer=receipt.get("completion_tokens", 0)
        ),
        "time": words.seconds(float(receipt.get("seconds") or 0.0)),
        "first": words.seconds(float(first)) if first is not None else words("receipt.none"),
        "sampling": ", ".join(f"{key} {value}" for key, value in sampling.items() if key != "stop"),
        "finish": receipt.get("finish"),
        "fingerprint": receipt.get("fingerprint"),
    }
    body = "".join(
        element("div", element("dt", escape(words(f"receipt.{key}"))), element("dd", escape(value)))
        for key, value in rows.items()
    )
    return element("dl", body, class_="receipt")


def figures_html(receipt: Mapping[str, Any], words: Words) -> str:
    """Return the short of a receipt: seconds and tokens."""
    tokens = words("chat.tokens", n=receipt.get("completion_tokens", 0))
    seconds = words.seconds(float(receipt.get("seconds") or 0.0))
    return element("span", escape(f"{seconds} · {tokens}"), class_="figures")


def diff_html(before: str, after: str) -> str:
    """Return both texts as one, removed words struck out and added ones underlined."""
    old, new = before.split(), after.split()
    parts = []
    for tag, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            parts.append(escape(" ".join(old[a:b])))
            continue
        if a < b:
            parts.append(element("del", escape(" ".join(old[a:b]))))
        if c < d:
            parts.append(element("ins", escape(" ".join(new[c:d]))))
    return " ".join(parts)


def answer_html(
    message: StoredMessage,
    words: Words,
    *,
    feedback: Sequence[Feedback] = (),
    newest: bool = False,
    factory: VariantFactory | None = None,
) -> str:
    """Return a saved answer with everything that belongs under it."""
    passages = passages_of(message.passages)
    parts = [element("span", escape(words("chat.assistant")), class_="sr")]
    if message.content:
        body = markdown(message.content, range(1, len(passages) + 1))
        parts.append(element("div", body, class_="said", dir_="auto"))
    parts.append(_states(message, words, newest))
    edits = [each for each in feedback if each.kind == "edit"]
    if edits:
        show = words("collect.show")
        link = act("kept", show, escape(show), class_="link", data_draft=EXAMPLES, data_text=edits[-1].text)
        kept = element("span", icon("check"), escape(words("correct.kept")), link, class_="kept")
        shown = element("div", diff_html(message.content, edits[-1].text), class_="diff", dir_="auto")
        parts.append(element("div", kept, shown, class_="correction"))
    parts.append(sources_html(message.content, passages, words))
    if message.content:
        parts.append(_footer(message, words, feedback, factory))
        better = edits[-1].text if edits else message.content
        said = words("correct.label"), words("correct.help"), words("correct.save")
        parts.append(form_html("save", better, *said, words, compare_to=message.content, message=message.id))
        thumbs = [each for each in feedback if each.kind in ("up", "down")]
        parts += [why_html(thumbs[-1], words)] if thumbs else []
    refused = message.status == "done" and is_refusal(message.content)
    css = "turn assistant" + (" refusal" if refused else "")
    return element("article", *parts, class_=css, data_message=message.id)


def _states(message: StoredMessage, words: Words, newest: bool) -> str:
    notices = [words.notice(each) for each in message.notices]
    if message.status in STOPPED and not any(each.get("key") == "failed" for each in message.notices):
        notices.insert(0, words(f"state.{message.status}"))
    if (finish := (message.receipt or {}).get("finish")) in ("length", "loop"):
        notices.append(words(f"state.{finish}"))
    if not notices:
        return ""
    css = "notes failed" if message.status == "failed" else "notes"
    retry = ""
    if newest and message.status in STOPPED:
        label = words("chat.retry")
        retry = act("regenerate", label, escape(label), class_="act-plain retry", data_message=message.id)
    return element("div", *(element("span", escape(each)) for each in notices), retry, class_=css)


def _footer(message: StoredMessage, words: Words, feedback: Sequence[Feedback], factory: VariantFactory | None) -> str:
    thumbs = [each.kind for each in feedback if each.kind in ("up", "down")]
    said = thumbs[-1] if thumbs else ""
    tools = [
        act(
            kind,
            words(f"chat.{kind}"),
            icon(kind),
            class_="quiet on" if said == kind else "quiet",
            data_message=message.id,
            aria_pressed="true" if said == kind else "false",
        )
        for kind in ("up", "down")
    ]
    tools.append(act("form", words("chat.correct"), icon("edit"), local=True))
    tools.append(act("regenerate", words("chat.regenerate"), icon("again"), data_message=message.id))
    tools.append(act("copy", words("chat.copy"), icon("copy"), local=True, data_text=message.content))
    if message.receipt:
        tools.append(act("receipt", words("chat.receipt"), icon("receipt"), local=True, aria_expanded="false"))
    receipt = message.receipt
    meta = badge(str(receipt.get("variant", "")), factory) + figures_html(receipt, words) if receipt else ""
    row = element("div", meta, siblings_html(message, words), *tools, class_="foot")
    hidden = (
        element("div", receipt_html(message.receipt, words), class_="opened", hidden=True) if message.receipt else ""
    )
    return row + hidden


def siblings_html(
    message: StoredMessage, words: Words, earlier: str = "chat.earlier", later: str = "chat.later"
) -> str:
    """Return ``‹ 1/2 ›`` where a message has others beside it."""
    if len(message.siblings) < 2:
        return ""
    at, last = message.siblings.index(message.id), len(message.siblings) - 1
    before = message.siblings[max(0, at - 1)]
    after = message.siblings[min(last, at + 1)]
    return element(
        "span",
        act("branch", words(earlier), icon("left"), data_message=before, disabled=at == 0),
        escape(f"{at + 1}/{last + 1}"),
        act("branch", words(later), icon("right"), data_message=after, disabled=at == last),
        class_="siblings",
    )


def form_html(
    event: str, value: str, label: str, help_: str, save: str, words: Words, *, compare_to: str = "", **data: object
) -> str:
    """Return a hidden form with one field that sends ``event``.

    Args:
        event: the name of the event.
        value: the field's text at first.
        label: what a screen reader says of the field.
        help_: one line under it.
        save: the sending button's label.
        words: the page's language.
        compare_to: a text whose difference to the field is shown while it is written.
        data: sent with the event.
    """
    sent: dict[str, Any] = {f"data_{key}": item for key, item in data.items()}
    difference = element("div", class_="diff", dir_="auto", aria_live="polite", hidden=True) if compare_to else ""
    buttons = (
        act(event, save, escape(save), class_="act-main", **sent),
        act("unform", words("correct.cancel"), escape(words("correct.cancel")), class_="act-plain", local=True),
    )
    return element(
        "div",
        element("textarea", escape(value), rows=3, aria_label=label, data_compare=compare_to or None),
        difference,
        element("p", escape(help_), class_="help"),
        element("div", *buttons, class_="buttons"),
        class_="own-form",
        data_form=event,
        hidden=True,
    )


def live_html(update: ChatUpdate, words: Words, followed: bool = False) -> str:
    """Return an answer that is being written; where it is ``followed`` page.js need not ask for more of it."""
    made = update.generation
    head = element("span", escape(words("chat.assistant")), class_="sr")
    if made.text:
        body = element("div", markdown(made.text, range(1, len(made.passages) + 1)), class_="said writing", dir_="auto")
    else:
        key = "chat.reading" if made.passages else "chat.searching"
        body = element("div", escape(words(key)), class_="waiting")
    notes = [element("span", escape(words.notice(asdict(each)))) for each in made.notices]
    shown = element("div", *notes, class_="notes") if notes else ""
    return element(
        "article",
        head,
        body,
        shown,
        sources_html(made.text, made.passages, words),
        class_="turn assistant live",
        data_followed=followed,
    )
