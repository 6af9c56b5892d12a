"""Every command in this process: documents as promised, exit codes, nothing but the document on stdout."""

import json
from pathlib import Path

import pytest

from assistant.cli.app import run
from assistant.cli.shared import Run
from assistant.paths import Home
from tests.assistant.cli.conftest import LIGHT

ASK_KEYS = {"answer", "passages", "receipt"}
RECEIPT_KEYS = {
    *("variant", "fingerprint", "base", "adapter", "query"),
    *("prompt_tokens", "completion_tokens", "first_token_seconds", "seconds"),
}


def test_ask_prints_the_promised_document(joyul) -> None:
    done = joyul("ask", "Where is the car park?", "--variant", "rag", "--json")
    assert done.code == 0
    assert set(done.document) == ASK_KEYS
    assert set(done.document["receipt"]) == RECEIPT_KEYS
    assert done.document["receipt"]["variant"] == "rag"
    assert done.document["receipt"]["base"].startswith("scripted@")
    assert all(set(passage) == {"document", "text", "score"} for passage in done.document["passages"])
    assert any("parking" in passage["document"] for passage in done.document["passages"])


def test_ask_for_a_person_streams_the_answer_and_its_sources(joyul) -> None:
    done = joyul("ask", "Where is the car park?")
    assert done.code == 0
    assert "[1] " in done.out and "rag · scripted@" in done.out


def test_a_kept_conversation_goes_on_and_can_be_replayed(joyul) -> None:
    first = joyul("ask", "Where is the car park?", "--conversation", "new", "--json").document
    second = joyul("ask", "And at night?", "--conversation", first["conversation"], "--json").document
    assert second["conversation"] == first["conversation"]
    assert "car park" in second["receipt"]["query"], "a follow-up is searched with its conversation"
    again = joyul("replay", second["message"], "--json")
    assert again.code == 0
    assert again.document["same"] is True
    assert again.document["fingerprint"]["then"] == again.document["fingerprint"]["now"]


def test_an_unknown_variant_suggests_the_nearest(joyul) -> None:
    done = joyul("ask", "hi", "--variant", "rga", "--json")
    assert (done.code, done.document["error"]["kind"]) == (2, "usage")
    assert "'rag'" in done.document["error"]["hint"]


def test_a_misspelt_variant_leaves_no_conversation_behind(joyul, demo_home) -> None:
    from assistant.store import Store

    assert joyul("ask", "hi", "--variant", "rga", "--conversation", "new").code == 2
    store = Store(demo_home.database)
    assert store.conversations() == []
    store.close()


@pytest.mark.parametrize(
    ("arguments", "code", "kind"),
    [
        (("ask", ""), 3, "input"),
        (("ask", "hi", "--conversation", "nowhere"), 3, "input"),
        (("ask", "hi", "--home", "/dev/null/home"), 5, "resource"),
        (("serve", "--home", "/dev/null/home"), 5, "resource"),
        (("ask", "hi", "-k", "0"), 2, "usage"),
        (("ask", "hi", "--set", "nonsense"), 2, "usage"),
        (("ask", "hi", "--set", "retrieval.floot=1"), 2, "usage"),
        (("ask", "hi", "--config", "/nowhere.yaml"), 2, "usage"),
        (("docs", "search", " "), 3, "input"),
        (("docs", "remove", "no-such-document"), 3, "input"),
        (("eval", "run", "no-such-suite"), 3, "input"),
        (("tune", "run", "/nowhere.yaml"), 3, "input"),
        (("data", "validate", "/nowhere.jsonl"), 3, "input"),
        (("replay", "nothing"), 3, "input"),
        (("bench", "nonsense"), 2, "usage"),
        (("serve", "--host", "0.0.0.0"), 8, "refused"),
        (("serve", "--host", "0.0.0.0", "--set", "serve.login=joyul:short"), 8, "refused"),
        (("serve", "--port", "99999"), 2, "usage"),
        (("frobnicate",), 2, "usage"),
    ],
)
def test_failures_have_one_document_and_their_code(joyul, arguments, code, kind) -> None:
    done = joyul(*arguments, "--json")
    assert done.code == code
    assert done.document["error"]["kind"] == kind
    assert done.document["error"]["message"] and done.document["error"]["hint"]
    shown = joyul(*arguments)
    assert shown.out == "" and shown.err.startswith("error: ") and "\nnext: " in shown.err


def test_a_missing_model_is_unavailable(joyul, tmp_path) -> None:
    done = joyul("--model", str(tmp_path / "no-model"), "ask", "hi", "--json", light=False)
    assert (done.code, done.document["error"]["kind"]) == (4, "unavailable")


def test_documents_go_in_and_out(joyul, tmp_path: Path) -> None:
    note = tmp_path / "notes" / "kiln.md"
    note.parent.mkdir()
    note.write_text("# Kiln\n\nThe kiln is fired every second Thursday at 1180 degrees.\n", encoding="utf-8")
    added = joyul("docs", "add", str(note.parent), "--json")
    assert added.code == 0
    assert added.document == {"added": 1, "unchanged": 0, "updated": 0, "removed": 0, "failed": []}
    assert joyul("docs", "add", str(note.parent), "--json").document["unchanged"] == 1
    hits = joyul("docs", "search", "when is the kiln fired", "-k", "3", "--json").document
    assert set(hits) == {"hits", "seconds"}
    assert set(hits["hits"][0]) == {"document", "chunk", "text", "score"}
    assert "kiln" in hits["hits"][0]["document"]
    listed = joyul("docs", "list", "--json").document["documents"]
    name = next(each["name"] for each in listed if "kiln" in each["name"])
    assert joyul("docs", "remove", name, "--json").document == {"removed": 1}
    left = joyul("docs", "search", "when is the kiln fired", "-k", "3", "--json").document["hits"]
    assert not any("kiln" in hit["document"] for hit in left)


def test_a_bad_file_is_named_and_the_good_ones_stay(joyul, tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    folder.mkdir()
    (folder / "good.md").write_text("The pottery opens at noon.\n", encoding="utf-8")
    (folder / "bad.pdf").write_bytes(b"%PDF-1.7 broken")
    done = joyul("docs", "add", str(folder), "--json")
    assert done.code == 3
    assert done.document["added"] == 1
    assert [Path(each["path"]).name for each in done.document["failed"]] == ["bad.pdf"]
    assert "bad.pdf" in done.document["error"]["message"]


def test_adding_what_is_not_there_changes_nothing(joyul) -> None:
    done = joyul("docs", "add", "/nowhere/at-all.md", "--json")
    assert done.code == 3
    assert (done.document["added"], len(done.document["failed"])) == (0, 1)


def test_lists(joyul) -> None:
    names = {each["name"] for each in joyul("variants", "list", "--json").document["variants"]}
    assert {"zero-shot", "few-shot", "rag", "tuned", "rag-tuned"} <= names
    assert isinstance(joyul("adapters", "list", "--json").document["adapters"], list)


def test_a_command_about_an_adapter_finds_the_demo_in_an_empty_folder(home: Home, capsys, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code = run(["--home", str(home.root), *LIGHT, "adapters", "export", "triage-tuned", "--out", str(out), "--json"])
    assert (code, json.loads(capsys.readouterr().out)["folder"]) == (0, str(out))
    assert (out / "adapter_model.safetensors").is_file()


def test_data_validate_counts_rows_and_names_problems(joyul, tmp_path: Path) -> None:
    good = tmp_path / "good.jsonl"
    good.write_text('{"question": "a?", "reference": ["b"], "group": "g", "language": "en"}\n', encoding="utf-8")
    assert joyul("data", "validate", str(good), "--json").document["rows"] == 1
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"question": "a?"\n', encoding="utf-8")
    done = joyul("data", "validate", str(bad), "--json")
    assert done.code == 3
    assert "bad.jsonl" in done.document["error"]["message"]


def test_an_option_that_is_not_given_leaves_what_set_says(tmp_path: Path) -> None:
    run = Run("serve", home=tmp_path, assignments=["serve.port=7911"])
    assert run.settings(serve__host=None, serve__port=None).serve.port == 7911
    assert run.settings(serve__port=0).serve.port == 0


def test_settings_say_who_set_them_and_mask_secrets(joyul, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JOYUL_MODEL__API_KEY", "canary-1234567890")
    monkeypatch.setenv("JOYUL_SERVE__LOGIN", "joyul:canary-abcdefgh")
    file = tmp_path / "own.yaml"
    file.write_text("retrieval: {chunk_overlap: 30}\n", encoding="utf-8")
    done = joyul("settings", "--origins", "--config", str(file), "--json")
    assert "canary" not in done.out + done.err
    rows = {row["setting"]: row for row in done.document["settings"]}
    assert rows["model.name"]["origin"] == "flag"
    assert rows["model.api_key"]["origin"] == "JOYUL_MODEL__API_KEY"
    assert rows["retrieval.chunk_overlap"]["origin"] == str(file)
    assert rows["engine.max_rows"]["origin"] == "default"


def test_doctor_reports_every_part(joyul) -> None:
    done = joyul("doctor", "--json")
    assert done.code == 0
    assert {"versions", "device", "memory", "model", "retrieval", "hub", "home", "browser", "problems"} <= set(
        done.document
    )
    assert done.document["model"]["base"].startswith("scripted@")


def test_doctor_says_what_is_missing_and_how_to_get_it(joyul, tmp_path: Path) -> None:
    done = joyul("doctor", "--model", str(tmp_path / "gone"), "--json")
    assert done.code == 0
    assert any("gone" in problem["what"] and problem["next"] for problem in done.document["problems"])


def test_a_bug_shows_an_error_id_and_is_logged_in_full(joyul, demo_home, monkeypatch) -> None:
    import assistant.operations.answers as answers

    def broken(*_: object) -> None:
        raise ZeroDivisionError("secret sk-abcdefgh12345678 inside")

    monkeypatch.setattr(answers, "ask", broken)
    done = joyul("ask", "hi", "--json")
    assert (done.code, done.document["error"]["kind"]) == (1, "internal")
    mark = done.document["error"]["message"].split("error ")[1].rstrip(")")
    log = demo_home.log.read_text(encoding="utf-8")
    assert mark in log and "ZeroDivisionError" in log and "Traceback" in log
    assert "sk-abcdefgh12345678" not in log
    assert demo_home.log.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(("raised", "code"), [(KeyboardInterrupt(), 130), (SystemExit(143), 143), (MemoryError(), 5)])
def test_interruptions_and_memory(joyul, monkeypatch, raised, code) -> None:
    import assistant.operations.answers as answers

    def stopped(*_: object) -> None:
        raise raised

    monkeypatch.setattr(answers, "ask", stopped)
    done = joyul("ask", "hi", "--json")
    assert done.code == code
    assert "error" in done.document


def test_what_a_library_prints_stays_out_of_the_document(joyul, monkeypatch) -> None:
    import assistant.operations.state as state

    def chatty(*_: object) -> dict[str, object]:
        print("a banner")
        return {"adapters": []}

    monkeypatch.setattr(state, "list_installed", chatty)
    done = joyul("adapters", "list", "--json")
    assert done.document == {"adapters": []}
    assert "a banner" in done.err
