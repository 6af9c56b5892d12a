"""Adapters on the shelf: rename, delete, take one out as a plain PEFT folder, put a foreign one in.

What goes out loads with PEFT and vLLM as it is. What comes in is data and nothing else: safetensors,
and a configuration of which only known keys are read (P9).
"""

import json
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assistant.adapters import (
    CONFIG,
    MANIFEST,
    PARTS,
    WEIGHTS,
    Adapter,
    Manifest,
    check_fits,
    check_name,
    get_adapter,
    hash_weights,
    missing_part,
    publish,
    read_manifest,
    refuse_pickles,
    verify,
)
from assistant.errors import InputError, RefusedError, ResourceError, UsageError
from assistant.files import write_whole
from assistant.model_card import FORGETTING, write_card
from assistant.paths import Home
from assistant.variant_files import as_trained

DATA_CARDS = ("data.ko.md", "data.en.md")  # of the dataset's version that an adapter was trained on
# Everything of a foreign folder that is ever copied.
WANTED = (
    MANIFEST,
    CONFIG,
    WEIGHTS,
    FORGETTING,
    *DATA_CARDS,
    "config.json",
    "generation_config.json",
    "model.safetensors.index.json",
)
Shapes = Mapping[str, tuple[int, ...]]


def delete(home: Home, name: str) -> None:
    """Remove an adapter; what a running model holds in memory of it goes with that process.

    Raises:
        InputError: there is none of that name.
        ResourceError: the folder cannot be changed.
    """
    folder = home.adapters / check_name(name)
    if not folder.is_dir():
        get_adapter(home, name)  # says what there is
    retired = home.adapters / f".retired-{uuid.uuid4().hex}"
    try:
        folder.rename(retired)
        shutil.rmtree(retired)
    except OSError as error:
        raise ResourceError(f"cannot delete adapter {name!r}: {error.strerror}", "check the folder's rights") from error


def rename(home: Home, name: str, new: str) -> Adapter:
    """Give an adapter another name.

    Raises:
        InputError: there is none of the old name, or one of the new.
        ResourceError: the disk is full.
    """
    adapter = get_adapter(home, name)
    check_name(new)
    if (home.adapters / new).exists():
        raise InputError(f"adapter {new!r} exists", "choose another name, or delete that one first")
    staging = _staging(home)
    try:
        shutil.copytree(adapter.path, staging)
        made = publish(staging, replace(adapter.manifest, name=new), home)
    except OSError as error:
        raise ResourceError(f"cannot write adapter {new!r}: {error.strerror}", "free some space") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    delete(home, name)
    return made


def note_parity(adapter: Adapter, points: Mapping[str, Any]) -> None:
    """Add points of comparison to an installed adapter's manifest.

    Raises:
        ResourceError: the disk is full.
    """
    values = {**adapter.manifest.to_json(), "parity": {**adapter.manifest.parity, **points}}
    try:
        write_whole(adapter.path / MANIFEST, [json.dumps(values, ensure_ascii=False, indent=2) + "\n"])
    except OSError as error:
        raise ResourceError(f"cannot write adapter {adapter.name!r}: {error.strerror}", "free some space") from error


def refuse_other(adapter: Adapter, made: Mapping[str, Any], force: bool) -> None:
    """Refuse to give out a model that was found to be another one than the one that was trained.

    Args:
        adapter: what it comes from; how it was after being read back from disk counts too.
        made: the points of comparison of what is being made of it.
        force: give it out all the same.

    Raises:
        RefusedError: a point of comparison does not pass, and nobody forces it.
    """
    points = {"reload": adapter.manifest.parity.get("reload", {}), **made}
    failed = next((key for key, found in points.items() if found.get("passes") is False), "")
    if failed and not force:
        found = points[failed]
        raise RefusedError(
            f"{adapter.name!r} is another model after {failed!r}: {100 * found['agreement']:.1f} % of next tokens "
            f"agree, logits differ by up to {found['logit_difference']:.3g}",
            "train it again (merging: take --dtype float32), or --force to give it out marked as such",
        )


def export(home: Home, name: str, target: Path, force: bool = False) -> Path:
    """Write an adapter as a PEFT folder (a whole model as a Hugging Face folder) with its model card.

    Raises:
        InputError: there is no such adapter, or the target exists.
        RefusedError: read from disk it was another model than the one that was trained, and ``force`` is not given.
        DamagedError: its weights are not those it was published with.
        ResourceError: the target cannot be written.
    """
    adapter = get_adapter(home, name)
    verify(adapter)
    refuse_other(adapter, {}, force)
    if target.exists():
        raise InputError(f"{str(target)!r} exists", "choose a folder that does not exist yet")
    partial = target.with_name(f".{target.name}.{uuid.uuid4().hex[:6]}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(adapter.path, partial)
        if adapter.manifest.kind == "adapter":
            config = json.loads((partial / CONFIG).read_text("utf-8"))
            config["base_model_name_or_path"] = adapter.manifest.base.partition("@")[0]
            (partial / CONFIG).write_text(json.dumps(config, indent=2) + "\n", "utf-8")
        write_card(adapter, partial)
        partial.rename(target)
    except OSError as error:
        raise ResourceError(f"cannot write {str(target)!r}: {error.strerror}", "free some space") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target


def import_(home: Home, source: Path, name: str, base: tuple[str, str], shapes: Shapes) -> Adapter:
    """Install an adapter from a folder: ours, or any LoRA that PEFT wrote for the base in use.

    Args:
        home: where it goes.
        source: the folder.
        name: its name here; empty takes the manifest's, else the folder's.
        base: name and weight hash of the base it has to fit.
        shapes: of the base's modules, see :func:`assistant.adapters.check_fits`.

    Raises:
        InputError: no adapter, the name is taken, or it does not fit the base.
        RefusedError: it holds anything that could run code.
        ResourceError: the disk is full.
    """
    if not source.is_dir():
        raise InputError(f"no adapter folder at {str(source)!r}", "point to a folder with adapter_config.json")
    refuse_pickles(source)
    known = (source / MANIFEST).is_file()
    manifest = read_manifest(source) if known else _foreign(source, base)
    if missing := missing_part(source, manifest.kind):
        raise InputError(
            f"{source.name}: {missing} is missing", f"an adapter folder holds {', '.join(PARTS['adapter'])}"
        )
    manifest = replace(manifest, name=check_name(name or (manifest.name if known else source.name)))
    try:
        as_trained(Adapter(manifest, source))  # one that nobody can ask would spoil every list of variants
    except UsageError as error:
        raise InputError(
            error.message, "mend the manifest, or leave it out: then the adapter answers by itself"
        ) from None
    staging = _staging(home)
    try:
        staging.mkdir(mode=0o700, parents=True)
        for path in source.iterdir():
            if path.is_file() and (path.name in WANTED or path.suffix == ".safetensors"):
                shutil.copyfile(path, staging / path.name)
        check_fits(Adapter(manifest, staging), base[1], shapes)
        if manifest.weights_hash and known:
            verify(Adapter(manifest, staging))
        return publish(staging, manifest, home)
    except OSError as error:
        raise ResourceError(f"cannot write adapter {manifest.name!r}: {error.strerror}", "free some space") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _foreign(source: Path, base: tuple[str, str]) -> Manifest:
    """Return a manifest for an adapter of unknown origin; that it fits the base is checked, not believed."""
    return Manifest(
        name="imported",
        base=base[0],
        base_hash=base[1],
        method="imported",
        weights_hash=hash_weights(source),
        created=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
    )


def _staging(home: Home) -> Path:
    return home.adapters / f".incoming-{uuid.uuid4().hex}"
