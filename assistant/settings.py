"""Settings: defaults < joyul.yaml < environment (``JOYUL_SECTION__KEY``) < flags.

This module is the only reader of the environment. Unknown keys are errors that suggest the
nearest known one.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

import platformdirs
import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    YamlConfigSettingsSource,
)

from assistant.errors import UsageError

CONFIG_NAME = "joyul.yaml"
PREFIX = "JOYUL_"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelSettings(_Section):
    """One model: the embedded one, a folder, a hub id, the scripted one, or a server by URL."""

    name: str = "embedded"
    base_url: str = ""
    api_key: SecretStr = SecretStr("")
    revision: str = ""
    hub: Literal["auto", "on", "off"] = "auto"
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    window: int = Field(0, ge=0, description="tokens a prompt may have; 0 takes the model's own")
    timeout_seconds: float = Field(60.0, gt=0)


class RetrievalSettings(_Section):
    """How documents are cut, embedded and searched."""

    embedder: str = "minilm"
    chunk_characters: int = Field(360, ge=100, le=8000)
    chunk_overlap: int = Field(0, ge=0, le=1000)
    floor: float = Field(0.25, ge=0.0, le=1.0)
    file_megabytes: int = Field(64, ge=1)


class ServeSettings(_Section):
    """Where the page and the API listen."""

    host: str = "127.0.0.1"
    port: int = Field(7860, ge=0, le=65535)
    login: str = Field("", description="USER:PASSWORD; needed for any address but loopback")


class EngineSettings(_Section):
    """How many streams share one step of the model, how long an answer may get, and how much is kept open.

    ``weights_mb`` bounds the models that tuning made whole; the least recently used one is closed first.
    """

    max_rows: int = Field(32, ge=1, le=512)
    max_tokens: int = Field(128, ge=1, le=8192)
    weights_mb: int = Field(4096, ge=1)


class JudgeSettings(_Section):
    """The model that judges answers in an evaluation; any OpenAI-compatible server."""

    name: str = ""
    base_url: str = ""
    api_key: SecretStr = SecretStr("")
    timeout_seconds: float = Field(60.0, gt=0)
    concurrency: int = Field(8, ge=1, le=128)
    retries: int = Field(3, ge=0, le=10)


class Settings(BaseSettings):
    """Everything a person can set."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    home: Path = Field(default_factory=lambda: Path(platformdirs.user_data_dir("joyul")))
    language: Literal["auto", "ko", "en"] = "auto"
    model: ModelSettings = ModelSettings()
    models: dict[str, ModelSettings] = Field(default_factory=dict)
    retrieval: RetrievalSettings = RetrievalSettings()
    engine: EngineSettings = EngineSettings()
    serve: ServeSettings = ServeSettings()
    judge: JudgeSettings = JudgeSettings()

    def model_named(self, name: str) -> ModelSettings:
        """Return the settings of a model; ``default`` is the one under ``model``.

        Raises:
            UsageError: no model of that name is configured.
        """
        if name == "default":
            return self.model
        if name not in self.models:
            raise UsageError(f"no model {name!r} is configured", f"add it under 'models:' in {CONFIG_NAME}")
        return self.models[name]


def load_settings(file: Path | None = None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """Merge the four sources and validate once.

    Args:
        file: a ``joyul.yaml``; by default the one in the current folder, where there is one.
        overrides: flags as dotted keys, e.g. ``{"serve.port": 8000}``; None values are ignored.

    Raises:
        UsageError: a file that is missing or not YAML, an unknown key, or a value out of bounds.
    """
    chosen = file or Path(CONFIG_NAME)
    if file is not None and not file.is_file():
        raise UsageError(f"no settings file at {str(file)!r}", "check --config")
    flags: dict[str, Any] = {}
    for key, value in (overrides or {}).items():
        if value is not None:
            _put(flags, key.split("."), value)
    _refuse_unknown_variables(os.environ)

    class Sourced(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return init_settings, env_settings, YamlConfigSettingsSource(settings_cls, chosen, "utf-8")

    try:
        return Settings.model_construct(**dict(Sourced(**flags)))
    except ValidationError as error:
        raise _explain(error) from None
    except (yaml.YAMLError, UnicodeDecodeError, SettingsError, TypeError, ValueError) as error:
        raise UsageError(f"{chosen}: {str(error).splitlines()[0]:.120}", "see the README's settings") from error


def variables_set() -> dict[str, str]:
    """Return the settings that the environment sets, dotted, each with its variable."""
    return {name[len(PREFIX) :].lower().replace("__", "."): name for name in os.environ if name.startswith(PREFIX)}


def _put(tree: dict[str, Any], path: list[str], value: Any) -> None:
    for part in path[:-1]:
        tree = tree.setdefault(part, {})
    tree[path[-1]] = value


def _refuse_unknown_variables(environment: Iterable[str]) -> None:
    known = set(_known_keys(Settings))
    for variable in environment:
        key = variable[len(PREFIX) :].lower().replace("__", ".")
        if variable.startswith(PREFIX) and key not in known and not key.startswith("models."):
            raise _unknown(variable, key)


def _known_keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, info in model.model_fields.items():
        yield prefix + name
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            yield from _known_keys(info.annotation, f"{prefix}{name}.")


def _unknown(shown: str, key: str) -> UsageError:
    near = get_close_matches(key, list(_known_keys(Settings)), n=1)
    return UsageError(f"unknown setting {shown!r}", f"did you mean {near[0]!r}?" if near else "see the README")


def _explain(error: ValidationError) -> UsageError:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return _unknown(key, key)
    return UsageError(f"setting {key!r}: {first['msg']} (got {first.get('input')!r:.80})", "see the README")
