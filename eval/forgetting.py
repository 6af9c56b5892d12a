"""What tuning cost elsewhere: the same general texts and probes before and after, paired.

The loss on general text is the sensitive, cheap figure (PEFT's own benchmark measures forgetting so);
the probes say what it means. Every figure carries an interval and its n; what could not be measured is
unscored with a reason, never 0.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.errors import CancelledError, InputError, JoyulError
from assistant.progress import Cancelled, Progress
from assistant.protocols import ChatModel, Scorer
from assistant.schema import Language, Sampling, collect, digest, normalise
from eval.probes import KINDS, Probe, read_probes
from eval.strict import complain, read_rows

if TYPE_CHECKING:
    from eval.stats import Array

FILE = "forgetting.json"
LANGUAGES: tuple[Language, ...] = ("ko", "en")
QUICK_TEXTS = 100
PROBE_TOKENS = 48
CHUNK, STREAMS = 32, 32
NO_LOSSES = "this model reports no losses"


@dataclass(frozen=True, slots=True)
class Text:
    """A general text; ``source`` is the collection it comes from."""

    id: str
    language: Language
    text: str
    source: str

    @property
    def key(self) -> str:
        """The text, hashed."""
        return digest(self.text, 16)


@dataclass(frozen=True, slots=True)
class Sample:
    """What is measured: ``full`` says whether these are all texts or a seeded part."""

    texts: tuple[Text, ...]
    probes: tuple[Probe, ...]
    full: bool


@dataclass(slots=True)
class Figures:
    """One model's figures by key: a text's loss, a probe's 1 or 0; ``failed`` says why one is missing."""

    values: dict[str, float] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """A figure before and after on the items that both models have, with the interval of its change.

    ``change`` is relative for losses (+0.023: 2.3 % worse) and in fractions for probes (-0.1: ten
    points worse). ``floor`` marks probes that failed altogether before: they cannot get worse.
    """

    before: float | None
    after: float | None
    change: float | None
    low: float | None
    high: float | None
    n: int
    unscored: int
    method: str
    floor: bool = False
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Forgetting:
    """What one adapter changed; ``weights_hash`` ties it to the very weights it was measured on."""

    adapter: str
    base: str
    base_hash: str
    weights_hash: str
    full: bool
    seconds: float
    created: str
    loss: Mapping[str, Change]
    probes: Mapping[str, Mapping[str, Change]]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def load_sample(folder: Path, *, full: bool = False, seed: int = 0) -> Sample:
    """Return the texts and probes of ``data/forgetting``; unless ``full``, a seeded part of the texts.

    Raises:
        InputError: a file is missing or damaged.
    """
    texts: list[Text] = []
    for language in LANGUAGES:
        path, problems, rows = folder / f"{language}.jsonl", dict[int, str](), list[Text]()
        for line, row in read_rows(path):
            if isinstance(row, str) or not all(isinstance(row.get(key), str) for key in ("id", "text", "source")):
                problems[line] = row if isinstance(row, str) else "needs the texts 'id', 'text' and 'source'"
                continue
            rows.append(Text(row["id"], language, normalise(row["text"]), row["source"]))
        if problems or not rows:
            raise complain(path, problems or {1: "no texts"}, "data/forgetting/README.md shows the form")
        rows.sort(key=lambda text: digest([seed, text.id]))
        texts += rows if full else rows[:QUICK_TEXTS]
    return Sample(tuple(texts), read_probes(folder / "probes"), full)


def measure(
    model: ChatModel,
    sample: Sample,
    known: Mapping[str, float],
    progress: Progress = lambda _: None,
    cancelled: Cancelled = lambda: False,
) -> Figures:
    """Return a model's figures; what is ``known`` (by key) is not asked again.

    Raises:
        CancelledError: ``cancelled()`` said so.
    """
    keys = [*(text.key for text in sample.texts), *(probe.key for probe in sample.probes)]
    figures = Figures({key: known[key] for key in keys if key in known})
    texts = [each for each in sample.texts if each.key not in known]
    asked = [each for each in sample.probes if each.key not in known]
    endings = [each for each in asked if each.endings]
    spoken = [each for each in asked if not each.endings]
    total, done = len(texts) + len(asked), 0

    def step(count: int) -> None:
        nonlocal done
        done += count
        progress({"stage": "forgetting", "done": done, "total": total})
        if cancelled():
            raise CancelledError("measuring forgetting was cancelled", "joyul eval forgetting ADAPTER does it again")

    texts.sort(key=lambda text: len(text.text))  # texts of a batch are then about equally long
    for at in range(0, len(texts), CHUNK):
        part = texts[at : at + CHUNK]
        _losses(model, [[each.text] for each in part], [each.key for each in part], figures, lambda row: row[0])
        step(len(part))
    for at in range(0, len(endings), CHUNK):
        some = endings[at : at + CHUNK]
        _losses(model, [each.endings for each in some], [each.key for each in some], figures, _first_is_least)
        step(len(some))
    with ThreadPoolExecutor(STREAMS) as pool:
        try:
            for probe, result in zip(spoken, pool.map(lambda probe: _answer(model, probe), spoken), strict=True):
                if isinstance(result, float):
                    figures.values[probe.key] = result
                else:
                    figures.failed[probe.key] = result
                step(1)
        except CancelledError:
            pool.shutdown(cancel_futures=True)
            raise
    return figures


def _losses(
    model: ChatModel,
    rows: Sequence[Sequence[str]],
    keys: Sequence[str],
    figures: Figures,
    fold: Callable[[Sequence[float]], float],
) -> None:
    """Score rows of texts in one call and keep ``fold`` of each row's losses."""
    if not isinstance(model, Scorer):
        figures.failed |= dict.fromkeys(keys, NO_LOSSES)
        return
    try:
        flat = iter(model.losses([text for row in rows for text in row]))
    except JoyulError as error:
        figures.failed |= dict.fromkeys(keys, error.message)
        return
    for key, row in zip(keys, rows, strict=True):
        losses = [next(flat) for _ in row]
        if all(loss == loss and abs(loss) != float("inf") for loss in losses):
            figures.values[key] = fold(losses)
        else:
            figures.failed[key] = "the loss is no number"


def _first_is_least(losses: Sequence[float]) -> float:
    return float(losses[0] < min(losses[1:]))


def _answer(model: ChatModel, probe: Probe) -> float | str:
    try:
        made = collect(model.stream(probe.messages(), Sampling(max_tokens=PROBE_TOKENS)))
    except Exception as error:  # a probe's failure is its result, as an item's is in a run
        return f"{type(error).__name__}: {error!s:.200}"
    return float(probe.right(made.text)) if made.finish in ("stop", "length", "loop") else f"ended with {made.finish!r}"


def changes(sample: Sample, before: Figures, after: Figures) -> tuple[dict[str, Change], dict[str, dict[str, Change]]]:
    """Return the change of loss per language, and of each kind of probe per language, all paired.

    Losses are clustered by source (texts of one source share vocabulary and style), probes by item.
    """

    def relative(sums: "Array") -> "Array":
        result: Array = sums[..., 1] / sums[..., 0] - 1.0
        return result

    def plain(sums: "Array") -> "Array":
        result: Array = (sums[..., 1] - sums[..., 0]) / sums[..., 2]
        return result

    loss: dict[str, Change] = {}
    probes: dict[str, dict[str, Change]] = {}
    for language in LANGUAGES:
        texts = [text for text in sample.texts if text.language == language]
        loss[language] = _change(
            [text.key for text in texts], [text.source for text in texts], before, after, relative, None
        )
    for kind in KINDS:
        probes[kind] = {}
        for language in LANGUAGES:
            asked = [probe for probe in sample.probes if (probe.kind, probe.language) == (kind, language)]
            probes[kind][language] = _change(
                [probe.key for probe in asked], [probe.id for probe in asked], before, after, plain, 1.0
            )
    return loss, probes


def _change(
    keys: Sequence[str],
    clusters: Sequence[str],
    before: Figures,
    after: Figures,
    statistic: "Callable[[Array], Array]",
    width: float | None,
) -> Change:
    import numpy as np

    from eval.stats import interval

    kept = [at for at, key in enumerate(keys) if key in before.values and key in after.values]
    lost = [key for key in keys if key not in before.values or key not in after.values]
    reason = next((reason for key in lost if (reason := after.failed.get(key) or before.failed.get(key))), "")
    pairs = [(before.values[keys[at]], after.values[keys[at]], 1.0) for at in kept]
    if not pairs:
        return Change(None, None, None, None, None, 0, len(lost), "nothing scored", reason=reason)
    vectors = np.array(pairs)
    found = interval(vectors, [clusters[at] for at in kept], statistic, width=width)
    means = vectors.mean(0)
    return Change(
        before=float(means[0]),
        after=float(means[1]),
        change=found.value,
        low=found.low,
        high=found.high,
        n=len(kept),
        unscored=len(lost),
        method=found.method,
        floor=width is not None and not vectors[:, 0].any(),
        reason=reason,
    )


def read_forgetting(folder: Path, weights_hash: str) -> dict[str, Any] | None:
    """Return what was measured for an adapter's folder, None where nothing was or for other weights."""
    try:
        value = json.loads((folder / FILE).read_text("utf-8"))
        changes_of_loss = {language: value["loss"][language]["change"] for language in LANGUAGES}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{folder / FILE}: not a forgetting report ({error!s:.60})", "measure it again") from None
    sound = all(each is None or isinstance(each, float | int) for each in changes_of_loss.values())
    return dict(value) if sound and value.get("weights_hash") == weights_hash else None
