"""Forgetting: paired changes with intervals, figures asked once, failures unscored."""

import json
from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.errors import CancelledError, InputError
from assistant.models.scripted import ScriptedBackend
from assistant.paths import data_root
from assistant.schema import Delta, Message, Sampling
from eval.forgetting import FILE, NO_LOSSES, Sample, changes, load_sample, measure, read_forgetting

FOLDER = data_root() / "forgetting"


class Worded:
    """Answers everything alike; its loss is a text's length, times a factor."""

    def __init__(self, factor: float = 1.0, answer: str = "yes", broken: str = "") -> None:
        self.factor, self.answer, self.broken = factor, answer, broken
        self.asked = 0

    def stream(self, messages: Sequence[Message], sampling: Sampling) -> Generator[Delta, None, None]:
        self.asked += 1
        if self.broken and self.broken in messages[-1].content:
            raise ValueError("it broke")
        yield Delta(text=self.answer, finish="stop")

    def losses(self, texts: Sequence[str]) -> list[float]:
        self.asked += len(texts)
        return [float("nan") if self.broken and self.broken in text else self.factor * len(text) for text in texts]


@pytest.fixture(scope="module")
def sample() -> Sample:
    return load_sample(FOLDER)


def test_a_part_is_seeded_and_the_rest_is_there_in_full(sample: Sample) -> None:
    full = load_sample(FOLDER, full=True)
    assert full.full and not sample.full
    assert len(full.texts) == 604 and len(sample.texts) == 200
    assert set(sample.texts) < set(full.texts)
    assert load_sample(FOLDER).texts == sample.texts
    assert load_sample(FOLDER, seed=1).texts != sample.texts


def test_a_tenth_more_loss_is_ten_percent(sample: Sample) -> None:
    before, after = measure(Worded(), sample, {}), measure(Worded(1.1), sample, {})
    loss, probes = changes(sample, before, after)
    for language in ("ko", "en"):
        change = loss[language]
        assert change.change == pytest.approx(0.1) and change.n == 100 and change.unscored == 0
        assert change.after == pytest.approx(1.1 * change.before)
        assert probes["knowledge"][language].change == 0.0


def test_noise_gives_an_interval_around_the_change(sample: Sample) -> None:
    before, after = measure(Worded(), sample, {}), measure(Worded(1.2), sample, {})
    for at, text in enumerate(sample.texts):
        after.values[text.key] *= 1.0 + 0.2 * (-1) ** at
    change = changes(sample, before, after)[0]["en"]
    assert change.low < change.change < change.high
    assert change.high - change.low > 0.02 and "t" in change.method


def test_probes_that_failed_altogether_are_marked(sample: Sample) -> None:
    before, after = measure(Worded(answer="?"), sample, {}), measure(Worded(answer="yes"), sample, {})
    _, probes = changes(sample, before, after)
    formats = probes["format"]["en"]
    assert formats.floor and formats.before == 0.0 and formats.after == pytest.approx(0.05) and formats.n == 20
    assert formats.low < formats.change < formats.high
    assert not probes["refusal"]["en"].floor


def test_what_is_known_is_not_asked_again(sample: Sample) -> None:
    first = measure(Worded(), sample, {})
    again = Worded()
    assert measure(again, sample, first.values).values == first.values
    assert again.asked == 0


def test_failures_are_unscored_with_a_reason(sample: Sample) -> None:
    word = sample.texts[0].text.split()[0]
    probe = next(each for each in sample.probes if each.kind == "format" and each.language == "en")
    after = measure(Worded(broken=word), sample, {})
    after_probe = measure(Worded(broken=probe.question), sample, {})
    before = measure(Worded(), sample, {})
    language = sample.texts[0].language
    lost = changes(sample, before, after)[0][language]
    assert lost.unscored >= 1 and lost.n == 100 - lost.unscored and lost.reason == "the loss is no number"
    assert lost.change == pytest.approx(0.0)
    formats = changes(sample, before, after_probe)[1]["format"]["en"]
    assert (formats.n, formats.unscored) == (19, 1) and "it broke" in formats.reason


def test_a_model_without_losses_still_answers_probes(sample: Sample) -> None:
    few = replace(sample, texts=sample.texts[:3])
    figures = measure(ScriptedBackend().model(), few, {})
    loss, probes = changes(few, figures, figures)
    assert loss["ko"].n + loss["en"].n == 0 and {loss["ko"].reason, loss["en"].reason} == {NO_LOSSES, ""}
    assert loss["ko"].change is None and probes["knowledge"]["ko"].n == 0
    assert probes["instruction"]["ko"].n == 20


def test_it_can_be_cancelled(sample: Sample) -> None:
    seen: list[dict] = []
    with pytest.raises(CancelledError):
        measure(Worded(), sample, {}, seen.append, lambda: len(seen) > 1)
    assert seen[-1]["done"] < seen[-1]["total"]


def test_only_a_report_on_these_very_weights_counts(tmp_path: Path) -> None:
    report = {"weights_hash": "abc", "loss": {"ko": {"change": 0.1}, "en": {"change": None}}}
    assert read_forgetting(tmp_path, "abc") is None
    (tmp_path / FILE).write_text(json.dumps(report))
    assert read_forgetting(tmp_path, "abc") == report and read_forgetting(tmp_path, "other") is None
    (tmp_path / FILE).write_text("{}")
    with pytest.raises(InputError, match=FILE):
        read_forgetting(tmp_path, "abc")
