"""Gradio fetches whatever address a request gives as a file; Joyul reaches nobody that the operator has not named."""

from typing import Any

import gradio.processing_utils

from assistant.errors import RefusedError


def shut() -> None:
    """Close the one door through which Gradio's handlers fetch addresses (checked by a test on every version)."""
    gradio.processing_utils.async_ssrf_protected_get = _refuse


async def _refuse(url: str, *_: Any) -> Any:
    raise RefusedError("files come from your machine, not from an address", "download it and add the file")
