"""Accuracy of the answered label."""

from eval.metrics.base import Metric
from eval.metrics.labels import plain, predicted_label
from eval.schema import Answer, Item, Score


class LabelMetric(Metric):
    """A metric over labels: every score carries the true and the predicted label.

    ``labels`` is the declared set, given by the runner; an answer that cannot be parsed, or names a
    label outside it, is wrong and stays visible in the confusion table.
    """

    kinds = ("label",)

    def __init__(self) -> None:
        self.labels: tuple[str, ...] = ()

    def applies(self, item: Item) -> bool:
        """Return whether the item has a gold label."""
        return bool(item.label)

    def value(self, item: Item, answer: Answer) -> Score:
        """Score 1 for the right label, else 0."""
        found = predicted_label(item, answer.text, self.labels)
        return Score(float(plain(found) == plain(item.label)), detail={"true": item.label, "predicted": found})


class Accuracy(LabelMetric):
    """Share of items with the right label."""

    name = "accuracy"
