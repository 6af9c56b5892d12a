"""Near duplicates among many texts: the short cuts for pairs that meet by chance lose none."""

import random

import pytest

from assistant.bench.data import made_rows
from assistant.datasets import similar
from assistant.datasets.cleaning import said
from assistant.datasets.similar import NearIndex, Neighbours

WORDS = ["도서관", "열람실", "주차장", "요금", "예약", "언제", "까지", "open", "hours", "what", "is", "the", "library"]


def edited(text, pick):
    letters = list(text)
    for _ in range(pick.randrange(8)):
        at = pick.randrange(len(letters) + 1)
        letters[at : at + pick.randrange(2)] = pick.choice("가나다abc 1!")
    return "".join(letters)


def texts_of_all_kinds():
    pick = random.Random(5)
    base = [" ".join(pick.choices(WORDS, k=pick.randint(1, 40))) for _ in range(60)]
    texts = [edited(pick.choice(base), pick) for _ in range(240)]
    texts += [f"다음 문장을 영어로 옮겨 주세요: {' '.join(pick.choices(WORDS, k=2))} {n}" for n in range(60)]
    texts += ["", "!", "a", "ab", "abc", "aa", "a" * 90, "abab" * 40, "abab" * 30, "\ud800abc", "가" * 500]
    return texts + [said(row) for row in made_rows(150)]


@pytest.mark.parametrize("threshold", [0.5, 0.8, 0.95, 1.0])
def test_all_at_once_are_near_the_same_texts_as_one_by_one(threshold):
    texts = texts_of_all_kinds()
    index, neighbours, found = NearIndex(threshold), Neighbours(texts, threshold), 0
    for number, text in enumerate(texts):
        near = neighbours.near(number)
        assert dict(near) == dict(index.find(text))
        found += len(near)
        neighbours.take(number)
        index.add(number, text)
    assert found > 4


def test_texts_that_share_a_key_by_chance_are_not_compared(monkeypatch):
    compared = []
    real = similar.trigrams
    monkeypatch.setattr(similar, "trigrams", lambda text: compared.append(text) or real(text))
    texts = [said(row) for row in made_rows(2000)]
    neighbours, near = Neighbours(texts, 0.5), 0
    for number in range(len(texts)):
        near += len(neighbours.near(number))
        neighbours.take(number)
    assert near > 30 and len(compared) <= 3 * near
