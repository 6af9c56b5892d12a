"""Every address of the app is classified: a route that a library brings along fails here until somebody decided."""

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from assistant.api.app import create_app
from assistant.api.guard import PAGE
from assistant.services import Services
from assistant.settings import ModelSettings, RetrievalSettings, Settings

# Anybody on this machine (or logged in); state is changed by POST and DELETE only.
OWN = {
    *("/", "/health", "/pulse", "/manifest.json", "/favicon.ico"),
    *("/v1/openapi.json", "/v1/models", "/v1/chat/completions", "/v1/files", "/v1/files/{key}"),
    *("/v1/files/{key}/content", "/documents/{document}", "/reports/{run}", "/reports/{run}/items"),
    "/chats.{ending}",
    "/owner/{operation}",  # with the token of the state folder
}
JOBS = re.compile(r"/v1/fine_tuning/jobs(/\{key\}(/(events|checkpoints|cancel|pause|resume))?)?")
# What a page of Gradio's may ask for.
SERVED = {
    *("", "/", "/config", "/config/", "/theme.css", "/robots.txt", "/favicon.ico", "/manifest.json"),
    *("/pwa_icon", "/pwa_icon/{size}", "/assets/{path:path}", "/static/{path:path}", "/svelte/{path:path}"),
    *(f"/gradio_api/{name}" for name in ("info", "info/", "app_id", "app_id/", "startup-events", "cancel", "reset")),
    *("/gradio_api/reset/", "/gradio_api/upload", "/gradio_api/upload_progress", "/gradio_api/queue/join"),
    *("/gradio_api/queue/data", "/gradio_api/queue/status", "/gradio_api/heartbeat/{session_hash}"),
    "/gradio_api/file={path_or_url:path}",
}
HANDLERS = {
    "/gradio_api/run/{api_name}",
    "/gradio_api/run/{api_name}/",
}  # as run/predict alone: Stop, which waits in no queue


@pytest.fixture(scope="module")
def services(demo_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Return the opened demo once for all questions: none of them changes anything."""
    home = shutil.copytree(demo_template, tmp_path_factory.mktemp("inventory") / "home")
    model, retrieval = ModelSettings(name="scripted"), RetrievalSettings(embedder="hashing")
    opened = Services.open(Settings(home=home, model=model, retrieval=retrieval))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def client(services: Services) -> Iterator[TestClient]:
    app = create_app(services, "token", page=True)
    with TestClient(app, base_url="http://127.0.0.1:7860", client=("127.0.0.1", 50000)) as made:
        yield made


def _templates(client: TestClient) -> set[str]:
    found: set[str] = set()

    def walk(routes: list[Any], before: str) -> None:
        for route in routes:
            here = before + str(getattr(route, "path", ""))
            under = getattr(getattr(route, "original_router", route), "routes", None) or []
            if under:
                walk(under, here)
            else:
                found.add(here)

    walk(client.app.routes, "")  # type: ignore[attr-defined]
    return found


def test_every_route_is_classified(client: TestClient) -> None:
    found = _templates(client)
    pages = {path for path in found if path.startswith(("/ko", "/en"))}
    assert {path for path in found - pages if not JOBS.fullmatch(path)} == OWN
    for language in ("/ko", "/en"):
        own = {path.removeprefix(language) for path in pages if path.startswith(language)}
        served = {path for path in own if PAGE.fullmatch(language + path)}
        assert served - {""} == SERVED - {""}, "decide whether a page needs it; if not, PAGE must not let it through"
        assert own >= HANDLERS


@pytest.mark.parametrize(
    "path",
    [
        *(
            "vibe-edit",
            "vibe-code",
            "undo-vibe-edit",
            "vibe-starter-queries",
            "process_recording",
            "deep_link",
            "token",
        ),
        *(
            "run/on_send",
            "api/predict",
            "call/on_send",
            "call/on_send/1",
            "component_server",
            "stream/1",
            "login_check",
        ),
        *(
            "runs",
            "run-history/connect",
            "dev/reload",
            "openapi.json",
            "custom_component/a/client/b/c",
            "file/etc/passwd",
        ),
    ],
)
def test_what_no_page_needs_is_not_there(client: TestClient, path: str) -> None:
    for way in (f"/en/gradio_api/{path}", f"/en/{path}", f"/en//gradio_api/{path}", f"/en/gradio_api/%2e/{path}"):
        for method in ("GET", "POST"):
            answer = client.request(method, way, json={}, follow_redirects=False)
            assert answer.status_code in (403, 404), f"{method} {way}: {answer.status_code}"


SECRETS = (
    "/etc/passwd",
    "/proc/self/environ",
    "{home}/joyul.sqlite",
    "{home}/owner.json",
    "~/.bashrc",
    "assistant/__init__.py",
)


@pytest.mark.parametrize("target", SECRETS)
def test_no_address_reads_a_file_of_this_machine(client: TestClient, services: Services, target: str) -> None:
    target = target.format(home=services.home.root)
    up = "../" * 12 + target.lstrip("/")
    (services.home.root / "owner.json").write_text("{}", encoding="utf-8")
    ways = [
        target,
        up,
        up.replace("/", "%2F"),
        up.replace("../", "..%2f"),
        up.replace("..", "%252e%252e"),
        f"file://{target}",
    ]
    for way in ways:
        for before in (
            "/en/gradio_api/file=",
            "/en/static/",
            "/en/assets/",
            "/en/svelte/",
            "/documents/",
            "/chats.",
            "/reports/",
            "/v1/files/",
        ):
            answer = client.get(before + way, follow_redirects=False)
            assert answer.status_code in (400, 403, 404), f"{before}{way}: {answer.status_code}"
            assert "root:" not in answer.text and "import" not in answer.text


asked: list[str] = []
sys.addaudithook(lambda event, args: asked.append(str(args[0])) if event == "socket.getaddrinfo" else None)


@pytest.mark.parametrize("key", ["path", "url"])
def test_an_address_given_as_a_file_is_never_fetched(client: TestClient, services: Services, key: str) -> None:
    config = client.get("/en/config").json()
    places = {each["props"].get("elem_id"): each["id"] for each in config["components"]}
    rows = config["dependencies"]
    for place, event in (("drop", "upload"), ("search-documents", "submit")):
        number = next(row["id"] for row in rows if [places[place], event] in row["targets"])
        one = {
            "path": "http://evil.example/a.md",
            key: "http://evil.example/a.md",
            "meta": {"_type": "gradio.FileData"},
        }
        body = {"data": [[one] if place == "drop" else one], "fn_index": number, "session_hash": f"s-{place}"}
        asked.clear()
        assert client.post("/en/gradio_api/queue/join", json=body).status_code == 200
        said = client.get("/en/gradio_api/queue/data", params={"session_hash": f"s-{place}"}).text
        assert '"success":false' in said
        assert not [host for host in asked if "127.0.0.1" not in host and "localhost" not in host]
    assert not [row for row in services.library.documents() if row.name == "a.md"]
