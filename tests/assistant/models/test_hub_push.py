"""Pushing to a hub: a local server that speaks as much of its API as one commit needs."""

import base64
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from assistant.adapters import Manifest, publish
from assistant.errors import RefusedError, UnavailableError
from assistant.models.hub_push import push
from assistant.paths import Home


@dataclass
class Hub:
    """A hub with no repository; ``refuses`` is the status of every answer, where it does not want."""

    url: str = ""
    refuses: int = 0
    made: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)

    def answer(self, path: str, body: bytes) -> dict[str, Any]:
        if path == "/api/repos/create":
            self.made.append(json.loads(body))
            return {"url": f"{self.url}/me/tower"}
        if path == "/api/validate-yaml":
            return {"errors": [], "warnings": []}
        if path == "/api/models/me/tower/preupload/main":
            wanted = json.loads(body)["files"]
            return {"files": [{"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in wanted]}
        assert path == "/api/models/me/tower/commit/main", path
        for line in map(json.loads, body.splitlines()):
            if line["key"] == "file":
                self.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
        return {"commitUrl": f"{self.url}/me/tower/commit/{'0' * 40}", "commitOid": "0" * 40, "success": True}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    found = Hub()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            document = {"error": "not you"} if found.refuses else found.answer(self.path.partition("?")[0], body)
            data = json.dumps(document).encode()
            self.send_response(found.refuses or 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", found.url)
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A state folder with the adapter ``tower``."""
    home = Home(tmp_path / "home").create()
    staging = home.adapters / ".staging"
    staging.mkdir()
    save_file({"lora": torch.zeros(2)}, staging / "adapter_model.safetensors")
    (staging / "adapter_config.json").write_text('{"peft_type": "LORA"}', "utf-8")
    publish(staging, Manifest("tower", "embedded@12345678", "1" * 64, "lora"), home)
    return home


def test_one_commit_holds_what_an_export_holds(home: Home, hub: Hub) -> None:
    assert push(home, "tower", "me/tower") == f"{hub.url}/me/tower"
    assert [(each["name"], each["organization"], each["visibility"]) for each in hub.made] == [
        ("tower", "me", "private")
    ]
    assert set(hub.files) == {"README.md", "adapter_config.json", "adapter_model.safetensors", "manifest.json"}
    weights = (home.adapters / "tower" / "adapter_model.safetensors").read_bytes()
    assert hub.files["adapter_model.safetensors"] == weights and hub.files["README.md"].startswith(b"# tower")
    assert json.loads(hub.files["adapter_config.json"])["base_model_name_or_path"] == "embedded"
    push(home, "tower", "me/tower", public=True)
    assert hub.made[-1].get("visibility") == "public"


@pytest.mark.parametrize("status", [401, 403, 500])
def test_a_hub_that_refuses_is_one_line(status: int, home: Home, hub: Hub) -> None:
    hub.refuses = status
    with pytest.raises(UnavailableError, match="cannot push 'tower' to 'me/tower'") as caught:
        push(home, "tower", "me/tower")
    assert "hf auth login" in caught.value.hint and "\n" not in caught.value.message and not hub.files


def test_what_was_another_model_after_reload_stays_here(home: Home, hub: Hub) -> None:
    path = home.adapters / "tower" / "manifest.json"
    manifest = json.loads(path.read_text("utf-8"))
    bad = {"agreement": 0.5, "logit_difference": 1.0, "tokens": 9, "passes": False}
    path.write_text(json.dumps(manifest | {"parity": {"reload": bad}}), "utf-8")
    with pytest.raises(RefusedError):
        push(home, "tower", "me/tower")
    assert not hub.made
