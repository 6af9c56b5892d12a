"""Without a login nothing but health is told, and a key is never part of what the app says."""

import base64
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from assistant.api.app import create_app
from assistant.settings import Settings

if TYPE_CHECKING:
    from assistant.services import Services

CANARY = "canary-7f3e-9b1d"
LOGIN = f"anna:{CANARY}"


@pytest.fixture
def guarded(services: "Services", settings: Settings) -> Iterator[TestClient]:
    """Return the whole app on a public address, its key and its password being the canary."""
    serve = settings.serve.model_copy(update={"host": "0.0.0.0", "login": LOGIN})
    model = settings.model.model_copy(update={"api_key": SecretStr(CANARY)})
    services.settings = settings.model_copy(update={"serve": serve, "model": model})
    with TestClient(create_app(services, "token", page=True), base_url="http://joyul.example") as client:
        yield client


def _paths(client: TestClient) -> list[str]:
    """Return every route of the app and of the pages mounted in it, with something in each placeholder."""
    found = set()

    def walk(routes: list[Any], before: str) -> None:
        for route in routes:
            here = before + str(getattr(route, "path", ""))
            found.add(here)
            included = getattr(route, "original_router", route)
            walk(getattr(included, "routes", None) or [], here)

    walk(client.app.routes, "")  # type: ignore[attr-defined]
    return sorted({re.sub(r"\{[^}]*\}", "x", path) for path in found if path})


def test_every_route_is_shut_without_a_login(guarded: TestClient) -> None:
    paths = _paths(guarded)
    assert len(paths) > 40 and {"/pulse", "/en/config", "/v1/models"} <= set(paths)
    for path in paths:
        for method in ("GET", "POST"):
            status = guarded.request(method, path, follow_redirects=False).status_code
            assert path == "/health" or status in (401, 403), f"{method} {path}: {status}"


@pytest.mark.parametrize("path", ["/ko/", "/en/", "/en/config", "/v1/models", "/v1/openapi.json", "/pulse"])
def test_no_answer_holds_a_secret(guarded: TestClient, path: str) -> None:
    basic = base64.b64encode(LOGIN.encode()).decode()
    answer = guarded.get(path, headers={"authorization": f"Basic {basic}"})
    assert answer.status_code == 200
    for form in (CANARY, CANARY[::-1], base64.b64encode(CANARY.encode()).decode(), basic):
        assert form not in answer.text and form not in str(answer.headers)


def test_a_repr_of_the_settings_hides_the_key(guarded: TestClient, services: "Services") -> None:
    assert CANARY not in repr(services.settings.model)
