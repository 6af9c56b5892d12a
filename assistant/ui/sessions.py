"""What Gradio remembers of a browser tab; without this a tab would keep everything it has ever shown."""

from typing import Any

import gradio.state_holder
from gradio.blocks import Block
from gradio.state_holder import SessionState


class Session(SessionState):
    """Each part of the page once, under the number that the page knows it by.

    Every update, ``gr.skip()`` too, puts a part built anew in a part's place. Built anew, it has a number of
    its own, and under that Gradio files the value that comes next, beside all the earlier ones.
    """

    def __setitem__(self, key: int, value: Any) -> None:
        if isinstance(value, Block):
            value._id = key
        super().__setitem__(key, value)


def keep_once() -> None:
    """Let Gradio remember every tab this way (checked by a test on every version)."""
    gradio.state_holder.SessionState = Session  # type: ignore[misc]
