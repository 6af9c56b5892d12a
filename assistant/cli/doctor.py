"""``joyul doctor``: what this installation has, what is missing, and how to get it."""

import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from assistant import __version__
from assistant.cli.shared import Run, command

if TYPE_CHECKING:
    from assistant.settings import Settings

LIBRARIES = (
    *("torch", "transformers", "peft", "trl", "accelerate", "datasets", "tokenizers", "safetensors"),
    *("gradio", "fastapi", "langchain-core", "langchain-chroma", "chromadb", "bm25s", "kiwipiepy", "ragas"),
)
SPARE_MB = 500
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "doctor")(doctor)


def doctor(run: Run) -> None:
    """Look at versions, device, memory, model, embedder, hub, state folder and browser."""
    settings = run.settings()
    problems: list[dict[str, str]] = []
    document: dict[str, Any] = {
        "joyul": __version__,
        "python": sys.version.split()[0],
        "versions": {name: version_of(name) for name in LIBRARIES},
        "device": device(settings.model.device),
        "memory": memory(),
        "hub": hub(settings),
        "home": home(settings, problems),
        "browser": next((found for name in BROWSERS if (found := shutil.which(name))), None),
    }
    document |= opened(run, settings, problems)
    for name, found in document["versions"].items():
        if found is None:
            problems.append({"what": f"{name} is not installed", "next": "run `make run`, or reinstall joyul"})
    if document["browser"] is None:
        mend = "only needed for the browser tests: apt-get install chromium fonts-noto-cjk"
        problems.append({"what": "no Chromium or Chrome found", "next": mend})
    document["problems"] = problems
    run.screen.document(document, "\n".join(_lines(document)))


def version_of(name: str) -> str | None:
    """Return an installed distribution's version without importing it."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def device(wanted: str) -> dict[str, Any]:
    """Return what the model can run on."""
    import psutil

    found: dict[str, Any] = {"setting": wanted, "cpu_cores": psutil.cpu_count(), "gpu": None}
    try:
        import torch
    except ImportError:
        return found
    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        found["gpu"] = {"name": properties.name, "memory_mb": properties.total_memory // 2**20}
    elif torch.backends.mps.is_available():
        found["gpu"] = {"name": "Apple GPU", "memory_mb": None}
    return found


def memory() -> dict[str, int]:
    """Return main memory in MB."""
    import psutil

    now = psutil.virtual_memory()
    return {"total_mb": now.total // 2**20, "available_mb": now.available // 2**20}


def hub(settings: "Settings") -> dict[str, Any]:
    """Return how the model hub is used; nothing is contacted."""
    from huggingface_hub import constants

    cache = Path(constants.HF_HUB_CACHE)
    models = sorted(path.name.removeprefix("models--").replace("--", "/") for path in cache.glob("models--*"))
    return {"setting": settings.model.hub, "cache": str(cache), "models": models}


def home(settings: "Settings", problems: list[dict[str, str]]) -> dict[str, Any]:
    """Return where the state folder is, who owns it, and how much fits into it."""
    from assistant.owner import read_owner
    from assistant.paths import Home

    folder = Home(settings.home)
    place = folder.root
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free // 2**20
    if free < SPARE_MB:
        problems.append({"what": f"only {free} MB are free in {place}", "next": "free some space, or use --home"})
    owner = read_owner(folder)
    shown = {"pid": owner.pid, "command": owner.command, "since": owner.since, "url": owner.address} if owner else None
    return {"path": str(folder.root), "exists": folder.root.is_dir(), "free_mb": free, "owner": shown}


def opened(run: Run, settings: "Settings", problems: list[dict[str, str]]) -> dict[str, Any]:
    """Return model and retrieval as they are when opened; failures become problems."""
    from assistant.errors import JoyulError

    try:
        with run.peer() as peer:
            found = peer.call("doctor")
    except JoyulError as error:
        problems.append({"what": error.message, "next": error.hint})
        found = {"model": error.to_dict(), "retrieval": error.to_dict()}
    for part in found.values():
        if part.get("ok") is False:
            problems.append({"what": part["error"]["message"], "next": part["error"]["hint"]})
    found["model"] = {"setting": settings.model.name, **found["model"]}
    embedder = found["retrieval"].get("embedder") or {}
    languages = list(embedder.get("languages", ())) if isinstance(embedder, dict) else []
    if found["retrieval"].get("ok") and "ko" not in languages:
        what = f"the embedder {settings.retrieval.embedder!r} does not read Korean: Korean is searched by words alone"
        mend = "set retrieval.embedder to a multilingual model (folder or hub id), then `joyul docs rebuild`"
        problems.append({"what": what, "next": mend})
    return found


def _lines(document: dict[str, Any]) -> list[str]:
    lines = []
    for key, value in document.items():
        if key == "problems":
            continue
        text = "  ".join(f"{k}={v}" for k, v in value.items() if v is not None) if isinstance(value, dict) else value
        lines.append(f"{key:10} {text}")
    lines += [f"! {each['what']}\n  next: {each['next']}" for each in document["problems"]]
    return lines if document["problems"] else [*lines, "all is well"]
