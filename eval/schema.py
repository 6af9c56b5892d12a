"""Values of an evaluation: items, answers, scores, estimates, comparisons, the verdict. All frozen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from assistant.schema import Language, Message, Passage, Shot, Variant, digest
from eval.judge.plan import JudgePlan

Kind = Literal["qa", "label"]
Approach = Literal["prompt", "rag", "tune", "rag+tune"]
Choice = Literal["prompt", "rag", "tune", "rag+tune", "not_enough_evidence"]
UNTUNED: tuple[Approach, ...] = ("prompt", "rag")
TUNED: tuple[Approach, ...] = ("tune", "rag+tune")


@dataclass(frozen=True, slots=True)
class Item:
    """One question of the held-out set.

    ``reference`` holds every accepted answer; empty means that the documents do not answer and a
    refusal is right. ``group`` is the cluster (document, template) that the statistics respect.
    ``label`` and ``fields`` are the gold label and further fields of a label task.
    """

    question: str
    reference: tuple[str, ...]
    group: str
    language: Language
    slice: str = ""
    history: tuple[Message, ...] = ()
    document: str = ""
    label: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    line: int = 0
    more_documents: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """What the model sees, hashed: two items with one id would get one and the same answer."""
        return digest([self.question, [[turn.role, turn.content] for turn in self.history]])

    @property
    def unanswerable(self) -> bool:
        """Whether refusing is the right answer."""
        return not self.reference


@dataclass(frozen=True, slots=True)
class Answer:
    """What one variant answered to one item; ``error`` set means that there is no answer."""

    text: str = ""
    passages: tuple[Passage, ...] = ()
    query: str | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    first_token_seconds: float | None = None
    seconds: float = 0.0
    finish: str = ""
    base: str = ""
    adapter: str | None = None
    notices: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class Score:
    """One metric on one answer. ``value`` None means unscored, and ``reason`` says why: it is never 0.

    ``detail`` carries what set-level metrics and the report need (true and predicted label). Where the
    same recipe was trained with several seeds, ``replicates`` holds each adapter's score, in their order,
    and ``value`` is the mean of those that have one.
    """

    value: float | None
    reason: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
    replicates: tuple["Score", ...] = ()


@dataclass(frozen=True, slots=True)
class Estimate:
    """A metric over a set: point, interval, how many items carry it and how many were unscored.

    All None where nothing was scored. ``method`` names the interval (see ``eval.stats``). ``leaked``
    counts items among them that a model may have seen; ``clean`` is the estimate without those.
    """

    mean: float | None
    low: float | None
    high: float | None
    n: int
    unscored: int
    method: str = ""
    leaked: int = 0
    clean: "Estimate | None" = None

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form; fractions, not percent."""
        names = ("mean", "low", "high", "n", "unscored", "method")
        document = {name: getattr(self, name) for name in names}
        if self.leaked:
            document |= {"leaked": self.leaked, "without_leaked": self.clean.to_json() if self.clean else None}
        return document


@dataclass(frozen=True, slots=True)
class Comparison:
    """``first`` minus ``second`` on the items that both have a score for.

    ``tail`` is the error left outside each end of the interval; ``p`` the two-sided p-value of no
    difference (``test`` names it), descriptive only; ``se`` the standard error over clusters and
    training seeds with ``df`` degrees of freedom, ``seed_se`` the seeds' part of it; ``differing`` on how
    many items the two scores differ.
    """

    first: str
    second: str
    metric: str
    delta: float | None
    low: float | None
    high: float | None
    n: int
    clusters: int
    tail: float
    method: str = ""
    p: float | None = None
    test: str = ""
    se: float | None = None
    df: float = float("inf")
    seed_se: float = 0.0
    differing: int = 0

    @property
    def level(self) -> float:
        """Confidence of the interval, e.g. 0.975."""
        return 1.0 - 2.0 * self.tail

    def turned(self) -> "Comparison":
        """Return the same comparison seen from the other side."""
        from dataclasses import replace

        def minus(value: float | None) -> float | None:
            return None if value is None else 0.0 - value

        return replace(
            self,
            first=self.second,
            second=self.first,
            delta=minus(self.delta),
            low=minus(self.high),
            high=minus(self.low),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form; fractions, not percent."""
        names = ("first", "second", "metric", "delta", "low", "high", "n", "clusters", "differing", "level", "method")
        return {name: getattr(self, name) for name in (*names, "p", "test")}


@dataclass(frozen=True, slots=True)
class Price:
    """What choosing a tuned variant costs, for the verdict sentence.

    ``break_even_requests_per_month`` is the volume from which tuning is cheaper than the rival it is
    compared with: None with ``break_even_known`` means that the lines never cross, None without it
    that nothing is known. ``assumed_requests_per_month`` is the volume of the price table. ``forgetting``
    maps a language to the relative change of the loss (or perplexity) on general text: +0.023 is 2.3 % worse.
    """

    break_even_requests_per_month: float | None = None
    break_even_known: bool = False
    forgetting: Mapping[Language, float] = field(default_factory=dict)
    assumed_requests_per_month: float | None = None

    @property
    def dearer(self) -> bool:
        """Whether the tuned side costs more at the assumed volume, as far as that is known."""
        needed, assumed = self.break_even_requests_per_month, self.assumed_requests_per_month
        return self.break_even_known and (needed is None or (assumed is not None and assumed < needed))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the evidence allows to say; ``eval/verdict.py`` is the rule, ``eval/sentence.py`` the words.

    ``reason`` is a key of the rule's branch. ``chosen`` and ``against`` are variant names;
    ``detectable`` how far above the score of the best untuned variant in this set a tuned variant's
    true score must lie to be found with 80 % power, a fraction (None where too few items differ to
    say); ``more_items`` about how many more items would settle it (None: cannot be said).
    ``after_the_fact`` marks a comparison that was picked by looking at the results. ``seeds`` is the
    number of training seeds behind the tuned side of the comparison; ``leaked`` the number of items
    that a model may have seen, ``without_leaked`` what the rule says without them.
    """

    choice: Choice
    reason: str
    metric: str
    margin: float
    alpha: float
    chosen: str = ""
    against: str = ""
    comparison: Comparison | None = None
    tied: tuple[str, ...] = ()
    detectable: float | None = None
    more_items: int | None = None
    after_the_fact: bool = False
    seeds: int = 0
    leaked: int = 0
    without_leaked: Choice | None = None
    text: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form: ``delta`` is chosen minus ``against``."""
        seen = self.comparison
        return {
            "choice": self.choice,
            "against": self.against,
            "metric": self.metric,
            "delta": seen.delta if seen else None,
            "low": seen.low if seen else None,
            "high": seen.high if seen else None,
            "n": seen.n if seen else 0,
            "text": dict(self.text),
            "chosen": self.chosen,
            "reason": self.reason,
            "level": seen.level if seen else None,
            "margin": self.margin,
            "alpha": self.alpha,
            "tied": list(self.tied),
            "detectable": self.detectable,
            "more_items": self.more_items,
            "after_the_fact": self.after_the_fact,
            "seeds": self.seeds,
            "leaked": self.leaked,
            "without_leaked": self.without_leaked,
        }


@dataclass(frozen=True, slots=True)
class Suite:
    """A declared evaluation: items, variants, and what counts as a difference, fixed before the run.

    ``variants`` are full specifications in the order of the file; ``uses`` maps a name to a variant
    declared in the app, resolved when the run starts; ``approaches`` says who is tuned where the file
    does. ``replicates`` holds, for a variant trained with several seeds, its adapters (the first is the
    specification's); "tuning pays" needs ``training_seeds`` of them. ``leaks`` holds, by item id, where
    the item's wording was found among what a model may have learnt from.

    ``documents`` is a folder, or ``examples`` solved ones of a label task, that are indexed into
    ``collection``. ``warnings`` are shown in every report.
    """

    name: str
    kind: Kind
    items: tuple[Item, ...]
    variants: tuple[Variant, ...]
    primary: str
    metrics: tuple[str, ...]
    path: str = ""
    margin: float = 0.02
    alpha: float = 0.05
    seed: int = 0
    labels: tuple[str, ...] = ()
    validation: tuple[Item, ...] = ()
    documents: str = ""
    examples: tuple[Shot, ...] = ()
    collection: str = ""
    uses: Mapping[str, str] = field(default_factory=dict)
    approaches: Mapping[str, Approach] = field(default_factory=dict)
    trials: Mapping[str, int] = field(default_factory=dict)
    replicates: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    training_seeds: int = 3
    leaks: Mapping[str, str] = field(default_factory=dict)
    title: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    judge: JudgePlan | None = None

    @property
    def fingerprint(self) -> str:
        """What the run depends on besides the models: a change means another run."""
        return digest(
            [
                [self.name, self.kind, self.primary, self.margin, self.alpha, self.seed, list(self.labels)],
                [[item.id, list(item.reference), item.group, item.label, dict(item.fields)] for item in self.items],
                [list(self.variants), dict(self.uses), self.collection],
                [[name, list(adapters)] for name, adapters in self.replicates.items()],
            ]
        )
