"""What the commands about finished evaluations share."""

from typing import Annotated

import typer

from assistant.cli.shared import Run
from assistant.schema import Language

RunArgument = Annotated[str, typer.Argument(help="A finished run's name (joyul eval list), or latest.")]
LanguageOption = Annotated[
    Language | None, typer.Option("--language", help="Of the report (default: the setting 'language').")
]


def language_of(run: Run, asked: Language | None) -> Language:
    """Return the language of a text: the flag's, else the settings', else English."""
    if asked is not None:
        return asked
    language = run.settings().language
    return "en" if language == "auto" else language
