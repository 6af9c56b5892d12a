"""Which skill comes how often, and the same for every phase of a training run."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from .library import Library
from .skills import documents, lookup, reading, shots, talk
from .words import LANGUAGES, Sample

# Share of samples by skill. `start` teaches copying to a model with random weights; `main` is the rest of a run.
MIXES: dict[str, dict[str, float]] = {
    "start": {"documents_small": 4, "lookup": 3, "copying": 2, "korean": 1, "reading": 1, "small": 0.5, "plain": 1},
    "main": {
        "reading": 30, "korean": 22, "history": 4, "gap": 2, "plain": 3,
        "documents_small": 9, "documents": 11, "tables": 6, "lookup": 1.2, "copying": 0.6, "unread": 0.5,
        "shots": 8, "labelled": 1, "tasks": 0.7, "small": 3, "told": 1, "corpus_talk": 1.2,
    },
}  # fmt: skip
# Samples of a run that use the `start` mix when `mix` is "scratch", unless told otherwise: about ten million tokens.
START_SAMPLES = 100_000


class Mixture:
    """Draws samples; what comes out depends on the random source and the position alone."""

    def __init__(
        self, prepared: Path, mix: str = "main", library: Library | None = None, start: int = START_SAMPLES
    ) -> None:
        self.library = library or Library(prepared)
        self.mix, self.start = mix, start
        if mix != "scratch" and mix not in MIXES:
            raise ValueError(f"unknown mix {mix!r}: scratch, {', '.join(MIXES)}")

    def sample(self, rng: random.Random, position: int) -> Sample:
        """Return one sample; ``position`` is about how many the whole run has drawn before."""
        name = self.mix if self.mix != "scratch" else "start" if position < self.start else "main"
        weights = MIXES[name]
        while True:
            skill = rng.choices(list(weights), list(weights.values()))[0]
            made = self.make(skill, rng)
            if made is not None:
                return made

    def make(self, skill: str, rng: random.Random) -> Sample | None:
        """Return a sample of one skill in a drawn language, or ``None`` where the draw is unusable."""
        language = rng.choice(LANGUAGES)
        library = self.library
        if skill == "reading":
            # English has ten times the questions, and Korean gets its own from `korean`.
            language = "en" if rng.random() < 0.78 else "ko"
        makers: dict[str, Callable[[], Sample | None]] = {
            "reading": lambda: reading.reading(library, rng, language),
            "korean": lambda: reading.korean(library, rng),
            "history": lambda: reading.with_history(library, rng, language),
            "documents_small": lambda: documents.documents(rng, language, 2),
            "documents": lambda: documents.documents(rng, language, 5),
            "tables": lambda: documents.table_of(rng, language),
            "shots": lambda: shots.shots(library, rng, language),
            "labelled": lambda: shots.labelled(rng, language),
            "tasks": lambda: shots.given(library, rng),
            "small": lambda: talk.small(rng, language),
            "told": lambda: talk.told(rng, language),
            "corpus_talk": lambda: talk.given(library, rng, language),
            "unread": lambda: talk.unread(rng, language),
            "lookup": lambda: lookup.lookup(rng, language),
            "copying": lambda: lookup.copying(rng, language),
            "gap": lambda: lookup.gap(library, rng, language),
            "plain": lambda: lookup.plain(library, rng, language),
        }
        return makers[skill]()
