"""What surrounds every page: sidebar with conversations, status line, language and theme."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import gradio as gr

from assistant.chat import TITLE_CHARACTERS
from assistant.locales import LANGUAGES
from assistant.records import Conversation
from assistant.ui.about import running_job, status
from assistant.ui.context import Page, panel
from assistant.ui.convert import act
from assistant.ui.icons import icon
from assistant.ui.markup import element, escape
from assistant.ui.tab import Tab
from assistant.ui.words import Words

LISTED = 200


class Frame(NamedTuple):
    """The frame's live parts that the tabs speak to."""

    new: gr.Button
    search: gr.Textbox
    chats: gr.HTML
    status: gr.HTML
    viewer: gr.HTML
    tab: gr.State


def build_frame(page: Page) -> Frame:
    """Lay out the frame; call inside the page's Blocks, before the tabs."""
    words = page.words
    with gr.Sidebar(elem_id="sidebar", width=280, open=True):
        gr.HTML(brand_html(words), elem_id="brand", apply_default_css=False)
        new = gr.Button(words("frame.new_chat"), elem_id="new-chat", size="md")
        search = gr.Textbox(
            "",
            label=words("frame.search"),
            placeholder=words("frame.search"),
            show_label=False,
            elem_id="search-chats",
            max_lines=1,
        )
        chats = panel("", "chats", "open", "rename", "delete")
        state = panel("", "status")
    gr.HTML(tools_html(words), elem_id="tools", apply_default_css=False, js_on_load=None)
    viewer = panel("", "viewer")
    return Frame(new, search, chats, state, viewer, gr.State(Tab()))


def brand_html(words: Words) -> str:
    """Return the name and what it does, in one line each."""
    name = element("span", "Joyul", class_="name")
    return element("div", name, element("span", escape(words("frame.tagline")), class_="tagline"), class_="brand")


def tools_html(words: Words) -> str:
    """Return language and theme switches."""
    others = [code for code in LANGUAGES if code != words.language]
    buttons = [
        element(
            "button",
            escape(words(f"language.own_{code}")),
            type="button",
            id=f"language-{code}",
            class_="tool",
            lang=code,
            data_local="language",
            data_to=code,
            aria_label=words("language.switch", language=words(f"language.own_{code}")),
        )
        for code in others
    ]
    label = words("frame.theme")
    theme = element(
        "button",
        icon("sun"),
        type="button",
        id="theme",
        class_="tool",
        data_local="theme",
        aria_label=label,
        title=label,
        aria_pressed="false",
    )
    tools = element("div", *buttons, theme, class_="tools", role="group", aria_label=words("frame.tools"))
    return tools + element("p", escape(words("frame.offline")), class_="offline-note", role="status")


def chats_html(conversations: Sequence[Conversation], active: str, words: Words, searching: bool = False) -> str:
    """Return the list of conversations under the days they were last used."""
    if not conversations:
        return element("p", escape(words("frame.no_match" if searching else "frame.no_chats")), class_="nothing")
    rows: list[str] = []
    heading = ""
    for each in conversations[:LISTED]:
        day = words.day(each.updated)
        if day != heading:
            rows.append(element("h3", escape(day)))
            heading = day
        rows.append(_chat_row(each.id, each.title, each.id == active, words))
    return element("nav", *rows, aria_label=words("frame.chats")) + _export(active, words)


def _export(active: str, words: Words) -> str:
    """Return links that take the open conversation, or all of them, out of the app."""

    def links(key: str, query: str) -> str:
        ways = [
            element("a", name, href=f"/chats.{ending}?language={words.language}{query}", download=True,
                    aria_label=f"{words(key)} {name}")
            for name, ending in (("JSONL", "jsonl"), ("Markdown", "md"))
        ]  # fmt: skip
        return element("p", escape(words(key)), " ", " · ".join(ways))

    this = links("frame.export_this", f"&c={active}") if active else ""
    return element("details", element("summary", escape(words("frame.export"))), this,
                   links("frame.export_all", ""), class_="export")  # fmt: skip


@lru_cache(maxsize=4096)  # every tab's list is drawn at every message, and few of its rows are new
def _chat_row(key: str, title: str, active: bool, words: Words) -> str:
    title = title or words("frame.untitled")
    link = element(
        "a",
        escape(title),
        href=f"?c={key}",
        title=title,
        data_act="open",
        data_conversation=key,
        aria_current="page" if active else None,
    )
    rename = act("form", words("frame.rename", title=title), icon("edit"), local=True, class_="tiny")
    remove = element(
        "button",
        "×",
        type="button",
        class_="tiny remove",
        data_act="delete",
        data_confirm=True,
        data_conversation=key,
        aria_label=words("frame.delete", title=title),
        title=words("frame.delete", title=title),
    )
    field = element("input", value=title, aria_label=words("frame.rename", title=title), maxlength=TITLE_CHARACTERS)
    save = act("rename", words("frame.rename_save"), icon("check"), class_="tiny", data_conversation=key)
    form = element("div", field, save, class_="own-form", data_form="rename", hidden=True)
    return element("div", link, rename, remove, form, class_="chat on" if active else "chat")


def status_html(page: Page) -> str:
    """Return the model, the device, and a training under way."""
    model, device = status(page.services, page.words)
    job = running_job(page.services.home)
    training = (
        element("span", escape(page.words("status.job")), class_="tag")
        + element("span", escape(f"{job[0]} {job[1]}"), class_="value", id="status-job")
        if job
        else ""
    )
    return element(
        "div",
        element("span", escape(page.words("status.model")), class_="tag"),
        element("span", escape(model), class_="value"),
        element("span", escape(page.words("status.device")), class_="tag"),
        element("span", escape(device), class_="value"),
        training,
        class_="status-line",
    )
