"""Macro- and micro-averaged precision, recall and F1, per class and over classes.

Definitions as in scikit-learn's ``precision_recall_fscore_support(average="macro",
zero_division=0)``: every class of the declared set that occurs in the truth weighs the same;
unparsable answers lower recall and belong to no class's precision. The micro averages are those of
``average="micro"`` over the declared labels: every answer weighs the same.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from eval.metrics.accuracy import LabelMetric
from eval.schema import Score

if TYPE_CHECKING:
    import numpy as np


def class_counts(scores: Sequence[Score], classes: Sequence[str]) -> "np.ndarray":
    """Return per item and class (true positive, predicted, true), shape ``(n, 3 * len(classes))``."""
    import numpy as np

    place = {label: at for at, label in enumerate(classes)}
    counts = np.zeros((len(scores), 3, len(classes)))
    for row, score in enumerate(scores):
        true, predicted = place[score.detail["true"]], place.get(score.detail["predicted"])
        counts[row, 2, true] = 1.0
        if predicted is not None:
            counts[row, 1, predicted] = 1.0
            counts[row, 0, true] = float(predicted == true)
    return counts.reshape(len(scores), -1)


def per_class(sums: "np.ndarray") -> "np.ndarray":
    """Return precision, recall and F1 of every class, shape ``(..., 3 * c) -> (..., 3, c)``; 0/0 is 0."""
    import numpy as np

    hits, predicted, true = np.moveaxis(sums.reshape(*sums.shape[:-1], 3, -1), -2, 0)

    def share(part: "np.ndarray", whole: "np.ndarray") -> "np.ndarray":
        result: np.ndarray = np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
        return result

    return np.stack([share(hits, predicted), share(hits, true), share(2.0 * hits, predicted + true)], axis=-2)


class _Macro(LabelMetric):
    row = 0

    def vectors(self, scores: Sequence[Score]) -> "np.ndarray":
        """Return class counts; classes are the declared labels, else those seen in the truth."""
        seen = {score.detail["true"] for score in scores}
        classes = [label for label in self.labels if label in seen] + sorted(seen - set(self.labels))
        return class_counts(scores, classes)

    def statistic(self, sums: "np.ndarray") -> "np.ndarray":
        """Average over the classes that occur in the (resampled) truth."""
        import numpy as np

        true = sums.reshape(*sums.shape[:-1], 3, -1)[..., 2, :] > 0
        figures = per_class(sums)[..., self.row, :]
        result: np.ndarray = np.where(true, figures, 0.0).sum(-1) / np.maximum(true.sum(-1), 1)
        return result


class MacroPrecision(_Macro):
    """Mean precision over classes."""

    name = "macro_precision"
    row = 0


class MacroRecall(_Macro):
    """Mean recall over classes."""

    name = "macro_recall"
    row = 1


class MacroF1(_Macro):
    """Mean F1 over classes."""

    name = "macro_f1"
    row = 2


class _Micro(LabelMetric):
    places: tuple[int, ...] = ()

    def vectors(self, scores: Sequence[Score]) -> "np.ndarray":
        """Return right, answered with a declared label, and true, per item."""
        import numpy as np

        known = set(self.labels) or {score.detail["true"] for score in scores}
        rows = [[score.value, float(score.detail["predicted"] in known), 1.0] for score in scores]
        return np.array(rows, dtype=float).reshape(-1, 3)

    def statistic(self, sums: "np.ndarray") -> "np.ndarray":
        """Return right answers over what this figure divides by; 0/0 is 0."""
        import numpy as np

        whole = sums[..., list(self.places)].mean(-1)
        result: np.ndarray = np.divide(sums[..., 0], whole, out=np.zeros_like(whole), where=whole > 0)
        return result


class MicroPrecision(_Micro):
    """Right answers over answers that name a declared label."""

    name, places = "micro_precision", (1,)


class MicroRecall(_Micro):
    """Right answers over all items."""

    name, places = "micro_recall", (2,)


class MicroF1(_Micro):
    """Harmonic mean of micro precision and recall."""

    name, places = "micro_f1", (1, 2)
