"""Installed adapters: what they are, how they are published, and what an outside folder may contain.

An adapter is a folder ``<home>/adapters/<name>`` with ``manifest.json``, ``adapter_config.json`` and
``adapter_model.safetensors``. It appears by one rename, so it is complete or invisible (P4), and
nothing in it can run code (P9): weights are safetensors only, the configuration is data. Training all
weights gives an adapter of the kind ``weights``: a whole model (``config.json``, ``model.safetensors``)
that takes the place of its base.
"""

import hashlib
import json
import re
import shutil
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from assistant.errors import DamagedError, InputError, RefusedError, ResourceError
from assistant.files import sync, sync_all
from assistant.paths import Home

MANIFEST, CONFIG, WEIGHTS = "manifest.json", "adapter_config.json", "adapter_model.safetensors"
# What a complete folder holds beside the manifest, by its kind; patterns, since big models lie in several files.
PARTS = {"adapter": (CONFIG, WEIGHTS), "weights": ("config.json", "model*.safetensors")}
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
# What the manifest's values are, where they are no text.
_TYPES = {"seed": int} | dict.fromkeys(
    ("params", "cost", "metrics", "versions", "description", "parity", "curve", "licences"), dict
)
PICKLES = frozenset({".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".npy", ".npz", ".msgpack", ".h5"})


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything needed to say what an adapter is and to make it again.

    ``base`` is the base model as a person names it, ``base_hash`` and ``weights_hash`` come from
    :func:`hash_weights`. ``cost`` holds ``seconds``, ``peak_memory_mb``, ``tokens`` and
    ``tokens_per_second``; ``metrics`` holds ``first_loss`` and ``final_loss``; ``created`` is ISO
    8601 in UTC; ``description`` has the keys ``ko`` and ``en``; ``kind`` is one of ``PARTS``; ``parity`` says, a
    point of comparison each, how alike the trained model is to what was made of it (:mod:`tuning.parity`).
    ``dataset`` is ``name@version`` where the data was one of ours; ``licences`` holds what is stated for ``base``,
    ``data`` and ``replay``, empty where nothing is. ``curve`` has ``loss`` and ``validation``: ``[step, loss]`` each.
    """

    name: str
    base: str
    base_hash: str
    method: str
    params: Mapping[str, Any] = field(default_factory=dict)
    data_hash: str = ""
    template_hash: str = ""
    recipe: str = ""
    seed: int = 0
    cost: Mapping[str, float] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    weights_hash: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    created: str = ""
    description: Mapping[str, str] = field(default_factory=dict)
    kind: str = "adapter"
    parity: Mapping[str, Any] = field(default_factory=dict)
    dataset: str = ""
    licences: Mapping[str, str] = field(default_factory=dict)
    curve: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Adapter:
    """A manifest and the folder it was read from."""

    manifest: Manifest
    path: Path

    @property
    def name(self) -> str:
        """The name it is installed under."""
        return self.manifest.name


def check_name(name: str) -> str:
    """Return ``name`` if it can be an adapter's.

    Raises:
        InputError: it cannot; names become folder names, so they are restricted.
    """
    if not NAME.fullmatch(name):
        raise InputError(
            f"{name[:80]!r} cannot name an adapter", "use 1-64 small letters, digits, '.', '_' or '-', not first"
        )
    return name


def read_manifest(folder: Path) -> Manifest:
    """Read and validate ``manifest.json``.

    Raises:
        InputError: it is missing, not JSON, lacks a required key, has an unknown one or a wrong type.
    """
    path = folder / MANIFEST
    try:
        values = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"{folder}: no {MANIFEST}", "an adapter folder needs the manifest that training wrote"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not readable JSON ({error!s:.80})", "train the adapter again") from error
    if not isinstance(values, dict):
        raise InputError(f"{path}: expected an object, found {type(values).__name__}", "train the adapter again")
    known = {item.name: item for item in fields(Manifest)}
    for key, value in values.items():
        if key not in known:
            near = get_close_matches(key, known, n=1)
            raise InputError(f"{path}: unknown key {key[:80]!r}", f"did you mean {near[0]!r}?" if near else "remove it")
        wanted = _TYPES.get(key, str)
        if not isinstance(value, wanted):
            raise InputError(f"{path}: {key!r} must be {wanted.__name__}, found {type(value).__name__}", "mend it")
    missing = {"name", "base", "base_hash", "method"} - values.keys()
    if missing:
        raise InputError(f"{path}: missing {', '.join(sorted(missing))}", "train the adapter again")
    check_name(values["name"])
    if values.get("kind", "adapter") not in PARTS:
        raise InputError(f"{path}: unknown kind {values['kind']!r:.80}", f"known: {', '.join(PARTS)}")
    return Manifest(**values)


def missing_part(folder: Path, kind: str) -> str:
    """Return the first file that a folder of a kind lacks; empty where it is complete."""
    return next((part for part in PARTS[kind] if not any(folder.glob(part))), "")


def list_adapters(home: Home) -> list[Adapter]:
    """Return the installed adapters by name; folders that are not (yet) adapters are passed over."""
    return sorted(_installed(home), key=lambda adapter: adapter.name)


def _installed(home: Home) -> Iterator[Adapter]:
    for folder in home.adapters.iterdir() if home.adapters.is_dir() else ():
        if NAME.fullmatch(folder.name) and (folder / MANIFEST).is_file():
            try:
                manifest = read_manifest(folder)
            except InputError:
                continue  # `get_adapter` says what is wrong with it
            if manifest.name == folder.name and not missing_part(folder, manifest.kind):
                yield Adapter(manifest, folder)


def get_adapter(home: Home, name: str) -> Adapter:
    """Return one installed adapter.

    Raises:
        InputError: there is none of that name (the nearest is suggested), or its manifest is bad.
    """
    folder = home.adapters / check_name(name)
    if not folder.is_dir():
        names = [adapter.name for adapter in list_adapters(home)]
        near = get_close_matches(name, names, n=1)
        known = f"installed: {', '.join(names)}" if names else "none is installed; train one with `joyul tune run`"
        raise InputError(f"no adapter {name!r}", f"did you mean {near[0]!r}?" if near else known)
    manifest = read_manifest(folder)
    if manifest.name != name:
        raise InputError(f"{folder}: the manifest is of {manifest.name!r}", "rename the folder to the manifest's name")
    return Adapter(manifest, folder)


def refuse_pickles(folder: Path) -> None:
    """Refuse a folder that holds files which could run code when loaded.

    Raises:
        RefusedError: a pickle by name, or a "safetensors" file that is a pickle or a zip inside.
    """
    for path in sorted(folder.rglob("*")):
        disguised = False
        if path.suffix == ".safetensors" and path.is_file():
            with path.open("rb") as file:
                head = file.read(9)
            disguised = head[:2] == b"PK" or (head[:1] == b"\x80" and head[8:9] != b"{")
        if disguised or path.suffix.lower() in PICKLES or (path.is_symlink() and not _inside(path, folder)):
            raise RefusedError(
                f"{folder.name}: {path.name!r} is refused: only safetensors accepted",
                "convert the weights with safetensors.torch.save_file and remove the other file",
            )


def _inside(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


def hash_weights(folder: Path) -> str:
    """Return one SHA-256 (hex) over the ``*.safetensors`` files of a model or adapter folder.

    A file in the hub's cache is a link to a blob named by its own SHA-256; then nothing is read.

    Raises:
        InputError: the folder holds no safetensors file.
    """
    whole = hashlib.sha256()
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise InputError(f"{folder}: no safetensors weights", "point to a folder with *.safetensors files")
    for path in files:
        blob = path.resolve().name
        if not re.fullmatch(r"[0-9a-f]{64}", blob):
            with path.open("rb") as file:
                blob = hashlib.file_digest(file, "sha256").hexdigest()
        whole.update(f"{path.name}:{blob}\n".encode())
    return whole.hexdigest()


def check_fits(adapter: Adapter, base_hash: str, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """Check an adapter against a base without touching the live model.

    Args:
        adapter: what is to be loaded.
        base_hash: :func:`hash_weights` of the base.
        shapes: weight shape of every module of the base, e.g. ``{"lm_head": (8192, 256)}``.

    Returns:
        What :meth:`assistant.models.bank.AdapterBank.add` needs, rebuilt from an allow-list: for LoRA the
        keyword arguments of ``peft.LoraConfig``. Empty for whole weights.

    Raises:
        InputError: made for another base, or rank, target modules, shapes or keys differ; the
            message names what was expected and what was found.
        RefusedError: the folder holds a pickle.
    """
    from assistant.soft_files import read_adapter
    from assistant.whole_files import check_whole

    refuse_pickles(adapter.path)
    if adapter.manifest.base_hash != base_hash:
        raise InputError(
            f"adapter {adapter.name!r} was made for {adapter.manifest.base!r} "
            f"(expected {adapter.manifest.base_hash[:8]}, found {base_hash[:8]})",
            "choose the base it was trained on, or train it again on this one",
        )
    if adapter.manifest.kind == "weights":
        check_whole(adapter.path, adapter.name, shapes)
        return {}
    return read_adapter(adapter.path, adapter.name, shapes)


def publish(staging: Path, manifest: Manifest, home: Home, replace: bool = False) -> Adapter:
    """Install a finished adapter from ``staging``, which is on the same disk as ``home``.

    The weights hash is filled in, every file is synced, then one rename makes it visible.

    Raises:
        InputError: the name is taken (and ``replace`` is false), or a file is missing.
        RefusedError: the folder holds a pickle.
        ResourceError: the disk is full.
    """
    check_name(manifest.name)
    target = home.adapters / manifest.name
    if target.exists() and not replace:
        raise InputError(f"adapter {manifest.name!r} exists", "choose another name, or replace it")
    if missing := missing_part(staging, manifest.kind):
        raise InputError(f"{staging}: {missing} is missing", "the training did not finish")
    refuse_pickles(staging)
    values = {**manifest.to_json(), "weights_hash": hash_weights(staging)}
    try:
        (staging / MANIFEST).write_text(json.dumps(values, ensure_ascii=False, indent=2) + "\n", "utf-8")
        sync_all(staging)
        home.adapters.mkdir(mode=0o700, parents=True, exist_ok=True)
        retired = home.adapters / f".retired-{uuid.uuid4().hex}"
        if target.exists():
            target.rename(retired)
        staging.rename(target)
        sync(home.adapters)
        shutil.rmtree(retired, ignore_errors=True)
    except OSError as error:
        raise ResourceError(f"cannot write adapter {manifest.name!r}: {error.strerror}", "free some space") from error
    return Adapter(read_manifest(target), target)


def verify(adapter: Adapter) -> None:
    """Check that the weights are still those the manifest was written for.

    Raises:
        DamagedError: they are not.
    """
    if adapter.manifest.weights_hash and hash_weights(adapter.path) != adapter.manifest.weights_hash:
        raise DamagedError(f"adapter {adapter.name!r}: weights differ from its manifest", "train or copy it again")
