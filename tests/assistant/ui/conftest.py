"""A page in each language over a real state folder; the scripted model answers."""

from typing import TYPE_CHECKING

import pytest

from assistant.ui.context import Page
from assistant.ui.words import Words

if TYPE_CHECKING:
    from assistant.services import Services


@pytest.fixture
def page(services: "Services") -> Page:
    """Return the English page."""
    return Page(services, Words("en"))


@pytest.fixture
def korean(services: "Services") -> Page:
    """Return the Korean page."""
    return Page(services, Words("ko"))
