"""What every tab is built with, and the one place where a handler's failure becomes a message."""

import functools
import inspect
import logging
import secrets
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import gradio as gr

from assistant.chat import ChatUpdate
from assistant.errors import InputError, JoyulError
from assistant.schema import Language
from assistant.services import Services
from assistant.ui.running import Running
from assistant.ui.words import Words

logger = logging.getLogger(__name__)
TOAST_SECONDS = 10
PERSON = "local"  # a page has one user; logins are one for all
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Page:
    """One language's page over one set of services.

    ``running`` (answers in chats) and ``rounds`` (comparisons) are shared by both languages.
    """

    services: Services
    words: Words
    running: Running[ChatUpdate] = field(default_factory=Running)
    rounds: Running[list[ChatUpdate]] = field(default_factory=Running)

    @property
    def language(self) -> Language:
        """The page's language."""
        return self.words.language

    @property
    def collects(self) -> bool:
        """Whether the person at the page lets what they say of answers be collected."""
        return PERSON not in self.services.store.refusing()

    def must_collect(self) -> None:
        """Refuse what would be collected of a person who does not want that.

        Raises:
            InputError: they switched collecting off.
        """
        if not self.collects:
            raise InputError(self.words("review.not_collected"), "")

    def guard(self, handler: F) -> F:
        """Return a handler whose failures are shown as a toast: what, why, next step; never a traceback."""
        if inspect.isgeneratorfunction(handler):

            @functools.wraps(handler)
            def streaming(*args: Any, **kwargs: Any) -> Generator[Any, None, None]:
                try:
                    yield from handler(*args, **kwargs)
                except Exception as error:
                    raise self._toast(error) from None

            return streaming  # type: ignore[return-value]

        @functools.wraps(handler)
        def plain(*args: Any, **kwargs: Any) -> Any:
            try:
                return handler(*args, **kwargs)
            except Exception as error:
                raise self._toast(error) from None

        return plain  # type: ignore[return-value]

    def _toast(self, error: Exception) -> gr.Error:
        if isinstance(error, gr.Error):
            return error
        if isinstance(error, JoyulError):
            message = self.words.failure(error)
        else:
            number = secrets.token_hex(3)
            logger.error("page error %s", number, exc_info=error)
            message = self.words("error.bug", id=number)
        return gr.Error(message, title=self.words("error.title"), duration=TOAST_SECONDS, print_exception=False)


def event_data(event: gr.EventData) -> Mapping[str, Any]:
    """Return what page.js sent with an event; nothing in it is trusted to have a type."""
    data = event._data
    return data if isinstance(data, Mapping) else {}


def panel(value: str, elem_id: str, *events: str, **more: Any) -> gr.HTML:
    """Return an HTML area whose ``data-act`` buttons send the named events with their data and their form's text."""
    names = " ".join(f"'{name}'" for name in events)
    script = f"joyulPanel(element, trigger); // sends {names}" if events else None
    return gr.HTML(value, elem_id=elem_id, js_on_load=script, apply_default_css=False, padding=False, **more)
