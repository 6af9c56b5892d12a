"""Adding, updating, removing and rebuilding, on real parts."""

import stat
import unicodedata
from pathlib import Path

import pytest

from assistant.errors import InputError, UnavailableError, UsageError
from assistant.paths import Home
from assistant.retrieval.library import Library


def test_add_again_changes_nothing_then_updates_then_follows_the_folder(library: Library, folder: Path) -> None:
    first = library.add([folder])
    assert (first.added, first.unchanged, first.updated, first.removed, first.failed) == (3, 0, 0, 0, [])
    assert [info.name for info in library.documents()] == ["ko/tuning.md", "oboe.txt", "violin.md"]
    assert library.add([folder]).unchanged == 3
    identity = library.identity()

    (folder / "violin.md").write_text("# Violin repair\n\nA new bridge costs 60 dollars.\n", encoding="utf-8")
    before = library.documents()[2].id
    changed = library.add([folder])
    assert (changed.updated, changed.unchanged) == (1, 2)
    assert library.documents()[2].id == before
    assert library.identity() != identity
    texts = [p.text for p in library.retriever().search("what does a violin bridge cost", 5)]
    assert "60 dollars" in texts[0]
    assert not any("45 dollars" in text for text in texts)

    (folder / "oboe.txt").unlink()
    assert library.add([folder]).removed == 1
    assert [info.name for info in library.documents()] == ["ko/tuning.md", "violin.md"]


def test_one_name_in_two_normal_forms_is_one_document(library: Library, tmp_path: Path) -> None:
    text = "한글 문서는 이름이 하나입니다."
    for form, place in (("NFC", "a"), ("NFD", "b")):
        (tmp_path / place).mkdir()
        path = tmp_path / place / unicodedata.normalize(form, "안내문.txt")
        path.write_text(unicodedata.normalize(form, text), encoding="utf-8")
        library.add([path])
    (info,) = library.documents()
    assert info.name == unicodedata.normalize("NFC", "안내문.txt")
    assert library.read(info.id).text == text
    assert library.retriever().search(unicodedata.normalize("NFD", "한글 문서 이름"), 1)
    assert library.remove([unicodedata.normalize("NFD", "안내문.txt")]) == 1


@pytest.mark.parametrize("word", ["조율은", "조율을", "조율이", "조율", "피아노조율"])
def test_particles_and_spacing_do_not_hide_a_word(library: Library, folder: Path, word: str) -> None:
    library.add([folder])
    best = library.retriever(kind="keyword").search(f"{word} 얼마예요?", 1)[0]
    assert "9만 원" in best.text


@pytest.mark.parametrize("how", ["remove", "update", "vanish"])
def test_gone_means_gone_from_every_file(home: Home, library: Library, folder: Path, how: str) -> None:
    secret = "zyxqvocarina"
    file = folder / "secret.md"
    file.write_text(f"# Notes\n\nThe {secret} is kept in the cellar.\n", encoding="utf-8")
    library.add([folder])
    assert _holding(home, secret)
    if how == "remove":
        assert library.remove(["secret.md", "no such name"]) == 1
    elif how == "update":
        file.write_text("# Notes\n\nNothing is kept in the cellar.\n", encoding="utf-8")
        assert library.add([folder]).updated == 1
    else:
        file.unlink()
        assert library.add([folder]).removed == 1
    assert _holding(home, secret) == []
    assert all(secret not in passage.text for passage in library.retriever().search(secret, 5))
    with pytest.raises(InputError):
        library.read("0" * 16)


def _holding(home: Home, text: str) -> list[Path]:
    return [path for path in home.root.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


def test_originals_are_private_and_named_by_id(home: Home, library: Library, folder: Path) -> None:
    library.add([folder])
    info = library.documents()[0]
    original = library.original(info.id)
    assert original.read_bytes() == (folder / info.name).read_bytes()
    assert original.parent == home.originals
    assert original.name.startswith(info.id)
    assert stat.S_IMODE(original.stat().st_mode) == 0o600


def test_bad_files_are_listed_and_stop_nobody(library: Library, folder: Path) -> None:
    (folder / "broken.txt").write_bytes(b"\xff\xfa\xfb broken")
    (folder / "empty.md").write_text("  \n", encoding="utf-8")
    (folder / "picture.png").write_bytes(b"\x89PNG")
    (folder / ".hidden").write_text("not a document", encoding="utf-8")
    (folder / "link.txt").symlink_to("/etc/passwd")
    (folder / "evil\u202etxt.md").write_text("# x\n\nbody", encoding="utf-8")
    report = library.add([folder, folder / "missing.md"])
    assert report.added == 3
    reasons = {Path(failure.path).name: failure.reason for failure in report.failed}
    assert set(reasons) == {"broken.txt", "empty.md", "picture.png", "link.txt", "evil\u202etxt.md", "missing.md"}
    assert all(reasons.values())
    failed = [info for info in library.documents() if info.status == "failed"]
    assert {info.name for info in failed} == {"broken.txt", "empty.md"}
    assert all(info.reason and not info.passages for info in failed)
    with pytest.raises(InputError):
        library.read(failed[0].id)


def test_a_version_that_cannot_be_read_leaves_the_good_one(library: Library, folder: Path) -> None:
    library.add([folder])
    (folder / "oboe.txt").write_bytes(b"\0\0\0\x01binary\0")
    report = library.add([folder])
    assert [Path(failure.path).name for failure in report.failed] == ["oboe.txt"]
    assert report.removed == 0
    assert "lukewarm" in library.retriever().search("how are oboe reeds soaked", 1)[0].text
    (folder / "oboe.txt").write_text("Oboe reeds are soaked for three minutes.", encoding="utf-8")
    assert library.add([folder]).updated == 1


def test_two_files_of_one_name_in_one_call(library: Library, tmp_path: Path) -> None:
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "same.txt").write_text(f"This is the text in {place}.", encoding="utf-8")
    report = library.add([tmp_path / "a" / "same.txt", tmp_path / "b" / "same.txt"])
    assert report.added == 1
    assert "same name" in report.failed[0].reason


def test_large_files_are_refused_unread(open_library, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    big = tmp_path / "big.txt"
    with big.open("wb") as file:
        file.truncate(3_000_000)
    report = open_library(file_megabytes=2).add([big])
    assert "at most 2 MB" in report.failed[0].reason


def test_foreign_questions_find_nothing_unless_examples(open_library, folder: Path) -> None:  # type: ignore[no-untyped-def]
    library = open_library("none")
    library.add([folder])
    library.add([folder], "repair-examples")
    query = "which two planets have no moons at all, astronomers say"
    assert library.retriever().search(query, 3) == []
    assert library.retriever("repair-examples").search(query, 3)


def test_another_embedder_asks_for_a_rebuild_and_the_old_index_serves(open_library, folder: Path) -> None:  # type: ignore[no-untyped-def]
    question = "violin bridge costs dollars"
    first = open_library("hashing")
    first.add([folder])
    expected = [p.text for p in first.retriever(kind="meaning").search(question, 1)]
    first.close()

    second = open_library("tests.assistant.retrieval.other_embedder:Other")
    status = second.status()
    assert status.rebuild_needed and "joyul docs rebuild" in status.message
    assert "hashing (256)" in status.message and "Other (32)" in status.message
    assert [p.text for p in second.retriever(kind="meaning").search(question, 1)] == expected
    (folder / "harp.txt").write_text("A harp has forty seven strings.", encoding="utf-8")
    assert second.add([folder]).added == 1  # into the old index, with the embedder that made it
    assert second.identity()["embedder"]["name"] == "hashing"

    steps: list[tuple[str, int, int]] = []
    done = second.rebuild(lambda name, number, total: steps.append((name, number, total)))
    assert done["documents"] == 4 and steps[-1][1:] == (4, 4)
    assert second.identity()["embedder"]["dimension"] == 32
    assert second.status().message == ""
    assert second.retriever(kind="meaning").search("harp strings", 1)[0].document == "harp.txt"
    second.close()
    assert open_library("hashing").status().rebuild_needed


def test_an_embedder_that_is_not_there_leaves_search_alive(open_library, folder: Path) -> None:  # type: ignore[no-untyped-def]
    open_library("hashing").add([folder])
    library = open_library("nobody/no-such-embedder")
    assert library.retriever().search("violin bridge costs", 1)
    assert "nobody/no-such-embedder" in library.status().message
    assert not library.status().damaged
    with pytest.raises(UnavailableError, match="hub cache"):
        library.rebuild()
    assert library.retriever().search("violin bridge costs", 1)


def test_chunk_size_is_part_of_the_identity(open_library, folder: Path) -> None:  # type: ignore[no-untyped-def]
    open_library().add([folder])
    other = open_library(chunk_characters=100)
    assert "chunk sizes" in other.status().message
    before = other.documents()[0].id
    other.rebuild()
    assert other.documents()[0].id == before
    assert not other.status().rebuild_needed


def test_unknown_kind_and_document(library: Library) -> None:
    with pytest.raises(UsageError, match="unknown retriever"):
        library.retriever(kind="psychic")
    with pytest.raises(InputError, match="no document"):
        library.original("../../etc/passwd")
