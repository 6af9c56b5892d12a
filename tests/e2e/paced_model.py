"""The scripted model at a reading pace, so that a person can stop it: named by ``--model paced_model:open_paced``."""

import threading
from collections.abc import Generator, Sequence

from assistant.adapters import Adapter
from assistant.models.scripted import RULES, ScriptedBackend, ScriptedModel
from assistant.schema import Delta, Message, Sampling
from assistant.settings import EngineSettings, ModelSettings

STEP_SECONDS = 0.05
# Longer than any test waits, so that only Stop ends it.
COUNT = (r"(?i)count|세어", " ".join(str(number) for number in range(1, 2000)))


class PacedModel(ScriptedModel):
    def stream(self, messages: Sequence[Message], sampling: Sampling) -> Generator[Delta, None, None]:
        pace = threading.Event()
        for delta in super().stream(messages, sampling):
            yield delta
            pace.wait(STEP_SECONDS)


class PacedBackend(ScriptedBackend):
    def model(self, adapter: Adapter | None = None) -> ScriptedModel:
        super().model(adapter)
        return PacedModel(self, self._rules)


def open_paced(settings: ModelSettings, engine: EngineSettings) -> ScriptedBackend:
    return PacedBackend((*RULES, COUNT), settings.window or 4096)
