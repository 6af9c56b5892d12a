"""A version again, from its parent and what was recorded: each step must give the very same rows.

============================  ======================================================================
dedupe, filter                the parent's rows without those that the decisions leave out
split                         the parent's rows, their parts worked out again from the recorded options
import                        the parent's rows and those of the source file, found by its SHA-256
build, review                 what the state database held then; what was deleted since is missing
============================  ======================================================================

Every step starts from the parent as it is stored, so that a difference is named where it arose.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from assistant.datasets.cleaning import remake
from assistant.datasets.feedback import BuildOptions, build
from assistant.datasets.importing import ImportOptions, import_file
from assistant.datasets.options import ReadOptions
from assistant.datasets.review import build_reviewed, candidates
from assistant.datasets.rows import Row
from assistant.datasets.splitting import SplitOptions, split_known
from assistant.datasets.store import DatasetStore, Draft, Version
from assistant.datasets.templates import load_template
from assistant.errors import DamagedError, InputError, JoyulError
from assistant.paths import Home
from assistant.progress import Progress
from assistant.records import Decision, Feedback, StoredMessage, Vote
from assistant.store import Store

MOST_NAMED = 20
_LEFT_OUT, _LEAKS = "left out", "in evaluation set "


@dataclass(frozen=True, slots=True)
class Step:
    """How one version came out: ``same``, ``different`` (then how), or ``unchecked`` (then why)."""

    version: str
    operation: str
    status: Literal["same", "different", "unchecked"]
    why: str = ""
    differences: Sequence[Mapping[str, str]] = ()
    total: int = 0
    damaged: bool = False


class AsOf(Store):
    """The state database as it was at a moment; what was deleted since is not there."""

    def __init__(self, store: Store, moment: float, decisions: int | None = None) -> None:
        self.path, self.changes, self.engine = store.path, store.changes, store.engine  # its connections are shared
        self._moment, self._decisions = moment, decisions

    def feedback(self, message: str | None = None) -> list[Feedback]:
        """Return the feedback there was."""
        return [each for each in super().feedback(message) if each.created <= self._moment]

    def votes(self) -> list[Vote]:
        """Return the votes there were."""
        return [each for each in super().votes() if each.created <= self._moment]

    def decisions(self) -> list[Decision]:
        """Return the decisions there were."""
        most = self._decisions
        return [each for each in super().decisions() if most is None or each.number <= most]

    def refusing(self, moment: float | None = None) -> frozenset[str]:
        """Return who said no then."""
        return super().refusing(self._moment if moment is None else moment)

    def messages(self, conversation: str, leaf: str | None = None) -> list[StoredMessage]:
        """Return the part of a branch that was there."""
        return [self._then(each) for each in super().messages(conversation, leaf) if each.created <= self._moment]

    def _then(self, message: StoredMessage) -> StoredMessage:
        if len(message.siblings) < 2:
            return message
        known = [each for each in message.siblings if self.message(each).created <= self._moment]
        return replace(message, siblings=known)


@dataclass(frozen=True, slots=True)
class Rebuilder:
    """What versions are made of again.

    Args:
        datasets: where the versions are.
        store: the state database.
        home: the state folder, for what was kept as examples.
        counting: returns, of some votes, those that count.
        files: source files of imports.
    """

    datasets: DatasetStore
    store: Store
    home: Home
    counting: Callable[[list[Vote]], list[Vote]]
    files: Sequence[Path] = ()

    def check(self, version: Version, mend: bool = False, progress: Progress = lambda _: None) -> list[Step]:
        """Replay a version and all it comes from, the oldest first; ``mend`` puts damaged rows back.

        Raises:
            InputError: a parent is gone.
        """
        chain = [version]
        while (parent := chain[-1].manifest.parent) is not None:
            chain.append(self.datasets.get(f"{version.manifest.name}@{parent}"))
        steps: list[Step] = []
        for number, each in enumerate(reversed(chain)):
            progress({"stage": "rebuild", "done": number, "total": len(chain), "message": each.manifest.version})
            steps.append(self._step(each, chain[-number] if number else None, mend))
        return steps

    def _step(self, version: Version, parent: Version | None, mend: bool) -> Step:
        manifest = version.manifest
        damaged = _damaged(version)
        step = Step(manifest.ref, str(manifest.operation.get("name", "?")), "same", damaged=damaged)
        if parent is not None and _damaged(parent):
            return replace(step, status="unchecked", why=f"its parent {parent.manifest.ref} is damaged")
        try:
            with self._again(version, parent) as made:
                if made.manifest.sha256 != manifest.sha256:
                    named = [] if damaged else list(differences(version.rows(), made.rows()))
                    return replace(step, status="different", differences=named[:MOST_NAMED], total=len(named))
                if damaged and mend:
                    _put_back(made, version)
                    return replace(step, damaged=False, why="its rows were damaged and are put back")
        except _Unchecked as reason:
            return replace(step, status="unchecked", why=str(reason))
        except JoyulError as error:
            return replace(step, status="different", why=f"{error.message} ({error.hint})")
        return step

    @contextmanager
    def _again(self, version: Version, parent: Version | None) -> Iterator[Version]:
        """Yield the version made again in a store of its own, which holds its parent and nothing else."""
        with tempfile.TemporaryDirectory(prefix="joyul-rebuild-") as folder:
            bench = DatasetStore(Path(folder))
            if parent is not None:
                place = bench.folder / version.manifest.name / parent.folder.name
                place.parent.mkdir()
                place.symlink_to(parent.folder.resolve(), target_is_directory=True)
            how = _STEPS.get(str(version.manifest.operation.get("name")))
            if how is None:
                raise _Unchecked(f"nobody knows how {version.manifest.operation.get('name')!r} is made again")
            how(self, bench, version, parent)
            yield bench.versions(version.manifest.name)[-1]

    def _import(self, bench: DatasetStore, version: Version, parent: Version | None) -> None:
        operation, source = version.manifest.operation, version.manifest.sources[-1]
        path = next((each for each in self.files if _sha256(each) == source["sha256"]), None)
        if path is None:
            raise _Unchecked(f"needs the file {source['file']} (SHA-256 {source['sha256'][:12]}…)")
        template = operation.get("template")
        own = self.datasets.folder / "templates"
        loaded = load_template(str(template).partition("@")[0], own) if template else None
        if loaded is not None and loaded.ref != template:
            raise _Unchecked(f"the template is now {loaded.ref}, not {template}")
        read = ReadOptions(
            format=None if loaded else source["format"],
            encoding=source["encoding"] or None,
            delimiter=operation.get("delimiter"),
            sheet=operation.get("sheet"),
            mapping=operation.get("mapping", {}),
        )
        options = ImportOptions(
            version.manifest.name, read, source["bad"] > 0, source["personal"], loaded, source["licence"]
        )
        import_file(bench, path, options)

    def _then(self, version: Version) -> AsOf:
        operation = version.manifest.operation
        return AsOf(self.store, float(operation.get("as_of", version.manifest.created)), operation.get("until"))

    def _build(self, bench: DatasetStore, version: Version, parent: Version | None) -> None:
        then, operation = self._then(version), version.manifest.operation
        without = then.refusing() | frozenset(operation.get("without", ()))
        options = BuildOptions(version.manifest.name, operation["origins"], without)
        build(bench, then, self.counting(then.votes()), options)

    def _review(self, bench: DatasetStore, version: Version, parent: Version | None) -> None:
        then = self._then(version)
        found = candidates(then, self.counting(then.votes()), self.home)
        build_reviewed(bench, found, version.manifest.name, then.refusing())

    def _decided(self, bench: DatasetStore, version: Version, parent: Version | None) -> None:
        left_out = {each["row"] for each in version.decisions() if each["action"] == _LEFT_OUT}

        def decide(row: Row, draft: Draft) -> Row | None:
            return None if row["id"] in left_out else row

        remake(bench, _parent(bench, version, parent), decide, version.manifest.operation)

    def _split(self, bench: DatasetStore, version: Version, parent: Version | None) -> None:
        operation, start = version.manifest.operation, len(_LEAKS)
        names = ("shares", "by", "threshold", "seed", "leaking", "redo")
        options = SplitOptions(**{name: operation[name] for name in names if name in operation})
        leaked = {
            each["row"]: each["reason"][start:] for each in version.decisions() if each["reason"].startswith(_LEAKS)
        }
        split_known(bench, _parent(bench, version, parent), options, leaked)


class _Unchecked(Exception):
    """A step cannot be replayed: what it needs is not there."""


_STEPS: dict[str, Callable[[Rebuilder, DatasetStore, Version, Version | None], None]] = {
    "import": Rebuilder._import,
    "build": Rebuilder._build,
    "review": Rebuilder._review,
    "dedupe": Rebuilder._decided,
    "filter": Rebuilder._decided,
    "split": Rebuilder._split,
}


def _parent(bench: DatasetStore, version: Version, parent: Version | None) -> Version:
    if parent is None:
        raise InputError(f"{version.manifest.ref} has no parent", "it can be checked against a copy only")
    return bench.get(parent.manifest.ref)


def differences(stored: Iterable[Row], made: Iterable[Row]) -> Iterator[dict[str, str]]:
    """Yield what differs between stored rows and those made again: ``{"row", "what", "keys"}``."""
    before = {str(row["id"]): row for row in stored}
    after = {str(row["id"]): row for row in made}
    for key, row in before.items():
        again = after.get(key)
        if again is None:
            yield {"row": key, "what": "missing", "keys": ""}
        elif again != row:
            keys = sorted(name for name in row.keys() | again.keys() if row.get(name) != again.get(name))
            yield {"row": key, "what": "changed", "keys": ", ".join(keys)}
    for key in after.keys() - before.keys():
        yield {"row": key, "what": "added", "keys": ""}
    if before == after:
        first = next((a for a, b in zip(before, after, strict=True) if a != b), "")
        yield {"row": first, "what": "order", "keys": ""}


def _damaged(version: Version) -> bool:
    try:
        version.verify()
    except (DamagedError, OSError):
        return True
    return False


def _put_back(made: Version, version: Version) -> None:
    """Replace damaged rows by the very rows that were stored, whole or not at all."""
    partial = version.rows_file.with_name(f".rows-{os.getpid()}.partial")
    try:
        with made.rows_file.open("rb") as source, partial.open("wb") as out:
            while chunk := source.read(1 << 20):
                out.write(chunk)
            out.flush()
            os.fsync(out.fileno())
        os.replace(partial, version.rows_file)
    finally:
        partial.unlink(missing_ok=True)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
    except OSError as error:
        raise InputError(f"{str(path)!r} cannot be read: {error.strerror}", "check the path") from error
    return digest.hexdigest()
