"""What is new to a page that shows conversations."""

import itertools
import math
import time

ORDER_SECONDS = 10.0


class News:
    """Numbers that grow with what a page shows: whoever knows an older one looks again.

    Every message moves its conversation to the top of everybody's list. That is told at most every
    ``ORDER_SECONDS``, or a crowd would do nothing but draw lists.
    """

    def __init__(self) -> None:
        self._numbers = itertools.count(1)  # many threads tell at once; adding one would lose some of it
        self._listed = 0
        self._told: dict[str, int] = {}
        self._moved, self._since = False, -math.inf

    def of(self, conversation: str) -> tuple[int, int]:
        """Return the number of the list of conversations and that of one conversation."""
        if self._moved and time.monotonic() - self._since >= ORDER_SECONDS:
            self._moved, self._since = False, time.monotonic()
            self._listed = next(self._numbers)
        return self._listed, self._told.get(conversation, 0)

    def tell(self, conversation: str) -> None:
        """Say that a conversation looks different."""
        self._told[conversation] = next(self._numbers)

    def list_anew(self) -> None:
        """Say that a conversation came, went or has another title."""
        self._listed = next(self._numbers)

    def moved(self) -> None:
        """Say that the conversations have another order."""
        self._moved = True
