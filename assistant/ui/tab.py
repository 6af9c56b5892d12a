"""What the server knows of one browser tab."""

from dataclasses import dataclass


@dataclass
class Tab:
    """What one browser tab shows; it lives on the server and is changed in place.

    ``turn`` counts what was opened or started, so that a follower of something older ends.
    ``thread`` and ``chats`` tell what was sent last, ``news`` how much of the store that knew, ``busy``
    whether a follower has to tell the end of an answer.
    """

    conversation: str = ""
    search: str = ""
    opened: bool = False
    following: bool = False
    busy: bool = False
    turn: int = 0
    news: tuple[int, int] = (-1, -1)
    thread: int = 0
    chats: int = 0

    def show(self, conversation: str) -> None:
        """Turn to a conversation."""
        self.conversation, self.opened, self.following = conversation, True, False
        self.turn += 1
