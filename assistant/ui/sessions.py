"""What Gradio remembers of a browser tab: as little as the page needs, since two hundred may be open at once."""

from types import SimpleNamespace
from typing import Any

import gradio.state_holder
from gradio.blocks import Block, Blocks
from gradio.state_holder import SessionState


class Session(SessionState):
    """Each part of the page once, under the number that the page knows it by, and no copy of what it shows.

    Every update, ``gr.skip()`` too, puts a part built anew in a part's place. Built anew, it has a number of
    its own, and under that Gradio files the value that comes next, beside all the earlier ones.

    Gradio also describes every part of the page in full for every tab, and again at every update, so that a
    link can show another person the same state. Joyul has no such links, and a new tab's description takes 20 ms
    in which nobody is served and a third of a megabyte.
    """

    def __init__(self, blocks: Blocks) -> None:
        # The description covers the parts that `blocks` names: none.
        super().__init__(SimpleNamespace(default_config=blocks.default_config, blocks={}))  # type: ignore[arg-type]

    def __setitem__(self, key: int, value: Any) -> None:
        if isinstance(value, Block):
            value._id = key
            self.blocks_config.blocks[key] = value
        else:
            super().__setitem__(key, value)

    def _update_config(self, key: int) -> None:
        """Describe nothing."""

    def _update_value_in_config(self, key: int, value: Any) -> None:
        """Keep nothing of what is shown."""


def keep_once() -> None:
    """Let Gradio remember every tab this way (checked by a test on every version)."""
    gradio.state_holder.SessionState = Session  # type: ignore[misc]
