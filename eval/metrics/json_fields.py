"""Whether an answer is the JSON that was asked for, and whether its further fields are right."""

from eval.metrics.base import Metric
from eval.metrics.labels import json_object, plain, wants_json
from eval.schema import Answer, Item, Score


class JsonValidity(Metric):
    """1 where a JSON object with all the reference's keys can be read out of the answer."""

    name = "json_validity"
    kinds = ("label",)

    def applies(self, item: Item) -> bool:
        """Return whether the reference is JSON."""
        return wants_json(item)

    def value(self, item: Item, answer: Answer) -> Score:
        """Score 1 or 0."""
        found, wanted = json_object(answer.text), json_object(item.reference[0])
        return Score(float(found is not None and wanted is not None and set(wanted) <= set(found)))


class FieldAccuracy(Metric):
    """Share of the fields besides the label (e.g. urgency) that are right; missing ones are wrong."""

    name = "field_accuracy"
    kinds = ("label",)

    def applies(self, item: Item) -> bool:
        """Return whether there are fields to compare."""
        return bool(item.fields)

    def value(self, item: Item, answer: Answer) -> Score:
        """Return the share of right fields."""
        found = json_object(answer.text) or {}
        right = sum(plain(found.get(key)) == plain(value) for key, value in item.fields.items())
        return Score(right / len(item.fields))
