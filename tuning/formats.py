"""Rows become token ids through the very code that answers: a variant renders, we catch its prompt.

There is no second renderer for training. Each row runs through ``VariantModel.stream`` with a model
that keeps the messages instead of answering, so training and inference prompts cannot drift apart.
"""

import random
from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from assistant.dataset import Example
from assistant.errors import InputError
from assistant.models.chat_format import ChatFormat
from assistant.prompts import load_prompt, refusal
from assistant.protocols import Retriever
from assistant.schema import Delta, Message, Passage, Sampling, Variant, language_of
from assistant.variants import VariantModel
from tuning.passages import FixedPassages, RowRetriever, answered
from tuning.schema import TuneRecipe, read_shots


@dataclass(frozen=True, slots=True)
class TrainingRow:
    """One row as the model sees it: prompt and answer tokens; only the answer carries loss.

    Preference methods also know the worse answer (``rejected_ids``), or whether the answer is ``good``.
    """

    source: str
    messages: tuple[Message, ...]
    answer: str
    prompt_ids: tuple[int, ...]
    answer_ids: tuple[int, ...]
    rejected: str = ""
    rejected_ids: tuple[int, ...] = ()
    good: bool = True

    @property
    def input_ids(self) -> list[int]:
        """Prompt and answer in one sequence."""
        return [*self.prompt_ids, *self.answer_ids]

    @property
    def labels(self) -> list[int]:
        """What to predict at each position; -100 where no loss is taken."""
        return [-100] * len(self.prompt_ids) + list(self.answer_ids)

    @property
    def tokens(self) -> int:
        """What an epoch reads of it: a pair is read twice."""
        both = 2 * len(self.prompt_ids) if self.rejected_ids else len(self.prompt_ids)
        return both + len(self.answer_ids) + len(self.rejected_ids)

    def to_json(self) -> dict[str, Any]:
        """Return the row for the job folder: readable, and enough to train again."""
        messages = [{"role": turn.role, "content": turn.content} for turn in self.messages]
        row = {"source": self.source, "messages": [*messages, {"role": "assistant", "content": self.answer}]}
        if self.rejected_ids:
            row |= {"rejected": self.rejected}
        return row if self.good else {**row, "good": False}


class Encoder:
    """A base model's chat format and window: the token ids of prompts and of answers."""

    def __init__(self, chat_format: ChatFormat, window: int) -> None:
        self.tokenizer = chat_format.tokenizer
        self.template_hash = chat_format.template_hash
        self.window = window
        self.prompt = chat_format.encode

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Return the prompt's length in tokens."""
        return len(self.prompt(messages))

    def answer(self, question: Message, answer: str) -> list[int]:
        """Return the ids of an answer and of the token that ends the turn.

        The end comes from the chat template itself: what it puts after the assistant's text, up to
        the first control token; the tokenizer's own end where the template puts none.
        """
        turns = [{"role": "user", "content": question.content}, {"role": "assistant", "content": answer}]
        text = str(self.tokenizer.apply_chat_template(turns, tokenize=False))
        tail = text[text.rindex(answer) + len(answer) :] if answer in text else ""
        ids: list[int] = self.tokenizer(answer + tail, add_special_tokens=False, verbose=False)["input_ids"]
        plain: list[int] = self.tokenizer(answer, add_special_tokens=False, verbose=False)["input_ids"]
        control = set(self.tokenizer.added_tokens_decoder)
        ends = [index for index in range(len(plain), len(ids)) if ids[index] in control]
        return ids[: ends[0] + 1] if ends else [*plain, self.tokenizer.eos_token_id]


class _Catcher:
    """A model that keeps the prompt it is given; it has a window, so long prompts are fitted as usual."""

    def __init__(self, encoder: Encoder) -> None:
        self.window = encoder.window
        self.count_tokens = encoder.count_tokens
        self.caught: tuple[Message, ...] = ()

    def stream(self, messages: Sequence[Message], sampling: Sampling) -> Generator[Delta, None, None]:
        self.caught = tuple(messages)
        yield Delta(finish="stop")


class Renderer:
    """Turns examples into training rows for one recipe and one base.

    Args:
        recipe: what to render with.
        encoder: the base model's tokenizer and window.
        examples: all rows of the data, so that a row's own group can be left out of its passages.
        retriever: where passages come from; needed where the recipe has ``retrieval``.
        max_tokens: the answer length that inference keeps free when it fits passages.
    """

    def __init__(
        self,
        recipe: TuneRecipe,
        encoder: Encoder,
        examples: Sequence[Example],
        retriever: Retriever | None,
        max_tokens: int = 128,
    ) -> None:
        if recipe.retrieval is not None and retriever is None:
            message = f"the recipe {recipe.name!r} searches {recipe.retrieval.collection!r}, but there are no documents"
            raise InputError(message, "add them first: joyul docs add PATH")
        self._recipe, self._encoder, self._examples = recipe, encoder, examples
        self._random = random.Random(recipe.seed)
        self._retriever: RowRetriever | None = None
        if recipe.retrieval is not None and retriever is not None:
            self._retriever = RowRetriever(retriever, recipe.retrieval, examples)
        self._sampling = Sampling(max_tokens=max_tokens)
        self._spec = Variant(
            name=recipe.name,
            recipe=recipe.recipe,
            k=recipe.retrieval.k if recipe.retrieval else 1,
            shots=read_shots(recipe),
            system=recipe.instruction(),
            sampling=self._sampling,
        )
        self.counts: Counter[str] = Counter()

    def rows(self, examples: Sequence[Example], *, wrong: bool = True) -> list[TrainingRow]:
        """Render rows; ``wrong`` allows the recipe's share of wrong passages (off for validation)."""
        return [row for row in (self._row(example, wrong) for example in examples) if row is not None]

    def general(self, examples: Sequence[Example]) -> list[TrainingRow]:
        """Render replay rows: what a row does not fix itself is plain, not this recipe's."""
        catcher = _Catcher(self._encoder)
        return [self._own(example, catcher) for example in examples]

    def _own(self, example: Example, catcher: _Catcher) -> TrainingRow:
        for _ in self._own_variant(example, catcher).stream(example.messages, self._sampling):
            pass
        return self._fit(example, catcher.caught, example.answer)

    def _row(self, example: Example, wrong: bool) -> TrainingRow | None:
        if example.extra.get("weight") == 0:
            self.counts["rows_dropped"] += 1
            return None
        catcher = _Catcher(self._encoder)
        if example.recipe or example.passages or example.shots:
            return self._own(example, catcher)
        live = self._variant(example, catcher, wrong)
        seen: tuple[Passage, ...] = ()
        for delta in live.stream(example.messages, self._sampling):
            seen = seen if delta.passages is None else delta.passages
        answer = self._target(example, seen)
        if answer is None:
            self.counts["rows_dropped"] += 1
            return None
        return self._fit(example, catcher.caught, answer)

    def _variant(self, example: Example, catcher: _Catcher, wrong: bool) -> VariantModel:
        if self._retriever is not None and self._recipe.retrieval is not None:
            self._retriever.row = example
            astray = wrong and self._random.random() < self._recipe.retrieval.wrong_share
            self._retriever.other = self._stranger(example) if astray else None
        return VariantModel(self._spec, "", catcher, load_prompt(self._recipe.recipe), self._retriever)

    def _own_variant(self, example: Example, catcher: _Catcher) -> VariantModel:
        recipe = example.recipe or ("grounded" if example.passages else "few_shot" if example.shots else "zero_shot")
        prompt = load_prompt(recipe)
        spec = Variant(name="row", recipe=recipe, shots=example.shots, k=max(1, len(example.passages)))
        return VariantModel(
            spec, "", catcher, prompt, FixedPassages(example.passages) if prompt.needs == "passages" else None
        )

    def _stranger(self, example: Example) -> Example | None:
        """Return another group's row in the same language: its passages are wrong for this one."""
        language = language_of(example.question)
        others = [r for r in self._examples if r.group != example.group and language_of(r.question) == language]
        return self._random.choice(others) if others else None

    def _target(self, example: Example, seen: Sequence[Passage]) -> str | None:
        how = self._recipe.retrieval
        if how is None or how.missed == "keep" or not example.answerable:
            return example.answer
        if answered(example, seen):
            return example.answer
        self.counts["rows_without_their_answer"] += 1
        return None if how.missed == "drop" else refusal(language_of(example.question))

    def _fit(self, example: Example, messages: tuple[Message, ...], answer: str) -> TrainingRow:
        limit = self._recipe.max_length or self._encoder.window
        prompt, target = self._encoder.prompt(messages), self._encoder.answer(messages[-1], answer.strip())
        if len(prompt) + len(target) > limit:
            # The answer is what is learnt, so the front of the prompt goes first.
            self.counts["rows_cut"] += 1
            target = target[: limit - 1]
            prompt = prompt[len(prompt) - (limit - len(target)) :]
        return TrainingRow(example.source or example.id, messages, answer, tuple(prompt), tuple(target))

    def shorten(self, prompt_ids: Sequence[int], question: Message, answer: str) -> tuple[int, ...]:
        """Return the ids of another answer to a rendered prompt, cut to what the row may have."""
        limit = self._recipe.max_length or self._encoder.window
        return tuple(self._encoder.answer(question, answer.strip())[: max(1, limit - len(prompt_ids))])


def with_target(example: Example) -> Example:
    """Return a row of a held-out set, which has references only, with an answer to measure the loss on."""
    if example.answer:
        return example
    first = (example.references or (refusal(language_of(example.question)),))[0]
    return replace(example, answer=first)


def mix_replay(
    rows: Sequence[TrainingRow], replay: Sequence[TrainingRow], ratio: float, seed: int
) -> list[TrainingRow]:
    """Return the rows and ``ratio`` times as many replay rows, in a fixed shuffled order."""
    wanted = round(len(rows) * ratio)
    picker = random.Random(seed + 1)
    pool: list[TrainingRow] = []
    while len(pool) < wanted:
        pool.extend(picker.sample(list(replay), len(replay)))
    mixed = [*rows, *pool[:wanted]]
    picker.shuffle(mixed)
    return mixed
