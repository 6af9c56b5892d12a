"""Strengths from pairwise votes: Bradley-Terry with ties, by maximum likelihood.

Davidson 1970, "On extending the Bradley-Terry model to accommodate ties in paired comparison
experiments", JASA 65: with log strengths ``s``, ``d = s_i - s_j`` and a log tie parameter ``t``, a vote
is "i", "j" or "tie" with weights ``exp(d/2)``, ``exp(-d/2)`` and ``exp(t)``. Length control adds
``b * x`` to ``d``, where ``x`` is the relative difference in length, so that strengths speak of answers
of equal length (Dubois, Galambosi, Liang and Hashimoto 2024, "Length-controlled AlpacaEval"). This is
a multinomial logit, hence concave; all arrays of weights are fitted side by side.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from eval.arena.pairs import Pair

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray
else:
    Array = Any

# Of the length effect per standard deviation of x, in log odds: weak, but finite where length and votes always agree.
LENGTH_PRIOR_SD = 2.0
LENGTH_STEP = 0.05  # finer differences in length decide nothing and cost time
MOST_STEPS = 60
LONGEST_STEP = 2.0
CLOSE_ENOUGH = 1e-5  # the step after this one would be its square
CELLS_AT_ONCE = 100_000  # few enough to stay in a processor's cache


@dataclass(frozen=True, slots=True)
class Duels:
    """Pairs as arrays of one length; ``outcome`` is 1 (first won), -1 (second) or 0, ``length`` is x."""

    names: tuple[str, ...]
    first: Array
    second: Array
    outcome: Array
    length: Array

    def design(self, with_length: bool) -> Array:
        """Return the matrix that turns parameters into ``d``: the first name's strength is 0, others are columns."""
        import numpy as np

        rows = np.arange(len(self.first))
        matrix = np.zeros((len(rows), len(self.names) + 1))
        matrix[rows, self.first] = 1.0
        matrix[rows, self.second] -= 1.0
        matrix[:, -1] = self.length
        return matrix[:, 1:] if with_length else matrix[:, 1:-1]


def duels(pairs: Sequence[Pair], names: Sequence[str]) -> Duels:
    """Return the pairs among ``names`` that say something about strength (not the "all bad" ones)."""
    import numpy as np

    place = {name: at for at, name in enumerate(names)}
    value = {"first": 1, "tie": 0, "second": -1}
    first = np.array([place[pair.first] for pair in pairs], dtype=int)
    second = np.array([place[pair.second] for pair in pairs], dtype=int)
    outcome = np.array([value[pair.outcome] for pair in pairs], dtype=int)
    sizes = np.array([(len(pair.first_answer), len(pair.second_answer)) for pair in pairs], dtype=float).reshape(-1, 2)
    length = (sizes[:, 0] - sizes[:, 1]) / np.maximum(sizes.sum(1), 1.0)
    return Duels(tuple(names), first, second, outcome, np.round(length / LENGTH_STEP) * LENGTH_STEP)


def grouped(table: Duels) -> tuple[Duels, Array]:
    """Return the different rows of a table, and for each of its rows which one it is; same likelihood, much smaller."""
    import numpy as np

    columns = np.column_stack([table.first, table.second, table.outcome, table.length])
    rows, place = np.unique(columns, axis=0, return_inverse=True)
    first, second, outcome = (rows[:, at].astype(int) for at in range(3))
    return Duels(table.names, first, second, outcome, rows[:, 3]), place.ravel()


@dataclass(frozen=True, slots=True)
class Fit:
    """Centred log strengths, shape ``(fits, names)``, and the length effect per unit of x, ``(fits,)`` (0 without)."""

    strengths: Array
    length: Array


def fit(table: Duels, weights: Array, *, with_length: bool = False) -> Fit:
    """Return the strengths for each row of ``weights``, shape ``(fits, pairs)``; see :func:`finite` first.

    Row 0 is the data as they are; the others start from its solution.
    """
    import numpy as np

    design, scale = table.design(with_length), 1.0
    if with_length:
        scale = float(np.sqrt(np.average(table.length**2, weights=weights[0])))
        design[:, -1] /= scale
    ties = bool((table.outcome == 0).any())
    products = (design[:, :, None] * design[:, None, :]).reshape(len(design), -1)
    problem = _Problem(design, table.outcome, ties, with_length, products)
    start = problem.maximise(weights[0], np.zeros(design.shape[1] + ties))
    step = max(1, CELLS_AT_ONCE // max(1, len(design)))
    found = np.concatenate([problem.newton(part, start) for part in np.array_split(weights, -(-len(weights) // step))])
    strengths = np.concatenate([np.zeros((len(found), 1)), found[:, : len(table.names) - 1]], axis=1)
    strengths -= strengths.mean(axis=1, keepdims=True)
    return Fit(strengths, found[:, len(table.names) - 1] / scale if with_length else np.zeros(len(found)))


@dataclass(frozen=True, slots=True)
class _Problem:
    design: Array
    outcome: Array
    ties: bool
    with_length: bool
    products: Array

    def chances(self, parameters: Array) -> tuple[Array, Array, Array]:
        """Return the chances of win, loss and tie of each pair under each row of parameters."""
        import numpy as np

        size = self.design.shape[1]
        # Odds rather than logarithms, for speed; the cut is far beyond what any count of votes can tell.
        win = np.exp(np.clip(parameters[:, :size] @ self.design.T / 2, -200.0, 200.0))
        loss = 1.0 / win
        tie = np.exp(np.clip(parameters[:, size:], -200.0, 200.0)) if self.ties else 0.0
        total = win + loss + tie
        return win / total, loss / total, tie / total

    def value(self, weights: Array, parameters: Array) -> Array:
        """Return minus log likelihood (plus the prior of the length effect)."""
        import numpy as np

        win, loss, even = self.chances(parameters)
        chosen = np.where(self.outcome == 1, win, np.where(self.outcome == -1, loss, even))
        value: Array = -(weights * np.log(chosen)).sum(1)
        if self.with_length:
            value = value + (parameters[:, self.design.shape[1] - 1] / LENGTH_PRIOR_SD) ** 2 / 2
        return value

    def slopes(self, weights: Array, parameters: Array) -> tuple[Array, Array]:
        """Return the gradient and the Hessian of :meth:`value` for each row of weights and parameters."""
        import numpy as np

        size = self.design.shape[1]
        win, loss, even = self.chances(parameters)
        lead = win - loss
        gradient = (weights * (lead - self.outcome) / 2) @ self.design
        hessian = ((weights * (win + loss - lead**2) / 4) @ self.products).reshape(-1, size, size)
        if self.with_length:
            gradient[:, -1] += parameters[:, size - 1] / LENGTH_PRIOR_SD**2
            hessian[:, -1, -1] += 1 / LENGTH_PRIOR_SD**2
        if self.ties:
            gradient = np.append(gradient, (weights * (even - (self.outcome == 0))).sum(1)[:, None], axis=1)
            hessian = np.pad(hessian, ((0, 0), (0, 1), (0, 1)))
            hessian[:, -1, -1] = (weights * even * (1 - even)).sum(1)
            hessian[:, -1, :size] = hessian[:, :size, -1] = -(weights * lead * even / 2) @ self.design
        return gradient, hessian

    def maximise(self, weights: Array, start: Array) -> Array:
        """Return the parameters of one row of weights."""
        from scipy.optimize import minimize

        found: Array = minimize(
            lambda p: self.value(weights[None], p[None])[0],
            start,
            jac=lambda p: self.slopes(weights[None], p[None])[0][0],
            hess=lambda p: self.slopes(weights[None], p[None])[1][0],
            method="trust-exact",
        ).x
        return found

    def newton(self, weights: Array, start: Array) -> Array:
        """Return the parameters of many rows; from a good start Newton's steps need no line search."""
        import numpy as np

        found = np.tile(start, (len(weights), 1))
        for _ in range(MOST_STEPS):
            gradient, hessian = self.slopes(weights, found)
            step = np.linalg.solve(hessian, gradient[..., None])[..., 0]
            size = np.abs(step).max(axis=1, keepdims=True, initial=0.0)
            found -= step * np.minimum(1.0, LONGEST_STEP / np.maximum(size, LONGEST_STEP))
            if not (size > CLOSE_ENOUGH).any():
                return found
        late = (size[:, 0] > CLOSE_ENOUGH) | ~np.isfinite(found).all(axis=1)
        found[late] = [self.maximise(row, start) for row in weights[late]]
        return found


def finite(table: Duels) -> bool:
    """Return whether the likelihood has a finite maximum among connected variants.

    It has none where some direction of the parameters makes every vote at least as likely and one of
    them likelier (separation: Albert and Anderson 1984, Biometrika 71), e.g. one variant won or tied
    every vote; a linear programme looks for such a direction (Konis 2007).
    """
    import numpy as np
    from scipy.optimize import linprog

    ties = bool((table.outcome == 0).any())
    rows = np.unique(np.column_stack([table.first, table.second, table.outcome]), axis=0)
    unique = Duels(table.names, rows[:, 0], rows[:, 1], rows[:, 2], np.zeros(len(rows)))
    difference = unique.design(False)
    won, even = unique.outcome != 0, unique.outcome == 0
    signed = difference[won] * unique.outcome[won, None]
    gains = [(signed, 0.0), (signed, -2.0), (difference[even], 2.0), (-difference[even], 2.0)]
    if not ties:
        gains, difference = [(signed, 0.0)], difference
    matrix = np.concatenate([np.column_stack([part, np.full(len(part), tie)]) for part, tie in gains])
    bounds = [(-1.0, 1.0)] * difference.shape[1] + [(-1.0, 1.0) if ties else (0.0, 0.0)]
    found = linprog(-matrix.sum(0), A_ub=-matrix, b_ub=np.zeros(len(matrix)), bounds=bounds)
    return bool(found.status == 0 and -found.fun < 1e-7)
