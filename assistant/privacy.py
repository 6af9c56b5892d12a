"""Telemetry and hub switches, set before any third-party import reads them."""

import os

_SILENT = {
    "ANONYMIZED_TELEMETRY": "False",  # chromadb
    "GRADIO_ANALYTICS_ENABLED": "False",
    # A dashboard, which nobody is offered, would be made anew after every event, from the last 10,000 of them.
    "GRADIO_ANALYTICS_CACHE_FREQUENCY": str(10**12),
    "GRADIO_ANALYTICS_MAX_EVENTS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "LANGSMITH_TRACING": "false",
    "RAGAS_DO_NOT_TRACK": "true",
    "TOKENIZERS_PARALLELISM": "false",  # forked trainers would warn and deadlock
}


def silence() -> None:
    """Switch off telemetry in every dependency that has some; keep the hub offline until asked."""
    os.environ.update(_SILENT)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")


def allow_hub() -> None:
    """Let the Hugging Face libraries reach the hub; call before they are first imported."""
    os.environ["HF_HUB_OFFLINE"] = "0"
