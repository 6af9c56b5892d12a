"""What the documents page does, without Gradio."""

import queue
import shutil
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Generator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from assistant.errors import InputError, JoyulError
from assistant.records import new_id
from assistant.retrieval.library import AddReport, DocumentInfo
from assistant.schema import Passage
from assistant.ui.context import Page
from assistant.ui.icons import icon
from assistant.ui.markup import element, escape, markdown

COLLECTION = "documents"
HITS = 5
KEPT = 8
WAIT_SECONDS = 0.2


class Shelf(NamedTuple):
    """What changed on the page; None leaves a part as it is."""

    list: str | None = None
    said: str | None = None
    embedder: str | None = None


class DocumentsPage:
    """The documents page's handlers for one language."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.words = page.words
        self.library = page.services.library
        # Removed files wait here, in memory only, for an undo: what is removed is gone from the disk at once.
        self._kept: OrderedDict[str, tuple[str, bytes]] = OrderedDict()

    def show(self) -> Shelf:
        """Return the whole page."""
        return Shelf(self.list_html(), "", self.embedder_html())

    def add(self, paths: Sequence[str]) -> Generator[Shelf, None, None]:
        """Read files into the collection, telling how far it is; ends with a count of what happened."""
        if not paths:
            return
        news: queue.SimpleQueue[tuple[str, int, int] | None] = queue.SimpleQueue()
        outcome: list[AddReport | Exception] = []

        def work() -> None:
            try:
                files = [Path(path) for path in paths]
                outcome.append(self.library.add(files, COLLECTION, lambda *told: news.put(told)))
            except Exception as error:
                outcome.append(error)
            finally:
                news.put(None)

        names = [Path(path).name for path in paths]
        yield Shelf(self.list_html(waiting=names), self._said(self.words("documents.reading")))
        # A thread, so that closing the tab never leaves a file half-read.
        threading.Thread(target=work, name="add-documents", daemon=True).start()
        while True:
            try:
                told = news.get(timeout=WAIT_SECONDS)
            except queue.Empty:
                yield Shelf()
                continue
            if told is None:
                break
            name, done, total = told
            yield Shelf(said=self._said(self.words("documents.progress", name=name, done=done, total=total)))
        result = outcome[0]
        if isinstance(result, Exception):
            yield Shelf(self.list_html(), "")
            raise result
        yield Shelf(self.list_html(), self._report(result), self.embedder_html())

    def _report(self, report: AddReport) -> str:
        counts = {key: getattr(report, key) for key in ("added", "updated", "unchanged")}
        said = self._said(self.words("documents.report", **counts, failed=len(report.failed)))
        rows = [
            element("li", element("b", escape(Path(each.path).name)), " ", escape(self.words.said(each.reason)))
            for each in report.failed
        ]
        return said + (element("ul", *rows, class_="failures") if rows else "")

    def remove(self, document: str) -> Shelf:
        """Remove a document everywhere; its bytes stay in memory for an undo.

        Raises:
            InputError: it is not there.
        """
        found = {each.id: each for each in self.library.documents(COLLECTION)}.get(document)
        if found is None:
            raise InputError(self.words("documents.no_document"), "")
        data = None
        with suppress(JoyulError, OSError):  # a file that could never be read has no original; its row can still go
            data = self.library.original(document).read_bytes()
        self.library.remove([document], COLLECTION)
        said = self.words("documents.removed", name=found.name)
        if data is None:
            return Shelf(self.list_html(), self._said(said))
        token = new_id()
        self._kept[token] = (found.name, data)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        undo = element(
            "button",
            escape(self.words("documents.undo")),
            type="button",
            class_="act-plain",
            id="undo",
            data_act="undo",
            data_token=token,
        )
        return Shelf(self.list_html(), element("p", escape(said), " ", undo, class_="said-line", role="status"))

    def undo(self, token: str) -> Shelf:
        """Add a removed document again under its name.

        Raises:
            InputError: it is not kept any more.
        """
        kept = self._kept.pop(token, None)
        if kept is None:
            raise InputError(self.words("documents.no_undo"), "")
        name, data = kept
        folder = Path(tempfile.mkdtemp(prefix="joyul-undo-"))
        try:
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
            self.library.add([folder], COLLECTION)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return Shelf(self.list_html(), self._said(self.words("documents.undone", name=name)), self.embedder_html())

    def search(self, query: str) -> str:
        """Return what retrieval finds, each hit with both halves' scores."""
        if not query.strip():
            return element("p", escape(self.words("documents.search_empty")), class_="nothing")
        found = self.library.retriever(COLLECTION).search(query.strip(), HITS)
        if not found:
            return element("p", escape(self.words("documents.nothing")), class_="nothing")
        top = max((p.keyword_score or 0.0 for p in found), default=0.0) or 1.0
        return element("ol", *(self._hit(n, passage, top) for n, passage in enumerate(found, 1)), class_="hits")

    def _hit(self, number: int, passage: Passage, top: float) -> str:
        words = self.words
        bars = [
            _bar(words("documents.keyword"), passage.keyword_score, top, words("documents.unseen"), "keyword"),
            _bar(words("documents.meaning"), passage.meaning_score, 1.0, words("documents.unseen"), "meaning"),
        ]
        opener = element(
            "button",
            element("b", str(number)),
            escape(passage.document),
            type="button",
            class_="hit-name",
            data_act="source",
            data_document=passage.document_id,
            data_start=passage.start,
            data_text=passage.text,
        )
        fused = element("span", escape(f"{words('documents.fused')} {passage.score:.2f}"), class_="figures")
        text = element("div", markdown(passage.text), class_="hit-text", dir_="auto")
        return element(
            "li", element("div", opener, fused, class_="hit-head"), text, element("div", *bars, class_="bars")
        )

    def embedder_html(self) -> str:
        """Return which embedder compares meaning, and whether it reads Korean."""
        words, status = self.words, self.library.status(COLLECTION)
        if status.embedder == "none":
            said = words("documents.no_embedder")
        else:
            reads = "reads_korean" if "ko" in status.languages else "english_only"
            said = f"{words('documents.embedder', name=status.embedder)} {words(f'documents.{reads}')}"
        parts = [element("p", escape(said), class_="help")]
        if status.message:
            parts.append(element("p", escape(words.said(status.message)), class_="notes failed"))
        return "".join(parts)

    def list_html(self, waiting: Sequence[str] = ()) -> str:
        """Return the documents with their state; ``waiting`` are files that are being read."""
        words, found = self.words, self.library.documents(COLLECTION)
        if not found and not waiting:
            return element("p", escape(words("documents.none")), class_="nothing")
        passages = sum(each.passages for each in found)
        head = element("p", escape(words("documents.list", n=len(found), passages=passages)), class_="count")
        rows = [self._waiting(name) for name in waiting]
        rows += [self._row(each) for each in sorted(found, key=self._order)]
        return head + element("ul", *rows, class_="documents")

    def _order(self, each: DocumentInfo) -> tuple[bool, bool, str]:
        """What needs attention first, then the page's own language."""
        return each.status == "ready", each.language != self.words.language, each.name

    def _waiting(self, name: str) -> str:
        state = element("span", escape(self.words("documents.reading")), class_="state busy")
        return element("li", element("span", escape(name), class_="name"), state)

    def _row(self, each: DocumentInfo) -> str:
        words = self.words
        if each.status == "ready":
            label = words("documents.open", name=each.name)
            name = element(
                "button",
                escape(each.name),
                type="button",
                class_="name",
                data_act="source",
                data_document=each.id,
                data_start=0,
                data_text="",
                aria_label=label,
            )
            state = element("span", escape(words("documents.ready", n=each.passages)), class_="state")
        else:
            name = element("span", escape(each.name), class_="name")
            reason = words("documents.failed", reason=words.said(each.reason))
            state = element("span", escape(reason), class_="state failed")
        remove = element(
            "button",
            icon("trash"),
            type="button",
            class_="quiet",
            data_act="remove",
            data_document=each.id,
            aria_label=words("documents.remove", name=each.name),
            title=words("documents.remove", name=each.name),
        )
        language = words(f"language.{each.language}") if words.has(f"language.{each.language}") else each.language
        more = element("span", escape(language), class_="language") + element(
            "span", words.size(each.bytes), class_="size"
        )
        return element("li", name, more, state, remove, data_name=each.name)

    def _said(self, text: str) -> str:
        return element("p", escape(text), class_="said-line", role="status")


def _bar(label: str, value: float | None, top: float, unseen: str, kind: str) -> str:
    shown = unseen if value is None else f"{value:.2f}"
    width = 0.0 if value is None else max(0.0, min(1.0, value / top))
    fill = element("i", style=f"width:{100 * width:.0f}%", class_=kind)
    return element(
        "div",
        element("span", escape(label), class_="tag"),
        element("span", fill, class_="track", aria_hidden="true"),
        element("span", escape(shown), class_="figures"),
        class_="bar",
    )
