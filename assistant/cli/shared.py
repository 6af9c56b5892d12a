"""The options that every command has, and what they stand for."""

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assistant.cli.screen import Screen
from assistant.errors import UsageError

if TYPE_CHECKING:
    from assistant.peers import Peer
    from assistant.settings import Settings

HomeOption = Annotated[Path | None, typer.Option("--home", help="State folder (default: JOYUL_HOME).")]
ConfigOption = Annotated[Path | None, typer.Option("--config", help="Settings file (default: ./joyul.yaml).")]
SetOption = Annotated[list[str] | None, typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Set one setting.")]
ModelOption = Annotated[
    str | None,
    typer.Option("--model", help="Base model: embedded, scripted, a folder or a hub id."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document; all else goes to stderr.")]
VersionOption = Annotated[bool, typer.Option("--version", help="Print the version.")]
_SHARED: dict[str, tuple[Any, Any]] = {
    "home": (HomeOption, None),
    "config": (ConfigOption, None),
    "assignments": (SetOption, None),
    "model": (ModelOption, None),
    "as_json": (JsonOption, False),
}


@dataclass
class Run:
    """One invocation of a command: its shared options, its screen, its settings."""

    command: str
    home: Path | None = None
    config: Path | None = None
    assignments: list[str] | None = None
    model: str | None = None
    as_json: bool = False
    screen: Screen = field(init=False)

    def __post_init__(self) -> None:
        self.screen = Screen(self.as_json)

    def overrides(self) -> dict[str, Any]:
        """Return the flags as dotted settings, without the state folder.

        Raises:
            UsageError: ``--set`` is not of the form ``section.key=value``.
        """
        found: dict[str, Any] = {}
        for assignment in self.assignments or ():
            key, equals, value = assignment.partition("=")
            if not (key and equals):
                raise UsageError(f"--set {assignment!r} has no value", "write it as section.key=value")
            found[key.strip()] = value
        if self.model is not None:
            found["model.name"] = str(Path(self.model).resolve()) if Path(self.model).is_dir() else self.model
        return found

    def settings(self, **more: Any) -> "Settings":
        """Load the settings and open the log file; ``more`` holds further flags, dots as ``__``.

        Raises:
            UsageError: a bad file, key or value.
        """
        from assistant import logs
        from assistant.paths import Home
        from assistant.settings import load_settings
        from assistant.settings_view import secrets_of

        extra = {key.replace("__", "."): value for key, value in more.items() if value is not None}
        settings = load_settings(self.config, self.flags() | extra)
        logs.configure(Home(settings.home).log, secrets_of(settings))
        return settings

    def flags(self) -> dict[str, Any]:
        """Return every flag as a dotted setting."""
        home = None if self.home is None else self.home.expanduser().absolute()
        return {"home": home, **self.overrides()}

    @contextmanager
    def peer(self, any_model: bool = False) -> Iterator["Peer"]:
        """Yield whoever works on the state folder; ``any_model`` where a running app's model does not matter."""
        from assistant.peers import connect

        settings, overrides = self.settings(), self.overrides()
        if any_model:
            overrides = {key: value for key, value in overrides.items() if not key.startswith("model.")}
        with connect(settings, f"joyul {self.command}", overrides, self.screen.note) as peer:
            yield peer


def shared_parameters() -> list[inspect.Parameter]:
    """Return the shared options as parameters."""
    kind = inspect.Parameter.KEYWORD_ONLY
    return [inspect.Parameter(key, kind, default=d, annotation=a) for key, (a, d) in _SHARED.items()]


def reshape(function: Any, parameters: list[inspect.Parameter]) -> None:
    """Give a function the signature that typer is to read: a context and ``parameters``."""
    context = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    function.__dict__.pop("__wrapped__", None)
    function.__signature__ = inspect.Signature([context, *parameters])
    function.__annotations__ = {each.name: each.annotation for each in (context, *parameters)}


def accept_before_command(app: typer.Typer) -> None:
    """Let the shared options also stand before the command: ``joyul --home X ask ...``."""

    def remember(context: typer.Context, **values: Any) -> None:
        if values.pop("version"):
            from assistant import __version__

            typer.echo(f"joyul {__version__}")
            raise typer.Exit
        if context.invoked_subcommand is None:
            typer.echo(context.get_help())
            raise typer.Exit
        context.obj = {key: value for key, value in values.items() if value}

    kind = inspect.Parameter.KEYWORD_ONLY
    version = inspect.Parameter("version", kind, default=False, annotation=VersionOption)
    reshape(remember, [version, *shared_parameters()])
    app.callback(invoke_without_command=True)(remember)


def command(
    app: typer.Typer, name: str, full: str = "", *, hidden: bool = False
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register ``function(run, ...)`` as a command; it gets the shared options as its :class:`Run`."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
        parameters = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own]
        parameters += shared_parameters()

        @functools.wraps(function)
        def called(context: typer.Context, **values: Any) -> None:
            before = context.find_root().obj or {}
            shared: dict[str, Any] = {key: values.pop(key) or before.get(key) for key in _SHARED}
            function(Run(full or name, **shared), **values)

        reshape(called, parameters)
        app.command(name, hidden=hidden)(called)
        return function

    return register
