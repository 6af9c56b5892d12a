"""What training sees is what inference sends; only answers carry loss."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.dataset import Example, read_examples
from assistant.errors import InputError
from assistant.models import open_model
from assistant.models.chat_format import ChatFormat
from assistant.paths import data_root
from assistant.prompts import load_prompt, prompt_names, refusal
from assistant.schema import Message, Passage, Sampling, Shot, Variant
from assistant.settings import EngineSettings, ModelSettings
from assistant.variants import VariantModel
from tuning.formats import Encoder, Renderer, mix_replay, with_target
from tuning.schema import load_recipe

EMBEDDED = data_root() / "models" / "embedded"


class Shelf:
    """A retriever over a fixed list: passages that share most words with the query come first."""

    def __init__(self, *texts: str) -> None:
        self.passages = [Passage(f"d{i}", f"d{i}.md", 0, text, 1.0) for i, text in enumerate(texts)]

    def search(self, query: str, k: int) -> list[Passage]:
        words = set(query.split())
        return sorted(self.passages, key=lambda passage: -len(words & set(passage.text.split())))[:k]


SHELF = Shelf(
    "The café opens at 8:30 every day.",
    "The café is closed in August.",
    "Lockers cost 2 crowns a day.",
    "Lockers are behind the stairs.",
)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder(ChatFormat(EMBEDDED), 512)


@pytest.fixture(scope="module")
def backend():
    opened = open_model(ModelSettings(), EngineSettings(max_tokens=2))
    yield opened
    opened.close()


def example(question: str, answer: str = "8:30", **more: object) -> Example:
    return Example(question, (Message("user", question),), answer, **more)


HISTORY = (Message("user", "Where is the café?"), Message("assistant", "Downstairs."))


@pytest.mark.parametrize("name", prompt_names())
@pytest.mark.parametrize("question", ["When does the café open?", "카페는 언제 여나요? {passages} <|end|>"])
def test_training_prompts_are_token_for_token_what_the_variant_sends(
    name: str, question: str, recipe_file, rows: Path, backend, encoder, monkeypatch
) -> None:
    needs = load_prompt(name).needs
    retrieval = {"wrong_share": 0, "missed": "keep", "k": 2} if needs == "passages" else None
    shots = rows.name if needs == "shots" else None
    system = {"ko": "짧게 답하세요.", "en": "Answer briefly."}
    recipe = load_recipe(recipe_file(recipe=name, retrieval=retrieval, shots=shots, system=system))
    asked = replace(example(question), messages=(*HISTORY, Message("user", question)))
    (row,) = Renderer(recipe, encoder, [asked], SHELF).rows([asked])

    sent: list[list[int]] = []
    submit = backend.engine.submit
    monkeypatch.setattr(backend.engine, "submit", lambda request: (sent.append(request.prompt), submit(request))[1])
    pairs = [json.loads(line) for line in rows.read_text("utf-8").splitlines()] if shots else []
    shown = tuple(Shot(p["question"], p["answer"], "ko" if "가" <= p["question"][0] <= "힣" else "en") for p in pairs)
    spec = Variant("v", recipe=name, shots=shown, system=tuple(system.items()), sampling=Sampling(max_tokens=128))
    live = VariantModel(spec, "", backend.model(), load_prompt(name), SHELF if needs == "passages" else None)
    list(live.stream(asked.messages, Sampling(max_tokens=128)))
    assert sent == [list(row.prompt_ids)]


def test_only_the_answer_and_its_end_carry_loss(recipe_file, encoder) -> None:
    recipe = load_recipe(recipe_file())
    followed = replace(example("And on Sunday?", "at 10:00"), messages=(*HISTORY, Message("user", "And on Sunday?")))
    (row,) = Renderer(recipe, encoder, [followed], None).rows([followed])
    turns = [{"role": turn.role, "content": turn.content} for turn in followed.messages]
    turns.append({"role": "assistant", "content": "at 10:00"})
    whole = encoder.tokenizer.apply_chat_template(turns, return_dict=True, return_assistant_tokens_mask=True)
    assert row.input_ids == whole["input_ids"]
    learnt = [token for token in row.labels if token != -100]
    assert learnt == list(row.answer_ids) and learnt[-1] == encoder.tokenizer.eos_token_id
    # The template's own mask also marks the earlier answer, which training leaves alone.
    mask = whole["assistant_masks"]
    assert sum(mask) > len(learnt) and mask[-len(learnt) :] == [1] * len(learnt)
    assert mask[-len(learnt) - 1] == 0


def test_an_answer_of_weight_nought_is_left_out_and_counted(recipe_file, encoder, tmp_path: Path) -> None:
    chats = [
        [{"role": "user", "content": "When?"}, {"role": "assistant", "content": said, "weight": weight}]
        for said, weight in (("never learn this", 0), ("8:30", 1))
    ]
    lines = [json.dumps({"id": str(n), "messages": chat}) for n, chat in enumerate(chats)]
    (tmp_path / "chats.jsonl").write_text("\n".join(lines), encoding="utf-8")
    renderer = Renderer(load_recipe(recipe_file()), encoder, (), None)
    rows = renderer.rows(read_examples(tmp_path / "chats.jsonl", need_answer=True))
    assert [row.answer for row in rows] == ["8:30"] and renderer.counts["rows_dropped"] == 1


def test_rows_without_their_answer_learn_to_refuse(recipe_file, encoder) -> None:
    how = {"k": 1, "wrong_share": 0, "missed": "refuse"}
    recipe = load_recipe(recipe_file(recipe="grounded", retrieval=how))
    found, missed = example("When opens the café every day?"), example("Is the café closed in summer?", "no")
    unanswerable = example("The café owner?", refusal("en"), references=())
    korean = example("카페는 언제 열어요?", "8:30")
    renderer = Renderer(recipe, encoder, [found], Shelf(SHELF.passages[0].text))
    rows = renderer.rows([found, missed, unanswerable, korean])
    assert [row.answer for row in rows] == ["8:30", refusal("en"), refusal("en"), "8:30"]
    assert renderer.counts["rows_without_their_answer"] == 1
    dropping = load_recipe(recipe_file(recipe="grounded", retrieval=how | {"missed": "drop"}))
    renderer = Renderer(dropping, encoder, [found], Shelf(SHELF.passages[0].text))
    assert len(renderer.rows([found, missed])) == 1 and renderer.counts["rows_dropped"] == 1


def test_an_answer_counts_only_in_the_document_that_the_row_names(recipe_file, encoder) -> None:
    recipe = load_recipe(recipe_file(recipe="grounded", retrieval={"k": 1, "wrong_share": 0}))
    asked = example("When opens the café every day?", extra={"document": "en/other.md"})
    assert Renderer(recipe, encoder, [asked], SHELF).rows([asked])[0].answer == refusal("en")


def test_recover_searches_deeper_for_the_right_passage(recipe_file, encoder) -> None:
    how = {"k": 1, "wrong_share": 0, "missed": "recover"}
    recipe = load_recipe(recipe_file(recipe="grounded", retrieval=how))
    asked = example("Lockers are how much a day?", "2 crowns")
    (row,) = Renderer(recipe, encoder, [asked], SHELF).rows([asked])
    assert row.answer == "2 crowns" and "2 crowns" in row.messages[-1].content


def test_the_wrong_share_shows_other_passages_and_asks_for_a_refusal(recipe_file, encoder) -> None:
    recipe = load_recipe(recipe_file(recipe="grounded", retrieval={"k": 1, "wrong_share": 1}))
    first = example("When opens the café every day?", group="café")
    second = example("What do Lockers cost a day?", "2 crowns", group="lockers")
    renderer = Renderer(recipe, encoder, [first, second], SHELF)
    for row in renderer.rows([first, second]):
        assert row.answer == refusal("en")
    assert [row.answer for row in renderer.rows([first], wrong=False)] == ["8:30"]


def test_a_label_row_never_sees_its_own_group_among_the_examples(recipe_file, encoder) -> None:
    rows = [example(f"the {word} is broken", "facility", group=f"g{i // 2}") for i, word in enumerate(["lift", "door"])]
    rows.append(example("the book is broken", "loan", group="g9"))
    shelf = Shelf(*(f"Message: {row.question}\nAnswer: {row.answer}" for row in rows))
    how = {"k": 2, "wrong_share": 0, "missed": "keep"}
    own = load_recipe(recipe_file(recipe="retrieved_examples", retrieval=how | {"leave_out": "question"}))
    group = load_recipe(recipe_file(recipe="retrieved_examples", retrieval=how | {"leave_out": "group"}))
    seen = [Renderer(recipe, encoder, rows, shelf).rows(rows[:1])[0].messages[-1].content for recipe in (own, group)]
    assert "lift" not in seen[0].rsplit("Message:", 1)[0] and "door" in seen[0]
    assert "door" not in seen[1] and "book" in seen[1]
    assert seen[1].endswith("Message: the lift is broken\nAnswer:")


def test_a_recipe_that_retrieves_needs_documents(recipe_file, encoder) -> None:
    recipe = load_recipe(recipe_file(recipe="grounded", retrieval={"k": 1}))
    with pytest.raises(InputError, match="searches 'documents'"):
        Renderer(recipe, encoder, [example("x")], None)


def test_long_rows_lose_their_front_and_are_counted(recipe_file, encoder) -> None:
    recipe = load_recipe(recipe_file(max_length=40))
    long = example("word " * 200 + "and the end?", "a short answer")
    renderer = Renderer(recipe, encoder, [long], None)
    (row,) = renderer.rows([long])
    assert len(row.input_ids) == 40 and renderer.counts["rows_cut"] == 1
    assert "the end?" in encoder.tokenizer.decode(row.prompt_ids)
    assert encoder.tokenizer.decode(row.answer_ids[:-1]).strip() == "a short answer"


def test_replay_rows_bring_their_own_prompt_and_are_mixed_in_by_share(recipe_file, encoder) -> None:
    recipe = load_recipe(recipe_file(system="Be brief."))
    general = read_examples(data_root() / "replay" / "replay.jsonl", need_answer=True)
    renderer = Renderer(recipe, encoder, [example("x")], None)
    replayed = renderer.general(general)
    assert len(replayed) == len(general) >= 300
    assert not any(turn.role == "system" for row in replayed for turn in row.messages)
    assert max(len(row.input_ids) for row in replayed) <= 512 and renderer.counts["rows_cut"] == 0
    rows = renderer.rows([example(f"question {i}") for i in range(40)])
    mixed = mix_replay(rows, replayed, 0.5, 0)
    assert len(mixed) == 60 and mixed == mix_replay(rows, replayed, 0.5, 0) != mix_replay(rows, replayed, 0.5, 1)
    assert len(mix_replay(rows[:1], replayed[:2], 5, 0)) == 6


def test_held_out_rows_are_measured_on_their_first_reference_or_the_refusal() -> None:
    asked = replace(example("Is there a café?", ""), references=("yes", "yes, there is"))
    assert with_target(asked).answer == "yes"
    assert with_target(replace(asked, references=())).answer == refusal("en")
    assert with_target(replace(asked, answer="sure")).answer == "sure"
