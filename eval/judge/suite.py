"""The suite's ``judge`` key: ``judge: {metrics: [faithfulness], rubric: rubric.yaml, pairwise: true}``."""

from assistant.lazy import nearest
from eval.judge.plan import JudgePlan
from eval.judge.rubric import read_rubric
from eval.metrics import METRICS, metric_named
from eval.schema import Kind
from eval.strict import YamlFile

KEYS = {"metrics", "rubric", "pairwise"}


def judged_metrics() -> list[str]:
    """Return the names of the metrics that a judge gives."""
    return [name for name, target in METRICS.items() if target.startswith("eval.metrics.judged:")]


def read_plan(file: YamlFile, kind: Kind) -> tuple[JudgePlan | None, list[str]]:
    """Return what the judge is to do besides metrics, and the metrics it is to give.

    Raises:
        InputError: the key, or the rubric it names, is wrong.
    """
    if file.values.get("judge") is None:
        return None, []
    given = file.take("judge", dict)
    file.refuse_unknown(KEYS, inside=("judge",))
    names = given.get("metrics") or []
    if not isinstance(names, list):
        raise file.error(("judge", "metrics"), f"expected a list of names, got {names!r:.60}")
    for name in names:
        if name not in judged_metrics():
            raise file.error(
                ("judge", "metrics"), f"no judged metric {name!r:.60}", nearest(str(name), judged_metrics())
            )
        if kind not in metric_named(name).kinds:
            raise file.error(("judge", "metrics"), f"{name!r} is no metric for kind '{kind}'")
    pairwise = given.get("pairwise", False)
    if not isinstance(pairwise, bool):
        raise file.error(("judge", "pairwise"), f"expected true or false, got {pairwise!r:.40}")
    rubric = None
    if given.get("rubric") is not None:
        path = file.path.parent / str(given["rubric"])
        if not path.is_file():
            raise file.error(("judge", "rubric"), f"no file at {path}", "paths are relative to the suite")
        rubric = read_rubric(path)
    if not (names or rubric or pairwise):
        raise file.error(("judge",), "asks for nothing", "give 'metrics', 'rubric' or 'pairwise: true'")
    return JudgePlan(rubric, pairwise), names
