"""Finding a model's folder: shipped, on disk, in the hub's cache, or (only then) on the hub.

Everything after this module works on a local folder. The Hugging Face libraries are offline from
the first import on (``assistant.privacy``), because without a network each of their calls would try
for half a minute. Only a hub id that is not in the cache makes us look whether the hub can be reached.
"""

import json
import os
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

from assistant.errors import RefusedError, UnavailableError
from assistant.paths import data_root
from assistant.privacy import allow_hub
from assistant.settings import ModelSettings

PROBE_SECONDS = 1.0
# No pickles and no code: what is not fetched cannot be loaded. The README is the card, with the licence.
PATTERNS = ["*.json", "*.safetensors", "*.jinja", "*.model", "*.txt", "README.md"]
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


def resolve(settings: ModelSettings) -> Path:
    """Return the folder with the model's configuration, tokenizer and safetensors weights.

    Raises:
        UnavailableError: no such folder, or a hub id that is neither cached nor reachable.
        RefusedError: the folder has weights, but none as safetensors.
    """
    if settings.name == "embedded":
        return _checked(data_root() / "models" / "embedded")
    folder = Path(settings.name).expanduser()
    if folder.is_dir():
        return _checked(folder)
    if not _HUB_ID.fullmatch(settings.name) or settings.name.startswith((".", "~")) or folder.is_absolute():
        raise UnavailableError(f"model folder not found: {settings.name!r}", "check the path of --model")
    folder_in_cache = cached(settings.name, settings.revision)
    if folder_in_cache is not None:
        return _checked(folder_in_cache)
    if settings.hub == "off":
        raise UnavailableError(f"model {settings.name!r} is not in the cache and hub is off", _mend(settings.name))
    if settings.hub == "auto" and not reachable():
        raise UnavailableError(
            f"model {settings.name!r} is not in the cache and {_endpoint()[0]} cannot be reached", _mend(settings.name)
        )
    return _checked(download(settings.name, settings.revision))


def _mend(name: str) -> str:
    near = get_close_matches(name, ["embedded", "scripted"], n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    return "connect once to download it, or give a model folder, or use --model embedded"


def _checked(folder: Path) -> Path:
    if not (folder / "config.json").is_file():
        raise UnavailableError(
            f"model folder not found: {str(folder)!r} has no config.json", "point to a folder saved by transformers"
        )
    if not any(folder.glob("*.safetensors")):
        if any(folder.glob("*.bin")) or any(folder.glob("*.pt")):
            raise RefusedError(f"{folder}: only safetensors accepted", "convert the weights with save_pretrained")
        raise UnavailableError(f"{folder}: no safetensors weights", "point to a folder saved by transformers")
    return folder


def cached(name: str, revision: str = "") -> Path | None:
    """Return the folder of a hub model in the cache, None unless all its weights are there.

    What else belongs to the repository does not matter, so a cache filled by other tools serves too.
    """
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        config = try_to_load_from_cache(name, "config.json", revision=revision or None)
    except HFValidationError:
        return None
    if not isinstance(config, str):
        return None
    folder = Path(config).parent
    weights = {"model.safetensors"}
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        try:
            weights = set(json.loads(index.read_text("utf-8"))["weight_map"].values())
        except (ValueError, KeyError, AttributeError, TypeError):
            return None
    return folder if all((folder / weight).is_file() for weight in weights) else None


def download(name: str, revision: str = "") -> Path:
    """Download a hub repository's configuration, tokenizer and safetensors into the cache.

    Raises:
        UnavailableError: the download failed.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        with online():
            return Path(snapshot_download(name, revision=revision or None, allow_patterns=PATTERNS))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError, ValueError, RuntimeError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UnavailableError(f"cannot download {name!r}: {reason:.160}", _mend(name)) from error


@contextmanager
def online() -> Iterator[None]:
    """Let the hub's library out for a while; afterwards everything is local again."""
    from huggingface_hub import constants

    before, variable = constants.HF_HUB_OFFLINE, os.environ.get("HF_HUB_OFFLINE", "1")
    allow_hub()  # for whatever is imported meanwhile
    constants.HF_HUB_OFFLINE = False  # the library read the variable when it was imported
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before
        os.environ["HF_HUB_OFFLINE"] = variable


def _endpoint() -> tuple[str, int]:
    """Return host and port that a download would connect to: the hub's, or the proxy's."""
    from huggingface_hub import constants

    parts = urlsplit(constants.ENDPOINT)
    proxy = urlsplit(getproxies().get(parts.scheme, ""))
    parts = proxy if proxy.hostname else parts
    return parts.hostname or "huggingface.co", parts.port or (443 if parts.scheme == "https" else 80)


def reachable(seconds: float = PROBE_SECONDS) -> bool:
    """Whether a connection to the hub opens within ``seconds``; name look-up included."""
    opened = threading.Event()

    def connect() -> None:
        try:
            socket.create_connection(_endpoint(), timeout=seconds).close()
            opened.set()
        except OSError:
            pass
        finally:
            finished.set()

    finished = threading.Event()
    # A thread, since a name look-up that hangs cannot be interrupted.
    threading.Thread(target=connect, name="joyul-probe", daemon=True).start()
    finished.wait(seconds)
    return opened.is_set()
