"""What to search for: the question alone, or with its conversation when it cannot stand alone."""

from collections.abc import Sequence

from assistant.schema import Message


def search_query(messages: Sequence[Message]) -> str:
    """Return the search query for the last message of a conversation."""
    return messages[-1].content
