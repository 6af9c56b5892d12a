"""Noticing that an answer goes round in circles, which small models do where greedy choice leads nowhere."""

from collections.abc import Sequence

TIMES, LEAST, LONGEST = 4, 24, 40


class Loops:
    """Watches an answer for one block of tokens repeated to the end.

    A block of up to ``LONGEST`` tokens that came ``TIMES`` times in a row, over at least ``LEAST`` tokens, is a
    loop. Large models repeat a block on purpose now and then (a table of zeros), so a model's card
    has to ask for it.

    Args:
        watching: false lets everything through.
    """

    def __init__(self, watching: bool) -> None:
        self._watching = watching
        self._ids: list[int] = []
        self.found = False

    def until_found(self, tokens: Sequence[int]) -> Sequence[int]:
        """Return the tokens up to the one that closes a loop; however they arrive, the cut is at the same place."""
        if not self._watching:
            return tokens
        for count, token in enumerate(tokens):
            self._ids.append(token)
            if looping(self._ids):
                self.found = True
                return tokens[: count + 1]
        return tokens


def looping(ids: Sequence[int]) -> bool:
    """Return whether token ids end in a block that is repeated."""
    for period in range(1, LONGEST + 1):
        span = max(TIMES * period, LEAST)
        if len(ids) < span:
            continue
        if all(ids[-place] == ids[-place - period] for place in range(1, span - period + 1)):
            return True
    return False
