"""What a person sees first: what this is, who answers, what to ask, and the question that Joyul is there for."""

import json
import re
from pathlib import Path
from typing import Any

from assistant.ui.about import introduction
from assistant.ui.context import Page
from assistant.ui.markup import element, escape
from assistant.ui.words import Words


def welcome_html(page: Page) -> str:
    """Return the empty chat's content."""
    words = page.words
    return element(
        "section",
        element("h1", escape(words("welcome.title"))),
        element("p", escape(words("welcome.what")), class_="lead"),
        element("p", _code(introduction(page.services, words)), class_="model"),
        examples_html(words),
        _worth(newest_result(page.services.home.runs), words),
        class_="welcome",
    )


def examples_html(words: Words) -> str:
    """Return questions to begin with; each sends ``ask``."""
    examples = [
        element("button", escape(question), type="button", class_="example", data_act="ask", data_text=question)
        for question in words.all("welcome.examples")
    ]
    return element("div", *examples, class_="examples", role="group", aria_label=words("welcome.try"))


def newest_result(runs: Path) -> dict[str, Any] | None:
    """Return the newest finished evaluation's document, None where there is none that can be read."""
    # A run's name ends with when it began and what it is of.
    found = sorted(runs.glob("*/result.json"), key=lambda path: path.parent.name.rsplit("-", 2)[1:])
    try:
        return dict(json.loads(found[-1].read_text(encoding="utf-8"))) if found else None
    except (OSError, ValueError):
        return None


def _worth(result: dict[str, Any] | None, words: Words) -> str:
    """Return whether tuning pays off: the newest verdict's first sentence, or how to get one."""
    ways = [_link(page, words(f"welcome.to_{page}")) for page in ("compare", "tune")]
    if result is None:
        said = element("p", escape(words("welcome.how")))
        ways.append(_link("evaluate", words("welcome.to_evaluate")))
    else:
        choice = str(result["verdict"]["choice"])
        lead = str(result["verdict"].get("text", {}).get(words.language, "")).partition(". ")[0].rstrip(".")
        badge = element("span", escape(words(f"evaluate.badge_{choice.replace('+', '_')}")), class_="badge small")
        said = element("p", badge, element("b", escape(f"{lead}.")), element("span", escape(str(result["suite"]))))
        ways.insert(0, _link("evaluate", words("welcome.evidence")))
    title = element("h2", escape(words("welcome.worth")))
    return element("div", title, said, element("p", *ways, class_="ways"), class_="worth")


def _link(page: str, text: str) -> str:
    return element("button", escape(text), type="button", class_="link", data_local="page", data_to=page)


def _code(text: str) -> str:
    return re.sub(r"--[a-z]+", lambda match: element("code", match[0]), escape(text))
