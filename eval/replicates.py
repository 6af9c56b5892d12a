"""One recipe trained with several seeds: one variant of the suite, several adapters.

Each adapter answers every item under a name of its own (``tuned``, ``tuned#2``, ``tuned#3``), so that
answers are cached, resumed and recorded like any other's; the scores of an item are put together here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from assistant.errors import InputError
from assistant.schema import Variant
from eval.schema import Score, Suite

if TYPE_CHECKING:
    from assistant.variants import VariantFactory

# No variant's name may hold it, so no two names meet.
MARK = "#"
# What adapters of one recipe share; their seeds differ.
SAME = ("method", "base_hash", "data_hash", "recipe")


def names_of(suite: Suite, name: str) -> list[str]:
    """Return the names under which a variant's adapters answer; its own where it has one adapter or none."""
    count = len(suite.replicates.get(name, ()))
    return [name, *(f"{name}{MARK}{number}" for number in range(2, count + 1))]


def specs_of(suite: Suite, spec: Variant) -> list[Variant]:
    """Return one specification an adapter, each under its own name."""
    adapters = suite.replicates.get(spec.name, (spec.adapter,))
    names = names_of(suite, spec.name)
    return [replace(spec, name=name, adapter=adapter) for name, adapter in zip(names, adapters, strict=True)]


def check_one_recipe(suite: Suite, variants: "VariantFactory") -> None:
    """Make sure that the adapters of a variant are one recipe with other seeds.

    Raises:
        InputError: an adapter is missing, was trained otherwise, or with a seed that another one has.
    """
    for spec in suite.variants:
        if spec.name not in suite.replicates:
            continue
        manifests = [variants.manifest(each) for each in specs_of(suite, spec)]
        known = [manifest for manifest in manifests if manifest is not None]
        where = f"{suite.path}: variants.{spec.name}.adapters"
        for key in SAME:
            found = {str(getattr(manifest, key)) for manifest in known}
            if len(found) > 1:
                names = ", ".join(manifest.name for manifest in known)
                raise InputError(
                    f"{where}: {names} differ in {key}, so their spread is not that of training seeds",
                    "name adapters of one recipe and one data file, trained with other seeds",
                )
        seeds = [manifest.seed for manifest in known]
        if len(set(seeds)) < len(seeds):
            raise InputError(
                f"{where}: two adapters have the same training seed ({', '.join(map(str, seeds))})",
                "train each with its own 'seed:' in the recipe",
            )


def merged(rows: Sequence[Mapping[str, Score]]) -> Mapping[str, Score]:
    """Return one row of scores: an item's value is the mean over the adapters that have one."""
    if len(rows) == 1:
        return rows[0]
    return {key: _together([row[key] for row in rows]) for key in rows[0]}


def _together(scores: list[Score]) -> Score:
    given = [score for score in scores if score.value is not None]
    if not given:
        return replace(scores[0], replicates=tuple(scores))
    value = sum(score.value for score in given if score.value is not None) / len(given)
    return Score(value, detail=given[0].detail, replicates=tuple(scores))
