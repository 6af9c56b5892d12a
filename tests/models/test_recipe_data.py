"""The data half of the recipe: helpers, substitution, questions by rule, skills, what is kept out."""

from __future__ import annotations

import json
import lzma
import random
from pathlib import Path

import pytest

from data.models.recipe import corpus, prepare
from data.models.recipe.batches import Source, encode, make_pool
from data.models.recipe.evaluation_sets import follow, synthetic, talk
from data.models.recipe.frames import own_frame
from data.models.recipe.korean_questions import Asker
from data.models.recipe.mixture import MIXES, Mixture
from data.models.recipe.rewording import QUESTION_WORDS, Rewording
from data.models.recipe.skills.documents import kinds
from data.models.recipe.skills.shots import classified, groups
from data.models.recipe.substitute import make_pool as name_pool
from data.models.recipe.substitute import sound_class, substitute
from data.models.recipe.words import REFUSAL, Sample, particles, sentences, stream, text_hash, window

from .conftest import ENGLISH, KOREAN

ROOT = Path(__file__).parents[2]
EMBEDDED = ROOT / "data" / "models" / "embedded"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("물[은/는]", "물은"), ("바다[은/는]", "바다는"), ("길[으로/로]", "길로"), ("섬[으로/로]", "섬으로"),
        ("3[이/가]", "3이"), ("2[이/가]", "2가"), ("‘돌’[을/를]", "‘돌’을"), ("나무[이다/다].", "나무다."),
    ],
)  # fmt: skip
def test_particles_follow_the_sound_before_them(text: str, expected: str) -> None:
    assert particles(text) == expected


def test_window_keeps_the_answer_and_whole_sentences() -> None:
    for seed in range(20):
        part = window(ENGLISH, "38 farms", 120, random.Random(seed))
        assert "38 farms" in part
        assert len(part) <= 120
        assert all(sentence in sentences(ENGLISH) for sentence in sentences(part))


@pytest.mark.parametrize("seed", range(25))
def test_substitution_is_consistent_and_answers_stay_in_the_passage(seed: int) -> None:
    pairs = [
        ("Who sold it after 1921?", "Brandt"),
        ("Who built the mill at Orvane?", "Tessa Brandt"),
        ("When?", "1874"),
    ]
    pool = name_pool(["Halvor", "Mirel", "Quist"], "en")
    text, changed = substitute(ENGLISH, pairs, ["Orvane", "Tessa", "Brandt", "Kolm"], "en", pool, random.Random(seed))
    assert text != ENGLISH
    assert len(changed) == 3
    assert all(answer in text for _, answer in changed)
    # The surname is replaced alike wherever it stands.
    assert changed[1][1].split()[-1] == changed[0][1]
    assert "1874" not in text


@pytest.mark.parametrize("seed", range(25))
def test_korean_names_keep_their_final_sound(seed: int) -> None:
    pool = name_pool(["김다온", "한결", "여름", "바다"], "ko")
    text, pairs = substitute(KOREAN, [("누가 지었나요?", "박서린")], ["박서린"], "ko", pool, random.Random(seed))
    answer = pairs[0][1]
    assert answer in text
    assert sound_class(answer) == sound_class("박서린")


def test_unrelated_numbers_do_not_become_equal() -> None:
    text = "4 boats, 5 nets, 6 lines, 7 buoys, 8 men"
    for seed in range(40):
        changed, _ = substitute(text, [("How many nets?", "5")], [], "en", {}, random.Random(seed))
        numbers = [part.split()[0] for part in changed.split(", ")]
        assert len(set(numbers)) == 5


@pytest.fixture(scope="module")
def asker() -> Asker:
    return Asker(random.Random(4))


@pytest.mark.parametrize(
    ("sentence", "answer", "word"),
    [
        ("한국은행이 지난달에 새 지폐를 발행했다.", "새 지폐", "무엇"),
        ("농부 세 명이 언덕에서 보리를 거두었다.", "보리", "무엇"),
        ("피펫은 액체를 옮기는 데 쓰는 도구이다.", "액체를 옮기는 데 쓰는 도구", "피펫은"),
        ("다리는 홍수가 났기 때문에 오늘 아침부터 막혔다.", "홍수가 났기 때문", "다리는"),
    ],
)
def test_rules_ask_for_parts_of_a_sentence(asker: Asker, sentence: str, answer: str, word: str) -> None:
    pairs = [pair for _ in range(30) for pair in asker.questions(sentence)]
    assert answer in {a for _, a in pairs}
    assert any(word in q or "뭐" in q or "뭘" in q for q, a in pairs if a == answer)
    assert all(a in sentence and a not in q for q, a in pairs)


def test_every_skill_makes_usable_samples(prepared: Path) -> None:
    mixture = Mixture(prepared)
    for skill in MIXES["main"]:
        made = [mixture.make(skill, stream(skill, seed)) for seed in range(40)]
        samples = [sample for sample in made if sample is not None]
        assert samples, skill
        for sample in samples:
            assert all(content.strip() for _, content in sample.messages), skill
            assert sample.is_plain or sample.messages[-1][0] == "assistant"
            assert not any("{" in content and "}" in content and '"' not in content for _, content in sample.messages)


def test_same_seed_gives_the_same_batches(prepared: Path) -> None:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(EMBEDDED / "tokenizer.json"))
    mixture, source = Mixture(prepared), Source(prepared, EMBEDDED, seed=3, tokens=2048, limit=512)
    first, again, other = (make_pool(mixture, tokenizer, source, worker, 0) for worker in (0, 0, 1))
    assert [b.ids.tolist() for b in first] == [b.ids.tolist() for b in again]
    assert [b.ids.tolist() for b in first] != [b.ids.tolist() for b in other]


def test_tokens_are_those_of_the_chat_template() -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(EMBEDDED)
    messages = [
        ("system", "짧게 답하세요."),
        ("user", "[1] Orvane lies north.\n\nQuestion: Where?"),
        ("assistant", "north"),
    ]
    ids, weights = encode(tokenizer.backend_tokenizer, Sample("t", messages), random.Random(0), 512)
    rows = [{"role": role, "content": content} for role, content in messages]
    assert ids == tokenizer.apply_chat_template(rows, return_dict=False)
    answer = len(tokenizer(" north", add_special_tokens=False).input_ids) + 1
    assert weights[-answer:] == [1.0] * answer
    assert weights[-answer - 1] == 0.0


def test_reading_answers_come_from_the_passage_or_are_refusals(prepared: Path) -> None:
    mixture = Mixture(prepared)
    refused = 0
    for seed in range(400):
        sample = mixture.make("reading", stream("reading", seed))
        if sample is None:
            continue
        prompt, answer = sample.messages[-2][1], sample.messages[-1][1]
        whole = " ".join(content for _, content in sample.messages[:-1])
        refused += answer in REFUSAL.values()
        assert answer in whole or answer in REFUSAL.values(), prompt
    assert 4 <= refused <= 80


def test_the_apps_frame_is_one_that_training_uses_most() -> None:
    from assistant.prompts import load_prompt
    from assistant.schema import Passage

    prompt = load_prompt("grounded")
    passages = [Passage("1", "d", 0, t, 1.0) for t in ("a b", "c")]
    for language in ("ko", "en"):
        rendered = prompt.render("왜?", language=language, passages=passages)[-1].content
        assert rendered in [own_frame(["a b", "c"], "왜?", language, labelled) for labelled in (False, True)]


def test_shots_show_every_label_that_is_asked_for(prepared: Path) -> None:
    library = Mixture(prepared).library
    shown = sum(
        last[1] in {answer for _, answer in examples}
        for examples, last in (classified(library, stream("shots", seed), "en") for seed in range(200))
    )
    assert shown >= 130
    assert sum(len(group) for language in ("ko", "en") for group in groups(language)) >= 70


def test_held_out_text_and_evaluation_items_are_not_prepared(tmp_path: Path) -> None:
    source = tmp_path / "corpus"
    (source / "text").mkdir(parents=True)
    (source / "reading").mkdir()
    paragraphs = [f"{KOREAN} 이 이야기는 {n}번째로 적힌 것이며 마을 사람들이 오래 전해 왔다." for n in range(200)]
    blocked_text = "1921년에는 큰물이 물레바퀴를 모두 쓸어 가 버렸다고 전해지는 이야기가 있다."
    with lzma.open(source / "text" / "korean_general_ko.txt.xz", "wt", encoding="utf-8") as file:
        file.write("\n<|doc|>\n".join([*paragraphs, f"{blocked_text} {KOREAN}"]))
    about = corpus.sources()["text"]["korean_general_ko"]
    blocked = corpus.Blocklist([blocked_text])
    read = list(corpus.read_paragraphs(source, "korean_general_ko", about))
    kept = [p.text for p in prepare._clean(read, blocked)]
    assert len(read) == 201
    assert 0 < len(kept) < 200
    assert not any(corpus.is_held_out(text) or blocked_text in text for text in kept)


def test_forgetting_samples_are_held_out_small_and_licensed() -> None:
    size = 0
    for language in ("ko", "en"):
        path = ROOT / "data" / "forgetting" / f"{language}.jsonl"
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        assert len(rows) >= 100
        assert all(corpus.is_held_out(row["text"]) and row["licence"] and row["source"] for row in rows)
        size += path.stat().st_size
    assert size <= 300_000


def test_evaluation_lists_share_nothing_with_training() -> None:
    import yaml

    here = ROOT / "data" / "models" / "recipe"
    items = yaml.safe_load((here / "items" / "kinds.yaml").read_text("utf-8"))
    trained = {
        text_hash(part) for kind in kinds().values() for fact in kind["facts"] for part in "|".join(fact[1:]).split("|")
    }
    asked = {
        text_hash(part) for kind in items.values() for fact in kind["facts"] for part in "|".join(fact[1:]).split("|")
    }
    assert not set(items) & set(kinds())
    assert not asked & trained
    values = yaml.safe_load((here / "items" / "values.yaml").read_text("utf-8"))
    training = yaml.safe_load((here / "texts" / "values.yaml").read_text("utf-8"))
    for language in ("ko", "en"):
        known = {value for values_of in training[language].values() for value in values_of}
        assert not {value for values_of in values[language].values() for value in values_of} & known
    talked = {text_hash(i.messages[-1][1]) for i in talk()["talk"]}
    said = yaml.safe_load((here / "texts" / "talk.yaml").read_text("utf-8"))
    assert not talked & {text_hash(part) for rows in said.values() for row in rows for part in row[0].split("|")}


def test_evaluation_sets_are_always_the_same_and_answerable() -> None:
    sets = synthetic(12)
    assert sets == synthetic(12)
    for language in ("ko", "en"):
        assert all(item.references[0] in item.messages[0][1] for item in sets[f"synthetic_{language}"])
        assert all(item.messages[0][1].count("\n\n") == 5 for item in sets[f"synthetic_{language}"])
    assert len(follow()["shots"]) == len(follow()["no_shots"]) >= 20


def test_a_trained_tokenizer_keeps_words_whole_before_any_particle(prepared: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    from data.models.recipe.tokenizer import SPECIAL, train

    train(prepared, tmp_path, 600, samples=60, characters=2000)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    assert tokenizer.convert_tokens_to_ids(SPECIAL) == list(range(7))
    ids = [tokenizer(text, add_special_tokens=False).input_ids for text in ("박서린", "박서린은", "박서린에게")]
    assert ids[1][: len(ids[0])] == ids[2][: len(ids[0])] == ids[0]
    assert tokenizer.decode(ids[2]).strip() == "박서린에게"
    kept = AutoTokenizer.from_pretrained(EMBEDDED)
    assert tokenizer.chat_template == kept.chat_template


@pytest.fixture(scope="module")
def rewording() -> Rewording:
    return Rewording(Asker(random.Random(0)).kiwi, random.Random(5))


def test_a_question_is_asked_in_other_words_of_the_same_kind(rewording: Rewording) -> None:
    question = "이 동네 사람들은 어디에서 개를 기르나요?"
    found = {rewording.korean.reword(question, "", share=1.0) for _ in range(30)} - {question}
    assert any("키우" in other for other in found)
    assert all("어디" in other and other.endswith("나요?") for other in found)
    assert "기르" not in QUESTION_WORDS and ("키우", "VV") in rewording.korean.near("기르", "VV")
    english = {rewording.english.reword("Where was the doctor born?", "", share=1.0) for _ in range(20)}
    assert any("physician" in other for other in english) and all(
        other.startswith("Where was the ") for other in english
    )


def test_a_word_of_the_passage_is_never_put_in_a_questions_place(rewording: Rewording) -> None:
    passage = "이 농장은 개를 키우고 돼지를 돌보고 있다."
    found = {rewording.korean.reword("어디에서 개를 기르나요?", passage, share=1.0) for _ in range(40)}
    assert not any("키우" in other or "돌보" in other for other in found)
    told = {rewording.english.reword("Who is the doctor?", "A physician came.", share=1.0) for _ in range(40)}
    assert not any("physician" in other.split() for other in told)


@pytest.mark.parametrize(
    ("question", "short"),
    [
        ("헌법은 나라의 법률로 모든 단계의 정부를 무엇으로 규정하나요?", "헌법은 정부를 무엇으로 규정하나요?"),
        ("학교를 세운 사람은 누구인가요?", "학교를 세운 사람은 누구인가요?"),  # a cleft
        ("무엇이 있나요?", "무엇이 있나요?"),  # short already
    ],
)
def test_a_long_question_is_shortened_to_topic_and_predicate(rewording: Rewording, question: str, short: str) -> None:
    assert short in {rewording.korean.shorten(question) for _ in range(20)}


def test_every_question_has_its_own_wordings_and_training_takes_some(rewording: Rewording, prepared: Path) -> None:
    pairs = [("방앗간을 누가 지었나요?", "박서린"), ("물레바퀴는 언제 떠내려갔나요?", "1921년")]
    again = rewording.all(pairs, KOREAN, "ko")
    assert len(again) == 2 and all(question not in others for (question, _), others in zip(pairs, again, strict=True))
    assert Mixture(prepared).library.korean[0].again == {}  # files prepared earlier have none
