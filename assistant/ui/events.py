"""What Gradio does at every event beside calling its handler, made cheaper: it is time nobody else is served."""

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import gradio as gr
import gradio.blocks
import gradio.utils

# Their values are text, numbers and choices; passing one on takes microseconds.
PLAIN = (gr.Textbox, gr.HTML, gr.State, gr.Slider, gr.Number, gr.Checkbox, gr.Dropdown, gr.Radio, gr.Button)


class Anyio:
    """``anyio`` as ``gradio.blocks`` sees it: plain parts pass their values on where one is, not on a thread.

    Otherwise every value of an event goes to a thread and back, some twenty times an event, and after each the
    event loop waits its turn behind the threads that write answers. Handlers, and parts that read files, still
    get threads.
    """

    def __init__(self, anyio: Any) -> None:
        self._anyio = anyio
        self.to_thread = SimpleNamespace(run_sync=self._run)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._anyio, name)

    async def _run(self, work: Any, *values: Any, **options: Any) -> Any:
        if isinstance(getattr(work, "__self__", None), PLAIN):
            return work(*values)
        return await self._anyio.to_thread.run_sync(work, *values, **options)


def make_cheap() -> None:
    """Let Gradio handle events this way (checked by a test on every version).

    Nor does it look for matplotlib, which draws nothing here, twice an event: where that is not installed, all
    folders of the path are searched each time.
    """
    blocks: Any = gradio.blocks
    if not isinstance(blocks.anyio, Anyio):
        blocks.anyio = Anyio(blocks.anyio)
    gradio.utils.MatplotlibBackendMananger = nullcontext  # type: ignore[assignment,misc]
