"""The review queue without Gradio: one candidate at a time, decided by a key."""

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from assistant.collect import EXAMPLES, SYNTHETIC
from assistant.datasets.agreement import Agreement, agreement
from assistant.datasets.review import DATASET, ORIGINS, Candidate, build_reviewed, pending, queue
from assistant.datasets.rows import Row, text_of
from assistant.datasets.store import DatasetStore
from assistant.datasets.versions import check_name
from assistant.errors import InputError
from assistant.operations import perform
from assistant.operations.datasets import candidates
from assistant.schema import normalise
from assistant.ui.context import PERSON, Page
from assistant.ui.convert import act, form_html
from assistant.ui.data_steps import steps_html
from assistant.ui.markup import element, escape
from assistant.ui.why import why_said

REVIEWER = PERSON
KEYS = {"accept": "A", "fix": "E", "reject": "R", "tag": "T", "skip": "S", "back": "B"}
MOST_TAGS, TAG_CHARACTERS = 10, 40


@dataclass
class Desk:
    """What one browser tab reviews; it lives on the server and is changed in place."""

    last: str = ""
    again: str = ""
    skipped: list[str] = field(default_factory=list)


class Chosen(NamedTuple):
    """What the fields over the queue hold."""

    reviewer: str = REVIEWER
    dataset: str = DATASET
    origin: str = ""


class ReviewPage:
    """The review queue's handlers for one language."""

    def __init__(self, page: Page) -> None:
        self.page, self.words = page, page.words
        self.services = page.services
        self.datasets = DatasetStore(page.services.home.datasets)
        self._mark: tuple[int, ...] = ()
        self._found: list[Candidate] = []

    def found(self) -> list[Candidate]:
        """Return every candidate; judgements are read again only when there are new ones, decisions always."""
        drafts = [self.services.home.root / draft for draft in (EXAMPLES, SYNTHETIC)]
        times = [draft.stat().st_mtime_ns if draft.exists() else 0 for draft in drafts]
        # The store counts its own writes; rows of another process show in how many there are.
        mark = (self.services.store.changes, *self.services.store.counts().values(), *times)
        if mark != self._mark:
            self._found, self._mark = candidates(self.services), mark
            return self._found
        made: dict[str, list[Any]] = {}
        for decision in self.services.store.decisions():
            made.setdefault(decision.candidate, []).append(decision)
        return [replace(each, decisions=tuple(made.get(each.id, ()))) for each in self._found]

    def html(self, desk: Desk, chosen: Chosen, said: str = "", steps: str = "") -> str:
        """Return the candidate to decide now, with what was just said and can be done, and how things stand below."""
        found, reviewer = self.found(), _reviewer(chosen)
        origins = (chosen.origin,) if chosen.origin in ORIGINS else ORIGINS
        waiting = queue(found, reviewer, origins)
        again = next((each for each in found if each.id == desk.again), None)
        order = sorted(waiting, key=lambda each: each.id in desk.skipped)
        now = again or (order[0] if order else None)
        status = element("p", escape(said), class_="said-line", role="status") if said else ""
        if now is None:
            body = element(
                "p", escape(self.words("review.empty" if not found else "review.all_done")), class_="nothing"
            )
            body += self._button("back") if desk.last else ""
        else:
            body = self._candidate(now, len(waiting), desk)
        return status + steps + body + self._foot(found)

    def _candidate(self, now: Candidate, waiting: int, desk: Desk) -> str:
        words = self.words
        head = element(
            "header",
            element("span", escape(words(f"review.origin_{now.origin}")), class_="tag origin"),
            element("span", escape(now.author), class_="tag"),
            *(element("span", escape(tag), class_="chip") for tag in now.tags),
            element("span", escape(words("review.waiting", n=f"{waiting:,}")), class_="figures"),
        )
        history = now.rows[0].get("history") or []
        turns = [element("p", escape(f"{turn['role']}: {text_of([turn])}"), dir_="auto") for turn in history]
        said = element("summary", escape(words("review.history", n=len(history))))
        before = element("details", said, *turns) if history else ""
        question = element("p", escape(now.question), class_="asked", dir_="auto")
        before += self._made(now.rows[0])
        answers = "".join(self._answer(key, text) for key, text in _answers(now))
        reason = why_said(now.rows[0].get("reason", ""), now.rows[0].get("comment", ""), (), words)
        why = element("p", escape(words("review.reason", reason=reason)), class_="help") if reason else ""
        return element(
            "article",
            head,
            before,
            element("h3", escape(words("review.question")), class_="sr"),
            question,
            answers,
            why,
            self._actions(now, desk),
            class_="candidate",
            tabindex=-1,
            data_candidate=now.id,
        )

    def _made(self, row: Row) -> str:
        """Return what a model made a row of: the passage, and who made it by which prompt."""
        words, made = self.words, row.get("synthetic")
        if not isinstance(made, dict):
            return ""
        place = str(made.get("document") or made.get("seed") or "")
        said = words("review.made_by", model=made.get("model"), prompt=made.get("prompt"), place=place)
        passages = [element("p", escape(str(text)), dir_="auto") for text in row.get("passages", ())]
        return element("details", element("summary", escape(said)), *passages)

    def _answer(self, key: str, text: str) -> str:
        name = element("span", escape(self.words(f"review.{key}")), class_="tag")
        return element("div", name, element("div", escape(text), class_="text", dir_="auto"), class_=f"reviewed {key}")

    def _actions(self, now: Candidate, desk: Desk) -> str:
        words = self.words
        fix = form_html(
            "fix",
            now.answer,
            words("review.fix_label"),
            words("review.fix_help"),
            words("review.fix_save"),
            words,
            compare_to=now.answer,
            candidate=now.id,
        )
        tag = form_html(
            "tag",
            "",
            words("review.tag_label"),
            words("review.tag_help"),
            words("review.tag_save"),
            words,
            candidate=now.id,
        )
        parts = [
            self._button("accept", "vote", candidate=now.id),
            element("div", self._button("fix", "vote", local=True), fix, class_="keeping-one"),
            self._button("reject", "vote", candidate=now.id),
            element("div", self._button("tag", "vote", local=True), tag, class_="keeping-one"),
            self._button("skip", "act-plain", candidate=now.id),
            self._button("back", "act-plain") if desk.last else "",
        ]
        refuse = act(
            "refuse",
            words("review.refuse", author=now.author),
            escape(words("review.refuse", author=now.author)),
            class_="link",
            data_author=now.author,
        )
        keys = element("p", escape(words("review.keys")), class_="keys")
        return (
            element("div", *parts, class_="keeping review-actions", role="group", aria_label=words("review.actions"))
            + keys
            + refuse
        )

    def _button(self, action: str, css: str = "act-plain", local: bool = False, candidate: str = "") -> str:
        label = self.words(f"review.{action}")
        inner = escape(label) + element("kbd", KEYS[action], aria_hidden="true")
        return act(
            "form" if local else action,
            label,
            inner,
            local=local,
            class_=css,
            data_candidate=candidate or None,
            data_review_key=KEYS[action].lower(),
            aria_keyshortcuts=KEYS[action],
        )

    def _foot(self, found: list[Candidate]) -> str:
        words = self.words
        rows = [
            element(
                "p",
                escape(words("review.pending", n=f"{n:,}", dataset=name)),
                " ",
                act(
                    "build",
                    words("review.build", dataset=name),
                    escape(words("review.build", dataset=name)),
                    class_="act-main",
                    data_dataset=name,
                ),
            )
            for name, n in pending(self.datasets, found).items()
        ]
        disputed = sum(each.state == "disputed" for each in found)
        if disputed:
            rows.append(element("p", escape(words("review.disputed", n=f"{disputed:,}")), class_="help"))
        rows += [element("p", escape(self._agreement(each)), class_="help") for each in agreement(found)]
        for author in sorted(self.services.store.refusing()):
            label = words("review.allow", author=author)
            rows.append(
                element(
                    "p",
                    escape(words("review.refusing", author=author)),
                    " ",
                    act("allow", label, escape(label), class_="act-plain", data_author=author),
                )
            )
        return element("section", *rows, class_="review-foot") if rows else ""

    def _agreement(self, both: Agreement) -> str:
        names = {"first": both.first, "second": both.second, "n": both.n, "agreed": both.agreed}
        if both.kappa is None or both.low is None or both.high is None:
            return self.words("review.no_kappa", **names)
        figures = {key: f"{getattr(both, key):.2f}" for key in ("kappa", "low", "high")}
        return self.words("review.kappa", **names, **figures)

    def decide(self, desk: Desk, chosen: Chosen, key: str, action: str, text: str = "") -> str:
        """Keep a decision and return the next candidate; tags leave the candidate where it is.

        Raises:
            InputError: the candidate is gone, or the decision says nothing.
        """
        words, dataset = self.words, check_name(chosen.dataset.strip() or DATASET)
        if key not in {each.id for each in self.found()}:
            raise InputError(words("review.gone"), "")
        tags = _tags(text) if action == "tag" else []
        if (action == "tag" and not tags) or (action == "fix" and not text.strip()):
            raise InputError(words(f"review.no_{action}"), "")
        self.services.store.add_decision(
            key, action, reviewer=_reviewer(chosen), text=text if action == "fix" else "", tags=tags, dataset=dataset
        )
        if action != "tag":
            desk.last, desk.again = key, ""
        else:
            desk.again = key
        return self.html(desk, chosen, words(f"review.said_{action}", dataset=dataset))

    def skip(self, desk: Desk, chosen: Chosen, key: str) -> str:
        """Put a candidate at the end of the queue."""
        desk.skipped, desk.again = [*(each for each in desk.skipped if each != key), key], ""
        return self.html(desk, chosen)

    def back(self, desk: Desk, chosen: Chosen) -> str:
        """Show the candidate decided last again; another decision takes the place of the first."""
        desk.again = desk.last
        return self.html(desk, chosen)

    def build(self, desk: Desk, chosen: Chosen, name: str) -> tuple[str, str]:
        """Make the dataset's next version; return the queue and the version's name.

        Raises:
            InputError: nothing was decided since the last one.
        """
        made = build_reviewed(self.datasets, self.found(), name, self.services.store.refusing())
        counts = {key: f"{made[key]:,}" for key in ("added", "removed", "changed", "rows")}
        said, steps = self.words("review.built", ref=made["version"], **counts), steps_html(made["version"], self.words)
        return self.html(desk, chosen, said, steps), made["version"]

    def consent(self, desk: Desk, chosen: Chosen, author: str, allowed: bool) -> str:
        """Keep whether what a person does may be collected."""
        perform(self.services, "data.consent", {"author": author or REVIEWER, "allowed": allowed})
        return self.html(desk, chosen, self.words("review.allowed" if allowed else "review.refused", author=author))


def _answers(now: Candidate) -> list[tuple[str, str]]:
    """Return the answers of a candidate once each, with what is said of them."""
    shown: dict[str, str] = {}
    for row in now.rows:
        for key in _said(row):
            shown.setdefault(text_of(row["completion" if key in ("good", "bad") else key.removeprefix("tie_")]), key)
    return [(key, text) for text, key in shown.items()]


def _said(row: Row) -> list[str]:
    if "label" in row:
        return ["good" if row["label"] else "bad"]
    if row.get("tie"):
        return ["tie_chosen", "tie_rejected"]
    return [key for key in ("answer", "chosen", "rejected") if key in row]


def _reviewer(chosen: Chosen) -> str:
    return normalise(chosen.reviewer.strip())[:64] or REVIEWER


def _tags(text: str) -> list[str]:
    parts = (part.strip()[:TAG_CHARACTERS] for part in text.replace("\n", ",").split(","))
    return list(dict.fromkeys(part for part in parts if part))[:MOST_TAGS]
