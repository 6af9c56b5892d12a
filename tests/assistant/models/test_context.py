"""What is left out when a conversation is too long, and that it is said."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.errors import InputError
from assistant.models.context import fit
from assistant.models.local import LocalBackend
from assistant.schema import Message, Sampling, collect


def words(messages: list[Message]) -> int:
    return sum(len(message.content.split()) + 1 for message in messages)


def _conversation(turns: int, size: int) -> list[Message]:
    history = [Message("system", "be kind")]
    for number in range(turns):
        history += [Message("user", f"q{number} " * size), Message("assistant", f"a{number} " * size)]
    return [*history, Message("user", "the newest question")]


def test_what_fits_stays_as_it_is() -> None:
    messages = _conversation(2, 3)
    assert fit(messages, 1000, words).messages == messages
    assert fit(messages, 0, words).messages == messages


def test_the_oldest_turns_go_first() -> None:
    fitted = fit(_conversation(5, 10), 60, words)
    assert [message.content[:2] for message in fitted.messages] == ["be", "q3", "a3", "q4", "a4", "th"]
    assert [(notice.key, notice.params) for notice in fitted.notices] == [("history_trimmed", {"turns": 3})]


def test_the_newest_message_is_cut_at_the_front() -> None:
    messages = [Message("system", "be kind"), Message("user", "filler " * 500 + "what time is it?")]
    fitted = fit(messages, 40, words)
    assert fitted.messages[0].content == "be kind"
    assert fitted.messages[1].content.endswith("filler what time is it?")
    assert fitted.tokens == words(fitted.messages) <= 40
    assert fitted.notices[-1].key == "message_trimmed"
    assert fitted.notices[-1].params["tokens"] == 504 + 1 + 3 - fitted.tokens


def test_a_system_prompt_that_fills_the_window_is_an_error() -> None:
    with pytest.raises(InputError, match="system prompt"):
        fit([Message("system", "word " * 100), Message("user", "hi there")], 50, words)
    with pytest.raises(InputError, match="empty"):
        fit([], 50, words)


@settings(max_examples=200, deadline=None)
@given(turns=st.integers(0, 8), size=st.integers(1, 30), budget=st.integers(10, 300), last=st.integers(1, 200))
def test_the_prompt_always_fits_and_keeps_its_ends(turns: int, size: int, budget: int, last: int) -> None:
    messages = [*_conversation(turns, size)[:-1], Message("user", "w " * last + "end")]
    fitted = fit(messages, budget, words)
    assert fitted.tokens == words(fitted.messages) <= budget
    assert fitted.messages[0] == messages[0]
    assert fitted.messages[-1].content.endswith("end")
    assert bool(fitted.notices) == (fitted.messages != messages)


@pytest.mark.parametrize("share", [0.8, 1.2, 3.0, 50.0])
def test_long_histories_and_pastes_on_the_real_model(backend: LocalBackend, share: float) -> None:
    model = backend.model()
    turn = [Message("user", "도서관은 몇 시에 여나요?"), Message("assistant", "아침 9시에 열어요. 월요일은 쉬어요.")]
    per_turn = model.count_tokens([*turn, *turn]) - model.count_tokens(turn)
    long = turn * int(share * model.window / per_turn)
    answer = collect(model.stream([Message("system", "짧게."), *long, *turn[:1]], Sampling(max_tokens=4)))
    per_line = (model.count_tokens([Message("user", "긴 글입니다. " * 40)]) - 3) / 40
    paste = "긴 글입니다. " * int(share * model.window / per_line) + "질문: 언제 여나요?"
    pasted = collect(model.stream([Message("user", paste)], Sampling(max_tokens=4)))
    for one, key in ((answer, "history_trimmed"), (pasted, "message_trimmed")):
        assert one.finish is not None
        assert one.usage.prompt_tokens <= model.window
        assert [notice.key for notice in one.notices] == ([key] if share > 1 else [])
    kept = fit([Message("user", paste)], 100, model.count_tokens)
    assert kept.tokens == model.count_tokens(kept.messages) <= 100
