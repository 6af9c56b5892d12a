"""Telemetry and hub switches, set before any third-party import reads them."""

import os

_SILENT = {
    "ANONYMIZED_TELEMETRY": "False",  # chromadb
    "GRADIO_ANALYTICS_ENABLED": "False",
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
