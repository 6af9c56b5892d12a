"""A rubric of the user's own: criteria, each with a text for the judge and a scale.

::

    rubric: service
    scale: [1, 5]                 # of criteria that name none
    criteria:
      polite:
        ko: 손님에게 정중하게 답했나요?
        en: Is the answer polite to the customer?
      concrete:
        en: Does the answer name the next step?
        scale: [0, 2]

A text in one language serves both. A score is the place on the scale, as a fraction.
"""

import re
from pathlib import Path
from typing import Any

from assistant.schema import Language, digest, normalise
from eval.judge.client import JudgeClient
from eval.judge.parse import json_reply, number_reply
from eval.judge.plan import Criterion, Rubric
from eval.judge.prompts import ask, question_of, version
from eval.schema import Answer, Item, Score
from eval.strict import YamlFile, read_yaml

SCALE = (1, 5)
WIDEST = 100
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


def version_of(criterion: Criterion) -> str:
    """Return what a stored grade depends on besides judge, item and answer."""
    return digest([version(), dict(criterion.texts), criterion.low, criterion.high])


async def grade(client: JudgeClient, criterion: Criterion, item: Item, answer: Answer, reference: str) -> Score:
    """Ask the judge once.

    Raises:
        JudgeFailure: no grade came of it.
    """
    values = {
        "criterion": criterion.texts[item.language],
        "low": str(criterion.low),
        "high": str(criterion.high),
        "question": question_of(item),
        "answer": answer.text,
    }
    reply = json_reply(await client.ask(ask("rubric", item.language, values, reference)))
    given = number_reply(reply, "score", criterion.low, criterion.high)
    reason = str(reply.get("reason", ""))[:500]
    return Score((given - criterion.low) / (criterion.high - criterion.low), detail={"grade": given, "why": reason})


def read_rubric(path: Path) -> Rubric:
    """Read a rubric file.

    Raises:
        InputError: anything in it is wrong; names file, line and key.
    """
    file = read_yaml(path)
    file.refuse_unknown({"rubric", "scale", "criteria"})
    name = file.take("rubric", str, path.stem)
    entries = file.take("criteria", dict, needed=True)
    if not entries:
        raise file.error(("criteria",), "there are none", "add 'NAME: {ko: ..., en: ...}'")
    usual = _scale(file, file.values.get("scale", list(SCALE)), ("scale",))
    return Rubric(name, tuple(_criterion(file, str(key), entry, usual) for key, entry in entries.items()))


def _criterion(file: YamlFile, name: str, entry: Any, usual: tuple[int, int]) -> Criterion:
    where = ("criteria", name)
    if not _NAME.fullmatch(name):
        raise file.error(where, f"{name!r:.60} is no name", "use lower-case letters, digits, '_' and '-'")
    if isinstance(entry, str):
        entry = {"ko": entry, "en": entry}
    if not isinstance(entry, dict):
        raise file.error(where, f"expected a text, or texts under 'ko' and 'en', got {entry!r:.60}")
    if "criteria" in file.values and isinstance(file.values["criteria"].get(name), dict):
        file.refuse_unknown({"ko", "en", "scale"}, inside=where)
    given = {key: entry[key] for key in ("ko", "en") if key in entry}
    if not given or not all(isinstance(text, str) and text.strip() for text in given.values()):
        raise file.error(where, "needs a text under 'ko' or 'en'", "say what the judge is to look at")
    some = next(iter(given.values()))
    texts: dict[Language, str] = {
        "ko": normalise(given.get("ko", some)).strip(),
        "en": normalise(given.get("en", some)).strip(),
    }
    low, high = _scale(file, entry["scale"], (*where, "scale")) if "scale" in entry else usual
    return Criterion(name, texts, low, high)


def _scale(file: YamlFile, value: Any, where: tuple[str, ...]) -> tuple[int, int]:
    numbers = isinstance(value, list) and all(isinstance(each, int) and not isinstance(each, bool) for each in value)
    if not numbers or len(value) != 2 or not 0 <= value[0] < value[1] <= WIDEST:
        raise file.error(where, f"expected two whole numbers, lowest and highest, got {value!r:.40}", "e.g. [1, 5]")
    return value[0], value[1]
