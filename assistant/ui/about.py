"""Which model answers, in words a newcomer understands."""

import json

from assistant.errors import JoyulError
from assistant.jobs.launch import last_progress
from assistant.jobs.record import jobs_of
from assistant.paths import Home, data_root
from assistant.services import Services
from assistant.ui.words import Words

EMBEDDED = "embedded"


def model_name(services: Services) -> str:
    """Return the configured model's name; a server's with its host."""
    settings = services.settings.model
    if settings.base_url:
        return f"{settings.name} @ {settings.base_url.split('//')[-1].split('/')[0]}"
    return settings.name.rstrip("/").split("/")[-1]


def introduction(services: Services, words: Words) -> str:
    """Return one sentence on the model that answers."""
    name = services.settings.model.name
    if services.settings.model.base_url:
        return words("welcome.model_remote", model=model_name(services))
    if name == EMBEDDED:
        return words("welcome.model_embedded", millions=_embedded_millions())
    if name == "scripted":
        return words("welcome.model_scripted")
    return words("welcome.model_local", model=model_name(services))


def _embedded_millions() -> str:
    card = data_root() / "models" / "embedded" / "joyul.json"
    try:
        return f"{json.loads(card.read_text(encoding='utf-8'))['parameters'] / 1e6:.0f}"
    except (OSError, ValueError, KeyError, TypeError):
        return "9"


def status(services: Services, words: Words) -> tuple[str, str]:
    """Return the model and the device, without opening the model for it."""
    settings = services.settings.model
    if settings.base_url:
        return model_name(services), words("status.remote")
    if settings.name == "scripted":
        return model_name(services), words("status.no_weights")
    device = settings.device if settings.device != "auto" else _best_device()
    return model_name(services), words(f"status.{device}")


def _best_device() -> str:
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def running_job(home: Home) -> tuple[str, str] | None:
    """Return name and progress of the training that runs, None where none does."""
    for job in jobs_of(home):
        try:
            record = job.read()
        except JoyulError:
            continue  # a folder without a readable record is no job
        if record.kind == "tune" and record.state == "running":
            step = last_progress(job)
            return record.name, f"{100 * step['step'] / step['steps']:.0f} %" if step else "0 %"
    return None
