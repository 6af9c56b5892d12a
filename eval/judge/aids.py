"""What a run may use besides its variants: the app's embedder, a judge, people's votes."""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from assistant.errors import JoyulError, UsageError
from assistant.settings import JudgeSettings
from eval.metrics import metric_named
from eval.schema import Suite

if TYPE_CHECKING:
    from assistant.retrieval.embeddings import LiveEmbedder
    from eval.arena.pairs import Pair


@dataclass(frozen=True)
class Aids:
    """``embedder`` by its name in the settings; ``votes`` are people's pairs, for the audit of the judge."""

    embedder: str = "none"
    judge: JudgeSettings = field(default_factory=JudgeSettings)
    votes: tuple["Pair", ...] = ()

    def opened(self) -> "LiveEmbedder | None":
        """Return the embedder, None where there is none to be had: its figures are then unscored."""
        from assistant.retrieval.embeddings import open_embedder

        try:
            found = open_embedder(self.embedder)
            return found if found.identity.dimension else None
        except JoyulError:
            return None


def wants_judge(suite: Suite) -> bool:
    """Return whether anything in the suite needs a judge."""
    return suite.judge is not None or any(metric_named(name).judged for name in suite.metrics)


def with_aids(suite: Suite, aids: Aids | None) -> tuple[Suite, Aids]:
    """Return what a run works with: without aids, the suite without what a judge would add to it.

    A judged primary metric stays and needs a judge.

    Raises:
        UsageError: a judge is needed and none is configured.
    """
    if aids is None:
        kept = [name for name in suite.metrics if name == suite.primary or not metric_named(name).judged]
        suite, aids = replace(suite, metrics=tuple(kept), judge=None), Aids()
    check_judge(suite, aids.judge)
    return suite, aids


def check_judge(suite: Suite, settings: JudgeSettings) -> None:
    """Refuse a run that asks for a judge which is not configured, before it starts.

    Raises:
        UsageError: ``judge.base_url`` or ``judge.name`` is missing or wrong.
    """
    if not wants_judge(suite):
        return
    if not settings.base_url:
        raise UsageError(
            f"{suite.path or suite.name}: asks for a judge, but none is configured",
            "set judge.base_url and judge.name in joyul.yaml, or leave 'judge' out of the suite",
        )
    from eval.judge.client import JudgeClient

    JudgeClient(settings)
