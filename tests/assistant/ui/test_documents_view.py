"""Documents: added with a report, searched with both scores, removed with an undo."""

from pathlib import Path

import pytest

from assistant.errors import InputError
from assistant.ui.context import Page
from assistant.ui.documents_view import DocumentsPage
from assistant.ui.viewer import open_source


@pytest.fixture
def documents(page: Page) -> DocumentsPage:
    return DocumentsPage(page)


def _note(folder: Path, name: str = "zebra.md", text: str = "# Zebra\n\nThe zebra fee is 4,200 won.") -> str:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return str(file)


def _id(documents: DocumentsPage, name: str) -> str:
    return next(each.id for each in documents.library.documents() if each.name == name)


def test_added_files_are_counted_and_listed(documents: DocumentsPage, tmp_path: Path) -> None:
    (tmp_path / "empty.md").write_bytes(b"")
    changes = list(documents.add([_note(tmp_path), str(tmp_path / "empty.md")]))
    assert "zebra.md" in (changes[0].list or "") and "Reading" in (changes[0].list or "")
    assert "1 added" in (changes[-1].said or "") and "1 failed" in (changes[-1].said or "")
    assert "empty.md" in (changes[-1].said or "") and "zebra.md" in (changes[-1].list or "")


def test_search_shows_both_halves(documents: DocumentsPage, tmp_path: Path) -> None:
    list(documents.add([_note(tmp_path)]))
    found = documents.search("zebra fee")
    assert "4,200 won" in found and "keywords" in found and "meaning" in found
    assert "nothing" in documents.search("  ")


def test_a_removed_document_is_gone_and_can_come_back(documents: DocumentsPage, tmp_path: Path) -> None:
    list(documents.add([_note(tmp_path)]))
    original = documents.library.original(_id(documents, "zebra.md"))
    change = documents.remove(_id(documents, "zebra.md"))
    assert 'data-name="zebra.md"' not in (change.list or "") and not original.exists()
    assert "4,200" not in documents.search("zebra fee")
    token = (change.said or "").split('data-token="')[1].split('"')[0]
    assert 'data-name="zebra.md"' in (documents.undo(token).list or "")
    assert "4,200" in documents.search("zebra fee")
    with pytest.raises(InputError):
        documents.undo(token)


def test_a_document_of_a_folder_comes_back_under_its_name(documents: DocumentsPage) -> None:
    name = next(each.name for each in documents.library.documents() if "/" in each.name)
    change = documents.remove(_id(documents, name))
    documents.undo((change.said or "").split('data-token="')[1].split('"')[0])
    assert name in [each.name for each in documents.library.documents()]


def test_removing_what_is_not_there_says_so(documents: DocumentsPage) -> None:
    with pytest.raises(InputError):
        documents.remove("../../etc")


def test_the_page_says_which_embedder_and_what_it_reads(documents: DocumentsPage, korean: Page) -> None:
    assert "hashing" in documents.embedder_html()
    assert "hashing으로" in DocumentsPage(korean).embedder_html()


def test_a_source_opens_at_its_place(documents: DocumentsPage, tmp_path: Path) -> None:
    list(documents.add([_note(tmp_path, text="# Zebra\n\nBefore.\n\nThe <b>zebra</b> fee is 4,200 won.\n\nAfter.")]))
    (hit, *_) = documents.library.retriever().search("zebra fee", 1)
    data = {"document": hit.document_id, "start": hit.start, "text": hit.text}
    shown = open_source(documents.page, data)
    marked = shown.split("<mark>")[1].split("</mark>")[0]
    assert "4,200 won" in marked and "<b>zebra" not in shown and "data-opened" in shown


def test_a_source_of_a_removed_document_says_so(documents: DocumentsPage) -> None:
    for data in ({}, {"document": "gone"}, {"document": "../x", "start": "NaN"}):
        with pytest.raises(InputError):
            open_source(documents.page, data)


def test_hostile_names_stay_text(documents: DocumentsPage, tmp_path: Path) -> None:
    list(documents.add([_note(tmp_path, "<img src=x onerror=alert(1)>.md")]))
    assert "<img" not in documents.list_html()
