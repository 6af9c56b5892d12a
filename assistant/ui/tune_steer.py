"""The buttons that pause, resume and cancel a training job: which are there, and what was asked already."""

import json
from collections.abc import Mapping
from typing import Any

import gradio as gr

from assistant.ui.tune_view import GOING
from assistant.ui.words import Words

ACTS = ("pause", "resume", "cancel")
WISHES = ("pause", "cancel")  # what a job hears at its next step only


def steerable(job: Mapping[str, Any] | None) -> tuple[bool, bool, bool]:
    """Return whether a job can be paused, resumed, cancelled."""
    if job is None:
        return False, False, False
    going = job["state"] in GOING
    trains = going and job["state"] != "validating_files" and not job["measuring"]
    return trains, bool(job["resumable"]), going or job["state"] == "paused"


def steering(job: Mapping[str, Any] | None, words: Words) -> dict[str, dict[str, Any]]:
    """Return the update of each of a job's buttons: what was wished of it stands there and cannot be pressed again.

    The job's folder holds the wish, so every tab knows it, also after a reload. Who wished a pause may still cancel.
    """
    wish = job["wish"] if job else None
    return {
        act: gr.update(
            value=words(f"tune.{act}_asked" if act == wish else f"tune.{act}"),
            interactive=wish is None or (wish == "pause" and act == "cancel"),
            visible=shown,
        )
        for act, shown in zip(ACTS, steerable(job), strict=True)
    }


def asked_at_once(act: str, words: Words) -> str:
    """Return the script that changes a button as it is pressed: on a busy machine the server answers seconds later."""
    update = {"__type__": "update", "value": words(f"tune.{act}_asked"), "interactive": False}
    return f"() => ({json.dumps(update, ensure_ascii=False)})"
