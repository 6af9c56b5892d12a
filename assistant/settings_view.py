"""Settings as a person reads them: flat, without secrets, with where each value comes from."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import SecretStr

from assistant.settings import CONFIG_NAME, Settings, variables_set

MASK = "********"


def secrets_of(settings: Settings) -> list[str]:
    """Return every secret in force, for the log's mask."""
    keys = [settings.judge.api_key, settings.model.api_key, *(model.api_key for model in settings.models.values())]
    found = [key.get_secret_value() for key in keys]
    login = settings.serve.login
    return [value for value in (*found, login, login.partition(":")[2]) if value]


def flat(settings: Settings) -> dict[str, Any]:
    """Return dotted keys and plain values; secrets are masked."""
    values = dict(_leaves(settings.model_dump(), ""))
    if values.get("serve.login"):
        values["serve.login"] = MASK
    return values


def origins_of(file: Path | None, flags: Mapping[str, Any]) -> dict[str, str]:
    """Return who sets each key that is not a default: a file, a variable or a flag; the strongest counts."""
    chosen = file or Path(CONFIG_NAME)
    found: dict[str, str] = {}
    if chosen.is_file():
        read = yaml.safe_load(chosen.read_text(encoding="utf-8")) or {}
        found.update({key: str(chosen) for key, _ in _leaves(read, "")})
    found.update(variables_set())
    found.update({key: "flag" for key, value in flags.items() if value is not None})
    return found


def _leaves(tree: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        elif isinstance(value, SecretStr):
            yield prefix + key, MASK if value.get_secret_value() else ""
        else:
            yield prefix + key, str(value) if isinstance(value, Path) else value
