"""What to collect next, without Gradio: where the best variant fails, and where votes settle nothing."""

from typing import Any

from assistant.operations import perform
from assistant.ui.context import Page
from assistant.ui.data_plots import percent
from assistant.ui.markup import element, escape
from assistant.ui.words import Words


def next_html(page: Page) -> str:
    """Return what to collect next: where the best variant fails, and where votes settle nothing."""
    words, found = page.words, perform(page.services, "data.next", {})
    if not found["run"] and not found["votes"]:
        return element("p", escape(words("collect_next.none")), class_="nothing")
    parts = []
    if found["topics"]:
        said = words("collect_next.from_run", suite=found["suite"], variant=found["variant"])
        parts += [element("h3", escape(said)), element("p", escape(words("collect_next.not_these")), class_="help")]
        parts.append(element("ol", *(_topic(each, words) for each in found["topics"]), class_="topics"))
    elif found["run"]:
        parts.append(element("p", escape(words("collect_next.no_failures", suite=found["suite"])), class_="help"))
    if found["votes"]:
        parts.append(element("h3", escape(words("collect_next.from_votes"))))
        parts.append(element("ol", *(_vote(each, words) for each in found["votes"]), class_="topics"))
    return "".join(parts)


def _topic(each: dict[str, Any], words: Words) -> str:
    figures = {"failed": each["failed"], "n": each["n"], "share": percent(each["failed"], each["n"])}
    span = {"low": f"{100 * each['low']:.0f}", "high": f"{100 * each['high']:.0f}"}
    examples = [
        element(
            "li",
            element("span", escape(row["question"]), class_="q", dir_="auto"),
            element("span", escape(_expected(row, words)), class_="a", dir_="auto"),
        )
        for row in each["examples"]
    ]
    head = element(
        "summary",
        element("b", escape(each["topic"])),
        " ",
        element("span", escape(words("collect_next.failed", **figures, **span)), class_="figures"),
    )
    return element("li", element("details", head, element("ul", *examples, class_="changes")))


def _expected(row: dict[str, Any], words: Words) -> str:
    expected = row["expected"] or words("collect_next.refuse")
    return words("collect_next.said", said=row["said"] or "–", expected=expected)


def _vote(each: dict[str, Any], words: Words) -> str:
    choices = ", ".join(f"{name} {n}" for name, n in each["choices"].items())
    said = words(f"collect_next.why_{each['why']}", n=each["votes"], choices=choices)
    return element(
        "li",
        element("span", escape(each["question"]), class_="q", dir_="auto"),
        element("span", escape(said), class_="figures"),
    )
