"""What every study works with: the open state folder, who is told how far it is, and who may stop it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from assistant.paths import Home
from assistant.progress import Cancelled, Progress
from assistant.schema import Variant
from assistant.settings import Settings
from assistant.variants import VariantFactory
from eval.result import RunResult
from eval.runner import run_suite
from eval.schema import Suite

if TYPE_CHECKING:
    from assistant.models.pool import ModelPool
    from assistant.retrieval.library import Library


@dataclass(frozen=True, slots=True)
class Workshop:
    """The parts of an open state folder that studies use; ``home`` is the person's, not a study's own."""

    settings: Settings
    home: Home
    pool: "ModelPool"
    library: "Library"
    progress: Progress = lambda _: None
    cancelled: Cancelled = lambda: False

    def variants(self, home: Home) -> VariantFactory:
        """Return what makes variants of the adapters in ``home``."""
        return VariantFactory(self.settings, home, self.pool, self.library)

    def ask(self, suite: Suite, specs: Sequence[Variant], home: Home) -> RunResult:
        """Ask variants of the adapters in ``home`` the suite's items; what the suite says of its own is left out.

        Raises:
            CancelledError: ``cancelled()`` said so; the answers so far are kept.
        """
        alone: dict[str, Any] = {"uses": {}, "approaches": {}, "trials": {}, "replicates": {}}
        return run_suite(
            replace(suite, variants=tuple(specs), **alone),
            variants=self.variants(home),
            library=self.library,
            runs=home.runs,
            progress=self.progress,
            cancelled=self.cancelled,
        )
