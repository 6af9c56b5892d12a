"""The recipe of the sentence embedder: what is kept apart, training in small, figures."""

from __future__ import annotations

import json
import lzma
from pathlib import Path

import numpy as np
import pytest

from assistant.retrieval.terms import terms
from data.models.sentence_recipe import encode, measure, pairs, start, train
from data.models.sentence_recipe.batches import Batches, Settings
from data.models.sentence_recipe.pairs import Pair
from data.models.sentence_recipe.sets import RetrievalSet, make
from data.models.sentence_recipe.vectors import SIGNS, features, open_table, signs

SUBJECTS = (
    ("강아지는 산책을 좋아한다.", "개는 날마다 밖에 나가 걷는다."),
    ("승용차가 길에 서 있다.", "자동차 한 대가 도로에 멈췄다."),
    ("아기가 잠들었다.", "갓난아이가 요람에서 잔다."),
    ("The dog likes walks.", "A puppy goes out every morning."),
    ("A car stands in the road.", "The vehicle stopped on the street."),
    ("The baby fell asleep.", "An infant is sleeping in the cradle."),
)


@pytest.fixture(scope="module")
def encoded() -> encode.Encoded:
    own = [Pair(query, passage, "ko" if encode.is_korean(query) else "en") for query, passage in SUBJECTS]
    crossing = [Pair(SUBJECTS[n][0], SUBJECTS[n + 3][0], "translation") for n in range(3)]
    return encode.encode([*own, *crossing])


@pytest.mark.parametrize(
    ("asked", "said", "expected"),
    [
        ('"가"라는 글로 볼 때 "나"는 사실인가요?', "예, 글의 내용과 맞습니다.", ("가", "나", True)),
        ("전제: 가\n가설: 나\n가설이 전제와 맞습니까?", "아니요, 글의 내용과 맞지 않습니다.", ("가", "나", False)),
        ("두 문장의 뜻이 비슷한가요?\n1) 가\n2) 나", "네, 뜻이 비슷합니다.", ("가", "나", True)),
        ("다음 문장을 다른 말로 바꿔 주세요.\n가", "나", ("가", "나", True)),
    ],
)
def test_tasks_are_read(tmp_path: Path, asked: str, said: str, expected: tuple[str, str, bool]) -> None:
    _rows(tmp_path / "instruct" / "korean_nlu_tasks_ko", [{"messages": _said(asked, said), "source": "KorSTS-dev"}])
    (found,) = pairs.tasks(tmp_path)
    assert (found.first, found.second, found.holds) == expected


def test_what_is_kept_apart_is_not_trained_on(tmp_path: Path, prepared: Path) -> None:
    premise = "부산에서 열린 이번 음악회에는 모두 삼백 명이 넘는 사람이 찾아왔다."
    asked = f'"{premise}"라는 글로 볼 때 "음악회가 열렸다."는 사실인가요?'
    row = {"messages": _said(asked, "예, 맞습니다."), "source": "KLUE-NLI-dev"}
    _rows(tmp_path / "instruct" / "korean_nlu_tasks_ko", [row, {**row, "source": "KorNLI-xnli-test"}])
    section = "물을 끓인 다음 면을 넣고 사 분 동안 그대로 두었다가 건져 찬물에 헹구면 쫄깃한 맛이 나요."
    documents = [
        {"messages": _said("면을 삶는 법", section), "source": f"docs:{name}"} for name in ("vue_ko", "react_ko")
    ]
    _rows(tmp_path / "instruct" / "docs_questions_ko", documents)
    for name in ("docs_sections_ko", "docs_questions_en", "docs_sections_en"):
        _rows(tmp_path / "instruct" / name, [])
    for name in ("translation_python_docs", "songys_chatbot_ko", "ms_support_ko"):
        _rows(tmp_path / "instruct" / name, [{"messages": _said("안녕?", "반가워요."), "source": name, "lang": "ko"}])
    for name in ("kobest_boolq_ko", "squad11_train_en", "qamr_en", "fairytaleqa_en"):
        _rows(tmp_path / "reading" / name, [{"question": f"q {name}", "context": f"c {name}", "source": "x"}])
    (tmp_path / "text").mkdir()
    for name in pairs.sources()["text"]:
        with lzma.open(tmp_path / "text" / f"{name}.txt.xz", "wt", encoding="utf-8") as file:
            file.write(f"{premise} {section} 그 밖의 이야기는 이 글에 없으니 다른 글에서 찾아 주시기 바랍니다.")
    found = list(pairs.training(tmp_path, prepared))
    texts = [text for pair in found for text in (pair.query, pair.passage)]
    assert found and not [text for text in texts if premise in text or section in text]
    assert any(pair.source == "songys" for pair in found)


def test_twenty_steps_bring_pairs_together_and_the_files_load(encoded: encode.Encoded, tmp_path: Path) -> None:
    table = start.starting_table(encoded, seed=1)
    settings = Settings(steps=20, batch=4, rate=0.02, forget=0.2)
    trained = train.train(encoded, table.copy(), settings, tmp_path / "log.jsonl")
    again = train.train(encoded, table.copy(), settings, tmp_path / "log.jsonl")
    np.testing.assert_array_equal(trained, again)
    means = []
    for rows, name in ((table, "before"), (trained, "after")):
        train.export(rows, encoded, tmp_path / name, {})
        embed = open_table(tmp_path / name).embed
        cosines = embed([query for query, _ in SUBJECTS]) @ embed([passage for _, passage in SUBJECTS]).T
        means.append(float(np.trace(cosines) - (cosines.sum() - np.trace(cosines)) / 5) / 6)
    assert means[1] > means[0] + 0.1
    assert encode.load(_saved(encoded, tmp_path)).words == encoded.words


def test_shared_words_leave_queries_only_where_the_passage_has_them(encoded: encode.Encoded) -> None:
    batches = Batches(encoded, Settings(steps=1, batch=2, forget=1.0))
    for _ in range(20):
        queries, passages, numbers = batches.next()
        assert queries.count == passages.count == len(numbers)
        assert set(queries.rows) <= set(encoded.rows)


def test_the_passage_itself_is_never_a_query() -> None:
    made = make("x", [Pair("a", "b", ""), Pair("b", "b", ""), Pair("a", "c", "")], ["d"])
    assert (made.queries, made.passages, made.right) == (["a"], ["b", "c", "d"], [0])


def test_figures_count_ranks() -> None:
    one = RetrievalSet("x", ["q"] * 4, ["p"] * 9, [0, 1, 2, 8])
    ranks = measure.reciprocal_ranks(one, [["0"], ["0", "1"], ["0", "1"], [str(n) for n in range(9)]])
    assert measure.figures(ranks) == pytest.approx({"hit1": 25.0, "hit5": 50.0, "mrr": 100 * (1 + 0.5 + 1 / 9) / 4})
    assert measure.gain(ranks, ranks) == (0.0, 0.0, 0.0)


def test_known_words_are_near_from_the_start() -> None:
    car, truck, love = start.korean_places(["자동차", "트럭", "사랑", "없는낱말없음"], 3)[:3]
    assert car @ truck > car @ love


def test_words_have_rows_and_the_rest_is_hashed() -> None:
    words = {"조율": 0, "piano": 1}
    found = features(terms(["조율 조율을 piano zither"])[0], words, 50)
    assert found[0] == pytest.approx(1 + np.log(2)) and found[1] == 1.0
    hashed = [row for row in found if row >= 2]
    assert hashed and max(hashed) < 52
    assert features(terms(["zither"])[0], words, 50).keys() < set(found)


def test_signs_are_fixed_by_the_spelling_and_all_but_orthogonal() -> None:
    made = signs(["조율", "piano", "조율", ""])
    assert made.shape == (4, SIGNS) and set(np.unique(made)) == {-1.0, 1.0}
    np.testing.assert_array_equal(made[0], made[2])
    assert abs(made[0] @ made[1]) / SIGNS < 0.15
    assert signs(["piano"])[0, :8].tolist() == [1.0, 1.0, -1.0, 1.0, 1.0, -1.0, 1.0, -1.0]


def _said(asked: str, said: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]


def _rows(path: Path, rows: list[dict[str, object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with lzma.open(f"{path}.jsonl.xz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _saved(encoded: encode.Encoded, folder: Path) -> Path:
    encode.save(encoded, folder / "pairs")
    return folder / "pairs"
