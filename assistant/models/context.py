"""Fitting a conversation into a model's window, saying what was left out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from assistant.errors import InputError
from assistant.schema import Message, Notice

Count = Callable[[Sequence[Message]], int]


@dataclass(frozen=True, slots=True)
class Fitted:
    """A conversation that fits, its length in tokens, and what a person should know about it."""

    messages: list[Message]
    tokens: int
    notices: tuple[Notice, ...] = ()


def prompt_room(window: int, max_tokens: int) -> int:
    """Return the tokens a prompt may have; a short window keeps at most an eighth free for the answer."""
    return max(1, window - min(max_tokens, window // 8))


def fit(messages: Sequence[Message], budget: int, count: Count) -> Fitted:
    """Drop the oldest turns, then the front of the newest message, until the prompt fits.

    System messages and the newest message always stay. A turn is a user message with everything
    up to the next one. The front of the newest message goes first because passages come before
    the question there.

    Args:
        messages: the conversation, newest last.
        budget: tokens the prompt may have; 0 or less means no limit.
        count: prompt length in tokens of a conversation.

    Raises:
        InputError: there is no message, or the system prompt leaves no room for one.
    """
    if not messages:
        raise InputError("the conversation is empty", "write a message")
    system = [message for message in messages[:-1] if message.role == "system"]
    history = [message for message in messages[:-1] if message.role != "system"]
    newest = messages[-1]
    tokens = count(messages) if budget > 0 and not _hopeless(messages, budget) else budget + 1
    if budget <= 0 or tokens <= budget:
        return Fitted(list(messages), tokens if budget > 0 else count(messages))
    turns = _turns(history)
    kept: list[list[Message]] = []
    best = count([*system, newest])
    for turn in reversed(turns):  # newest first, so a huge history is never counted as a whole
        candidate = [turn, *kept]
        size = count([*system, *(message for part in candidate for message in part), newest])
        if size > budget:
            break
        kept, best = candidate, size
    notices = []
    if len(kept) < len(turns):
        notices.append(Notice("history_trimmed", {"turns": len(turns) - len(kept)}))
    if best > budget:
        cut, size = _cut_front(newest, budget, lambda message: count([*system, message]))
        notices.append(Notice("message_trimmed", {"tokens": best - size}))
        newest, best = cut, size
    conversation = [*system, *(message for part in kept for message in part), newest]
    return Fitted(conversation, best, tuple(notices))


def _hopeless(messages: Sequence[Message], budget: int) -> bool:
    """Whether counting would be wasted: no tokenizer packs that many characters into a token."""
    return sum(len(message.content) for message in messages) > 64 * budget


def _turns(history: Sequence[Message]) -> list[list[Message]]:
    turns: list[list[Message]] = []
    for message in history:
        if message.role == "user" or not turns:
            turns.append([])
        turns[-1].append(message)
    return turns


def _cut_front(message: Message, budget: int, count: Callable[[Message], int]) -> tuple[Message, int]:
    """Return the longest end of the message that fits, beginning at a word where there is one."""

    def end(start: int) -> Message:
        return Message(message.role, message.content[start:].lstrip())

    length = len(message.content)
    low, high = max(0, length - 64 * budget), length  # invariant: the part from `high` on fits
    if count(end(length)) >= budget:
        raise InputError("the system prompt fills the model's window", "shorten the system prompt")
    while low < high:
        middle = (low + high) // 2
        if count(end(middle)) <= budget:
            high = middle
        else:
            low = middle + 1
    space = message.content.find(" ", high, high + 40)
    if space > 0 and space + 1 < length:
        high = space + 1
    cut = end(high)
    return cut, count(cut)
