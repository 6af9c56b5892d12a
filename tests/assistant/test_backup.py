"""A backup holds all that a person made, also while it changes, and a damaged one is refused whole."""

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from assistant.backup import restore_backup, write_backup
from assistant.errors import DamagedError, InputError, RefusedError
from assistant.paths import Home
from assistant.services import Services
from assistant.settings import Settings
from assistant.store import Store


@pytest.fixture
def elsewhere(tmp_path: Path) -> Home:
    return Home(tmp_path / "elsewhere")


def test_a_running_app_is_backed_up_and_restored_elsewhere(
    services: Services, elsewhere: Home, tmp_path: Path, settings: Settings
) -> None:
    chat = services.store.create_conversation("대화")
    asked = services.store.add_message(chat, "user", "언제 열어요?")
    services.store.add_message(chat, "assistant", "아홉 시에 열어요.", parent=asked)
    (services.home.root / "prices.yaml").write_text("currency: KRW\n", encoding="utf-8")
    done = write_backup(services.home, tmp_path / "all.tar.gz")
    services.store.add_message(chat, "user", "나중 질문", parent=asked)  # after it began: not in it, and no harm

    assert restore_backup(tmp_path / "all.tar.gz", elsewhere)["files"] == done["files"]
    assert (elsewhere.root / "prices.yaml").read_text("utf-8") == "currency: KRW\n"
    assert not elsewhere.index.exists() and not elsewhere.lock.exists() and not elsewhere.owner.exists()
    services.close()
    opened = Services(settings.model_copy(update={"home": elsewhere.root}))
    try:
        texts = [message.content for message in opened.store.messages(chat)]
        assert texts == ["언제 열어요?", "아홉 시에 열어요."]
        opened.library.rebuild()
        assert opened.library.retriever().search("도서관 휴관일", 3)
    finally:
        opened.close()


def test_every_kept_file_comes_back_to_the_byte(demo_home: Home, elsewhere: Home, tmp_path: Path) -> None:
    (demo_home.root / "joyul.log").write_text("secret\n")
    (demo_home.adapters / ".half").mkdir()
    write_backup(demo_home, tmp_path / "all.tar.gz")
    restore_backup(tmp_path / "all.tar.gz", elsewhere)
    there = {path.relative_to(elsewhere.root) for path in elsewhere.root.rglob("*") if path.is_file()}
    assert {Path("joyul.sqlite"), Path("demo.json")} < there and not any("log" in path.name for path in there)
    for path in there - {Path("joyul.sqlite")}:
        assert (elsewhere.root / path).read_bytes() == (demo_home.root / path).read_bytes(), path
    assert {path.parts[0] for path in there} >= {"adapters", "originals"}
    Store(elsewhere.database).close()


def test_a_truncated_archive_leaves_nothing(demo_home: Home, elsewhere: Home, tmp_path: Path) -> None:
    write_backup(demo_home, tmp_path / "all.tar.gz")
    whole = (tmp_path / "all.tar.gz").read_bytes()
    broken = tmp_path / "broken.tar.gz"
    for length in (0, 1, 100, len(whole) // 2, len(whole) - 1):
        broken.write_bytes(whole[:length])
        with pytest.raises(DamagedError):
            restore_backup(broken, elsewhere)
        assert not elsewhere.root.exists() and not list(tmp_path.glob(".elsewhere*"))


def test_a_changed_or_foreign_archive_is_refused(demo_home: Home, elsewhere: Home, tmp_path: Path) -> None:
    write_backup(demo_home, tmp_path / "all.tar.gz")
    plain = gzip.decompress((tmp_path / "all.tar.gz").read_bytes())
    changed = tmp_path / "changed.tar.gz"
    at = plain.index("솔마루".encode())
    changed.write_bytes(gzip.compress(plain[:at] + "바뀐글".encode() + plain[at + 9 :], 1))
    with pytest.raises(DamagedError, match="not those it lists"):
        restore_backup(changed, elsewhere)
    for name in ("../outside", "/etc/outside"):
        with tarfile.open(changed, "w:gz") as archive:
            archive.addfile(tarfile.TarInfo(name), io.BytesIO())
        with pytest.raises(RefusedError, match="no plain file of its folder"):
            restore_backup(changed, elsewhere)
    link = tarfile.TarInfo("link")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
    with tarfile.open(changed, "w:gz") as archive:
        archive.addfile(link)
    with pytest.raises(RefusedError):
        restore_backup(changed, elsewhere)
    assert not elsewhere.root.exists()


def test_nothing_is_overwritten(demo_home: Home, home: Home, tmp_path: Path) -> None:
    target = tmp_path / "all.tar.gz"
    write_backup(demo_home, target)
    before = target.read_bytes()
    with pytest.raises(InputError, match="is there already"):
        write_backup(demo_home, target)
    with pytest.raises(InputError, match="is not empty"):
        restore_backup(target, demo_home)
    with pytest.raises(InputError, match="inside the state folder"):
        write_backup(demo_home, demo_home.root / "all.tar.gz")
    with pytest.raises(InputError, match="nothing to back up"):
        write_backup(Home(tmp_path / "none"), tmp_path / "other.tar.gz")
    assert target.read_bytes() == before and not list(tmp_path.glob("*.partial"))
