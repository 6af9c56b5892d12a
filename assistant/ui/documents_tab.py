"""The documents page: its parts and which handler each of them calls."""

from collections.abc import Generator
from typing import Any

import gradio as gr

from assistant.ui.context import Page, event_data, panel
from assistant.ui.documents_view import DocumentsPage, Shelf
from assistant.ui.frame import Frame
from assistant.ui.parts import QUIET, page_head, wire_viewer

SUFFIXES = [".md", ".markdown", ".txt", ".pdf", ".docx", ".html", ".htm"]


class DocumentsTab:
    """Gradio's side of the documents page; every decision is in :class:`DocumentsPage`."""

    def __init__(self, page: Page, frame: Frame) -> None:
        self.page = page
        self.view = DocumentsPage(page)
        words = page.words
        page_head(words, "documents")
        with gr.Row(elem_id="documents-row"):
            with gr.Column(min_width=300, scale=1):
                self.drop = gr.File(
                    label=words("documents.drop"), file_count="multiple", elem_id="drop", height=116, show_label=False
                )
                self.said = panel("", "documents-said", "undo")
                self.list = panel("", "documents-list", "remove", "source")
            with gr.Column(min_width=300, scale=1):
                self.query = gr.Textbox(
                    label=words("documents.search"),
                    placeholder=words("documents.search_placeholder"),
                    elem_id="search-documents",
                    max_lines=1,
                )
                self.embedder = panel("", "embedder")
                self.hits = panel(self.view.search(""), "hits", "source")
        self._wire(frame)

    def _wire(self, frame: Frame) -> None:
        guard = self.page.guard
        shown = [self.list, self.said, self.embedder]
        # The drop zone is emptied in the same event, so that the same file can be dropped again.
        self.drop.upload(guard(self.on_add), [self.drop], [self.drop, *shown], **QUIET)
        self.list.remove(guard(self.on_remove), None, shown, **QUIET)
        self.said.undo(guard(self.on_undo), None, shown, **QUIET)
        self.query.submit(guard(self.view.search), [self.query], [self.hits], **QUIET)
        wire_viewer(self.page, frame, self.list, self.hits)

    def load(self, blocks: gr.Blocks) -> None:
        """Fill the page when it is opened."""
        shown = [self.list, self.said, self.embedder]
        blocks.load(self.page.guard(self.on_show), None, shown, **QUIET)

    def on_show(self) -> list[Any]:
        """Return the whole page."""
        return shelf(self.view.show())

    def on_add(self, paths: list[str] | None) -> Generator[list[Any], None, None]:
        """Read dropped files."""
        for change in self.view.add(paths or []):
            yield [None, *shelf(change)]

    def on_remove(self, event: gr.EventData) -> list[Any]:
        """Remove a document."""
        return shelf(self.view.remove(str(event_data(event).get("document", ""))))

    def on_undo(self, event: gr.EventData) -> list[Any]:
        """Bring a removed document back."""
        return shelf(self.view.undo(str(event_data(event).get("token", ""))))


def build_documents(page: Page, frame: Frame) -> DocumentsTab:
    """Lay out the documents page; call inside its tab."""
    return DocumentsTab(page, frame)


def shelf(change: Shelf) -> list[Any]:
    """Return a change as Gradio's outputs."""
    return [gr.skip() if part is None else part for part in change]
