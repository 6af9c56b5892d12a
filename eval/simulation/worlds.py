"""Worlds whose truth is known: scores of every variant on every item, drawn for many studies at once.

Each score comes from latent normals. Half of a latent's variance is the item's own difficulty, shared
by all variants (so that they are paired); the other half is the variant's, so that a share ``icc`` of
the variance of every *difference* belongs to the cluster too. The mean of every variant is exact.
"""

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray
else:
    Array = Any

Scores = Literal["pass/fail", "bounded", "zero-inflated"]
Rivals = Literal["equal", "unequal"]
RIVALS = 3
# How far the rivals lie behind the strongest one.
BEHIND: dict[str, tuple[float, ...]] = {"equal": (0.0, 0.0, 0.0), "unequal": (0.0, 0.1, 0.2)}
# Mean of the strongest rival; half of the variance between items is shared by all variants.
LEVEL: dict[str, float] = {"pass/fail": 0.4, "bounded": 0.4, "zero-inflated": 0.3}
SHARED = 0.5
# Bounded scores are Phi(a + SPREAD z); the non-zero part of the zero-inflated ones has mean 0.75.
SPREAD, NON_ZERO = 0.8, 0.75


@dataclass(frozen=True)
class Cell:
    """One design.

    ``clusters`` 0: every item is its own. ``seeds`` adapters a candidate, their means spread by
    ``seed_sd``. ``level``: mean of the strongest rival where it is not the usual one.
    """

    items: int
    clusters: int
    icc: float
    scores: Scores
    candidates: int
    rivals: Rivals
    seeds: int = 1
    seed_sd: float = 0.0
    level: float | None = None

    @cached_property
    def groups(self) -> Array:
        """The cluster of every item, shape ``(items,)``; sizes differ by one at most."""
        import numpy as np

        return np.arange(self.items) % (self.clusters or self.items)

    @property
    def rows(self) -> int:
        """Rows of scores: every adapter of every candidate, then the rivals."""
        return self.candidates * self.seeds + RIVALS

    def to_json(self) -> dict[str, Any]:
        """Return the design."""
        return asdict(self)


def means(cell: Cell, leads: tuple[float, ...]) -> Array:
    """Return the true mean of every variant when candidate i leads the strongest rival by ``leads[i]``."""
    import numpy as np

    level = LEVEL[cell.scores] if cell.level is None else cell.level
    return np.array([*(level + lead for lead in leads), *(level - behind for behind in BEHIND[cell.rivals])])


def draw(cell: Cell, truth: Array, studies: int, random: "np.random.Generator") -> Array:
    """Return scores in 0..1, shape ``(studies, rows, items)``.

    Args:
        cell: the design.
        truth: mean of every variant; an adapter's own mean scatters round it by ``seed_sd``.
        studies: how many.
        random: the only source of chance.
    """
    import numpy as np
    from scipy.special import ndtr, ndtri

    row_means = np.concatenate([np.repeat(truth[: cell.candidates], cell.seeds), truth[cell.candidates :]])
    row_means = np.broadcast_to(row_means[:, None], (studies, cell.rows, 1)).copy()
    adapters = cell.candidates * cell.seeds
    row_means[:, :adapters, 0] += cell.seed_sd * random.standard_normal((studies, adapters))
    first = _latent(cell, studies, random)
    if cell.scores == "pass/fail":
        return np.asarray(first < ndtri(np.clip(row_means, 0.001, 0.999)), dtype=float)
    if cell.scores == "bounded":
        # E Phi(a + s z) = Phi(a / sqrt(1 + s^2)).
        middle = ndtri(np.clip(row_means, 0.001, 0.999)) * np.sqrt(1.0 + SPREAD**2)
        return np.asarray(ndtr(middle + SPREAD * first))
    hit = first < ndtri(np.clip(row_means / NON_ZERO, 0.001, 0.999))
    middle = ndtri(NON_ZERO) * np.sqrt(1.0 + SPREAD**2)
    return np.where(hit, ndtr(middle + SPREAD * _latent(cell, studies, random)), 0.0)


def _latent(cell: Cell, studies: int, random: "np.random.Generator") -> Array:
    """Return standard normals, shape ``(studies, rows, items)``: part shared by the rows, part by a cluster."""
    import numpy as np

    def layer(rows: int) -> Array:
        noise = random.standard_normal((studies, rows, cell.items))
        if not cell.clusters or cell.icc == 0.0:
            return noise
        common = random.standard_normal((studies, rows, cell.clusters))[..., cell.groups]
        return np.asarray(np.sqrt(cell.icc) * common + np.sqrt(1.0 - cell.icc) * noise)

    own = layer(cell.rows)
    if cell.seeds > 1:
        # Adapters of one recipe are alike: half of their own part is the recipe's.
        recipe = np.repeat(layer(cell.candidates), cell.seeds, axis=1)
        adapters = cell.candidates * cell.seeds
        own[:, :adapters] = np.sqrt(0.5) * own[:, :adapters] + np.sqrt(0.5) * recipe
    return np.asarray(np.sqrt(SHARED) * layer(1) + np.sqrt(1.0 - SHARED) * own)
