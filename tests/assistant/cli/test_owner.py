"""One owner per state folder: real processes, real kills."""

import json
import os
import signal
import stat

import pytest

from assistant.errors import InUseError, UnavailableError, UsageError
from assistant.owner import acquire, read_owner
from assistant.peers import RemotePeer, check_overrides, connect


def test_the_lock_is_exclusive_and_the_card_names_the_holder(home) -> None:
    held = acquire(home, "first")
    with pytest.raises(InUseError) as refused:
        acquire(home, "second", wait=0)
    assert str(os.getpid()) in refused.value.message and "first" in refused.value.message
    held.release()
    assert read_owner(home) is None
    acquire(home, "third", wait=0).release()


def test_the_card_is_private(home) -> None:
    held = acquire(home, "first")
    held.publish("http://127.0.0.1:1")
    assert stat.S_IMODE(home.owner.stat().st_mode) == 0o600
    assert len(held.owner.token) >= 32
    held.release()


def test_a_damaged_card_is_as_good_as_none(home) -> None:
    home.owner.write_text("{", encoding="utf-8")
    assert read_owner(home) is None
    acquire(home, "first").release()


def test_flags_that_the_app_does_not_have_are_refused(settings) -> None:
    check_overrides(settings, {"model.name": "scripted", "retrieval.chunk_overlap": "0"})
    with pytest.raises(UsageError, match=r"model\.name"):
        check_overrides(settings, {"model.name": "embedded"})
    with pytest.raises(UsageError) as hidden:
        check_overrides(settings, {"model.api_key": "canary-key"})
    assert "SecretStr" not in hidden.value.message


def test_commands_work_beside_the_app(processes, demo_home, tmp_path) -> None:
    app = processes.serve(demo_home)
    card = json.loads(demo_home.owner.read_text(encoding="utf-8"))
    assert (card["pid"], card["address"]) == (app.process.pid, app.url)

    asked = processes.run(demo_home, "ask", "Where is the car park?", "--variant", "rag", "--json")
    assert asked.code == 0 and asked.document["receipt"]["base"].startswith("scripted@")

    note = tmp_path / "kiln.md"
    note.write_text("# Kiln\n\nThe kiln is fired every second Thursday.\n", encoding="utf-8")
    added = processes.run(demo_home, "docs", "add", str(note), "--json")
    assert added.document["added"] == 1
    found = processes.run(demo_home, "docs", "search", "when is the kiln fired", "--json").document
    assert "kiln" in found["hits"][0]["document"]
    assert "adapters" in processes.run(demo_home, "adapters", "list", "--json").document

    wrong = processes.run(demo_home, "ask", "hi", "--variant", "nope", "--json")
    assert (wrong.code, wrong.document["error"]["kind"]) == (2, "usage")
    other = processes.run(demo_home, "ask", "hi", "--model", "embedded", "--json")
    assert (other.code, "model.name" in other.document["error"]["message"]) == (2, True)

    second = processes.run(demo_home, "serve", "--port", "0", "--no-page", "--json")
    assert second.code == 6
    assert str(app.process.pid) in second.document["error"]["message"]
    assert app.stop() == 143
    assert read_owner(demo_home) is None


def test_a_killed_app_is_taken_over_at_once(processes, demo_home) -> None:
    app = processes.serve(demo_home)
    assert app.stop(signal.SIGKILL) == -signal.SIGKILL
    stale = read_owner(demo_home)
    assert stale is not None and stale.pid == app.process.pid
    alone = processes.run(demo_home, "--model", "scripted", "adapters", "list", "--json")
    assert alone.code == 0
    again = processes.serve(demo_home)
    owner = read_owner(demo_home)
    assert owner is not None and owner.pid == again.process.pid
    assert again.stop() == 143


def test_a_port_in_use_names_its_holder(processes, demo_home, tmp_path) -> None:
    from assistant.paths import Home

    app = processes.serve(demo_home)
    port = app.url.rsplit(":", 1)[1]
    done = processes.run(Home(tmp_path / "other"), "serve", "--port", port, "--json")
    assert done.code == 2
    assert port in done.document["error"]["message"] and str(app.process.pid) in done.document["error"]["message"]
    assert "--port" in done.document["error"]["hint"]


def test_an_interrupted_app_ends_with_130(processes, demo_home) -> None:
    assert processes.serve(demo_home).stop(signal.SIGINT) == 130
    assert read_owner(demo_home) is None


def test_the_app_drains_within_its_time_and_the_command_beside_it_says_so(processes, demo_home, long_suite) -> None:
    app = processes.serve(demo_home)
    beside = processes.start(demo_home, "eval", "run", str(long_suite), "--json")
    assert beside.stderr is not None and "documents" in beside.stderr.readline()
    assert app.stop() == 143
    out, err = beside.communicate(timeout=30)
    assert "Traceback" not in out + err
    assert beside.returncode in (1, 4)
    assert json.loads(out)["error"]["message"]
    assert not list(demo_home.runs.glob("*/result.json"))


def test_a_command_waits_for_another_and_gives_up_in_the_end(settings, home) -> None:
    held = acquire(home, "joyul eval run")
    told: list[str] = []
    with pytest.raises(InUseError), connect(settings, "joyul ask", notify=told.append, wait=0.2):
        pass
    assert told == [f"waiting for joyul eval run (pid {os.getpid()})"]
    held.release()


def test_an_app_that_is_gone_is_said_so(home) -> None:
    held = acquire(home, "joyul serve")
    owner = held.publish("http://127.0.0.1:9")
    with pytest.raises(UnavailableError, match=str(os.getpid())):
        RemotePeer(owner).call("adapters.list")
    held.release()
