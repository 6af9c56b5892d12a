"""Recipes render in every language; people's and documents' text is only ever a value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.citations import cite, false_marks
from assistant.errors import UsageError
from assistant.prompts import is_refusal, load_prompt, prompt_names, refusal
from assistant.schema import Message, Passage, Shot, language_of


def passage(text: str) -> Passage:
    return Passage("d", "d.md", 0, text, 1.0)


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("name", prompt_names())
def test_every_recipe_shows_question_passages_shots_and_instruction(name: str, language):
    prompt = load_prompt(name)
    shots = [Shot("SHOT-Q", "SHOT-A", language)]
    turns = [Message("user", "EARLIER"), Message("assistant", "REPLY")]
    made = prompt.render(
        "QUESTION", language=language, history=turns, passages=[passage("PASSAGE")], shots=shots, system="OWN"
    )
    whole = "\n".join(message.content for message in made)
    assert made[-1].role == "user" and "QUESTION" in made[-1].content
    assert made[0].role == "system" and made[0].content.endswith("OWN")
    assert "EARLIER" in whole and "REPLY" in whole
    assert ("PASSAGE" in whole) == (prompt.needs == "passages")
    assert ("SHOT-A" in whole) == (prompt.needs == "shots")
    assert "{" not in whole


@given(st.text(alphabet="{}questionpassagestext [1]가", max_size=60))
def test_braces_in_questions_and_documents_stay_braces(text: str):
    made = load_prompt("grounded").render(text, language="ko", passages=[passage(text)])
    assert made[-1].content == f"[1] {text}\n\n{text}"


def test_shots_follow_the_language_of_the_question():
    shots = [Shot("q", "a", "en"), Shot("질", "답", "ko")]
    assert "q" not in load_prompt("few_shot").render("뭐예요?", language="ko", shots=shots)[-1].content


def test_an_unknown_recipe_names_the_nearest():
    with pytest.raises(UsageError) as caught:
        load_prompt("grouned")
    assert "'grounded'" in caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        refusal("ko"),
        refusal("en"),
        "주어진 정보만으로는 알 수 없습니다.",
        "잘 모르겠습니다.",
        "I don't know based on the given information.",
        "I’m not sure.",
        "That is not mentioned in the text.",
    ],
)
def test_refusals_are_recognised(text: str):
    assert is_refusal(text)


@pytest.mark.parametrize("text", ["3,000원", "2층 열람실", "Every Monday", "From 9 am to 6 pm", "the north door", ""])
def test_answers_are_not_refusals(text: str):
    assert not is_refusal(text)


@pytest.mark.parametrize(
    ("answer", "numbers"),
    [
        ("3,000원이에요 [2].", [2]),
        ("Nothing [7].", []),
        ("3 000원", [1]),
        ("월요일", [2]),
        ("도서관은 매주 월요일 휴관이에요", [2]),
        ("", []),
        ("전혀 다른 말", []),
    ],
)
def test_citations_are_checked_or_found(answer: str, numbers: list[int]):
    passages = [passage("요금은 3,000원입니다."), passage("도서관은 월요일에 쉽니다. 매주 휴관.")]
    assert cite(answer, passages) == numbers
    assert false_marks("a [7] [1]", passages) == [7]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("도서관 Wi-Fi 비밀번호?", "ko"),
        ("What is 솔마루 library's address today?", "en"),
        ("123", "en"),
        ("ㅎㅎ", "ko"),
    ],
)
def test_the_language_of_a_question(text: str, language: str):
    assert language_of(text) == language
