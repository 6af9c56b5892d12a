"""The scripted model at a reading pace, so that a person can stop it: named by ``--model paced_model:open_paced``."""

import threading
from collections.abc import Generator, Sequence

from assistant.adapters import Adapter
from assistant.models.scripted import RULES, ScriptedBackend, ScriptedModel
from assistant.schema import Delta, Message, Sampling
from assistant.settings import EngineSettings, ModelSettings

# After so many tokens the pace is slow: an answer ends at the length limit, and what only Stop should end must last
# longer than a busy machine takes to open another tab.
STEP_SECONDS, SLOW_AFTER, SLOW_SECONDS = 0.05, 60, 1.0
COUNT = (r"(?i)count|세어", " ".join(str(number) for number in range(1, 2000)))


class PacedModel(ScriptedModel):
    def stream(self, messages: Sequence[Message], sampling: Sampling) -> Generator[Delta, None, None]:
        pace = threading.Event()
        for number, delta in enumerate(super().stream(messages, sampling)):
            yield delta
            pace.wait(STEP_SECONDS if number < SLOW_AFTER else SLOW_SECONDS)


class PacedBackend(ScriptedBackend):
    def model(self, adapter: Adapter | None = None) -> ScriptedModel:
        super().model(adapter)
        return PacedModel(self, self._rules)


def open_paced(settings: ModelSettings, engine: EngineSettings) -> ScriptedBackend:
    return PacedBackend((*RULES, COUNT), settings.window or 4096)
