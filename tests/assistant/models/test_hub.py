"""Where a model comes from: folder, cache, hub; and that nothing is asked without need."""

import http.server
import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.errors import DamagedError, RefusedError, UnavailableError
from assistant.models import hub, open_model
from assistant.paths import data_root
from assistant.settings import EngineSettings, ModelSettings

EMBEDDED = data_root() / "models" / "embedded"
WEIGHTS = min(EMBEDDED.glob("*.safetensors")).name
ID = "someone/tiny-model"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(http.server.ThreadingHTTPServer):
    """The two routes of the hub that a download needs, serving the embedded model and a pickle."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Routes)
        self.paths: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Routes(http.server.BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        path = self.path.split("?")[0]
        names = [file.name for file in EMBEDDED.iterdir()] + ["pytorch_model.bin", "modeling_evil.py"]
        if path.startswith(f"/api/models/{ID}/tree/"):
            tree = [{"type": "file", "path": name, "size": 1, "oid": "0" * 40} for name in names]
            self._send(json.dumps(tree).encode(), {})
        elif path.startswith(f"/api/models/{ID}"):
            siblings = [{"rfilename": name} for name in names]
            self._send(json.dumps({"_id": "1", "id": ID, "sha": COMMIT, "siblings": siblings}).encode(), {})
        elif path.startswith(f"/{ID}/resolve/"):
            file = EMBEDDED / path.rpartition("/")[2]
            self._send(file.read_bytes(), {"ETag": f'"{file.stat().st_size:040x}"', "X-Repo-Commit": COMMIT})
        else:
            self._send(b"{}", {"X-Error-Code": "RepoNotFound"}, 404)

    def _send(self, body: bytes, headers: dict[str, str], code: int = 200) -> None:
        self.send_response(code)
        for key, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Hub]:
    running = Hub()
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    yield running
    running.shutdown()
    thread.join()
    running.server_close()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    from huggingface_hub import constants

    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        monkeypatch.setattr(constants, name, str(tmp_path / "cache"), raising=False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    return tmp_path / "cache"


def _at(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants, hf_api

    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(hf_api.api, "endpoint", url)


def test_a_folder_is_used_as_it_is() -> None:
    assert hub.resolve(ModelSettings()) == EMBEDDED
    assert hub.resolve(ModelSettings(name=str(EMBEDDED))) == EMBEDDED


@pytest.mark.parametrize("name", ["./nowhere", "/no/such/folder", "a/b/c", "~/nothing-here", "C:\\models\\x"])
def test_a_missing_folder_is_named(name: str) -> None:
    with pytest.raises(UnavailableError, match="model folder not found"):
        hub.resolve(ModelSettings(name=name))


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="no config"):
        hub.resolve(ModelSettings(name=str(tmp_path)))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UnavailableError, match="no safetensors"):
        hub.resolve(ModelSettings(name=str(tmp_path)))
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04")
    with pytest.raises(RefusedError, match="only safetensors"):
        hub.resolve(ModelSettings(name=str(tmp_path)))


def test_off_asks_nobody(server: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    _at(server.url, monkeypatch)
    with pytest.raises(UnavailableError, match="hub is off"):
        hub.resolve(ModelSettings(name=ID, hub="off"))
    assert server.paths == []


def test_an_unreachable_hub_is_one_line_with_a_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    _at("http://127.0.0.1:9", monkeypatch)  # the discard port: nobody listens
    with pytest.raises(UnavailableError, match="cannot be reached") as caught:
        hub.resolve(ModelSettings(name=ID))
    assert caught.value.exit_code == 4
    assert "\n" not in caught.value.message
    assert "download" in caught.value.hint
    with pytest.raises(UnavailableError) as caught:
        hub.resolve(ModelSettings(name="embeded"))
    assert caught.value.hint == "did you mean 'embedded'?"


def test_a_name_lookup_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    given_up = threading.Event()

    def hang(*args: object, **kwargs: object) -> None:
        given_up.wait(30)
        raise OSError

    monkeypatch.setattr(hub.socket, "create_connection", hang)
    assert hub.reachable(0.05) is False
    given_up.set()


def test_a_download_is_kept_and_then_used_offline(server: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    _at(server.url, monkeypatch)
    folder = hub.resolve(ModelSettings(name=ID))
    assert folder.is_relative_to(cache)
    names = {path.name for path in folder.iterdir()}
    assert {"config.json", WEIGHTS, "tokenizer.json", "chat_template.jinja"} <= names
    assert not any("pytorch_model" in path or ".py" in path for path in server.paths if "/resolve/" in path)
    assert constants.is_offline_mode()  # let out for the download only
    asked = len(server.paths)
    backend = open_model(ModelSettings(name=ID), EngineSettings())
    assert backend.base.startswith(f"{ID}@")
    backend.close()
    assert server.paths[asked:] == []


def test_an_unknown_id_is_named(server: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    _at(server.url, monkeypatch)
    with pytest.raises(UnavailableError, match="cannot download 'nobody/nothing'"):
        hub.resolve(ModelSettings(name="nobody/nothing"))


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return shutil.copytree(EMBEDDED, tmp_path / "copy")


@pytest.mark.parametrize(
    ("file", "change", "error", "words"),
    [
        (WEIGHTS, lambda data: data[: len(data) // 2], DamagedError, "damaged or incomplete"),
        (WEIGHTS, lambda data: b"PK\x03\x04" + data[4:], DamagedError, "damaged"),
        ("config.json", lambda data: data[:40], UnavailableError, "cannot be loaded"),
        ("config.json", lambda data: b'{"model_type": "nonsense"}', UnavailableError, "cannot be loaded"),
        (
            "config.json",
            lambda data: b'{"model_type": "x", "auto_map": {"AutoConfig": "evil.Config"}}',
            RefusedError,
            "code of its own",
        ),
        ("tokenizer.json", lambda data: data[:1000], UnavailableError, "tokenizer"),
        ("joyul.json", lambda data: b"{", DamagedError, "joyul.json"),
        ("config.json", lambda data: data.replace(b'"hidden_size": 256', b'"hidden_size": 128'), DamagedError, "shape"),
    ],
)
def test_damaged_models_are_one_clear_line(copy: Path, file: str, change, error, words: str) -> None:  # type: ignore[no-untyped-def]
    (copy / file).write_bytes(change((copy / file).read_bytes()))
    with pytest.raises(error, match=words) as caught:
        open_model(ModelSettings(name=str(copy)), EngineSettings())
    assert "\n" not in caught.value.message
    assert caught.value.hint
