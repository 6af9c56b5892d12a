"""``joyul data``: the documents that --json prints, exit codes, and the loop from a file to parts."""

import json
from pathlib import Path

import pytest

ROWS = [{"question": f"{n}번 물음이에요?", "answer": f"{n}번 답이에요."} for n in range(12)]


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS), encoding="utf-8")
    return path


def test_import_prints_what_the_readme_promises(joyul, rows, tmp_path):
    done = joyul("data", "import", str(rows), "--json")
    keys = {"format", "encoding", "rows", "imported", "duplicates", "problems"}
    assert done.code == 0 and keys <= done.document.keys()
    assert done.document["imported"] == done.document["rows"] == 12 and done.document["problems"] == []
    rows.write_text('{"question": 5}\n' + rows.read_text("utf-8"), encoding="utf-8")
    bad = joyul("data", "import", str(rows), "--name", "other", "--json")
    assert bad.code == 3 and bad.document["imported"] == 0 and bad.document["rows"] == 12
    assert set(bad.document["problems"][0]) == {"file", "line", "key", "problem", "fix"}
    assert joyul("data", "import", str(rows), "--name", "other", "--skip-bad", "--json").document["imported"] == 12
    shown = joyul("data", "import", str(rows), "--name", "third")
    assert shown.code == 3 and "rows.jsonl:1: question: expected text, found 5" in shown.err
    assert joyul("data", "import", str(tmp_path / "none.jsonl"), "--json").document["imported"] == 0


def test_a_korean_spreadsheet_by_template_until_its_parts(joyul, tmp_path):
    table = "물음,응답\n" + "".join(f"{n}층 열람실은 몇 시에 문을 여나요?,{n + 5}시에 열어요.\n" for n in range(10))
    (tmp_path / "faq.csv").write_bytes(table.encode("cp949"))
    arguments = ("data", "import", str(tmp_path / "faq.csv"), "--map", "question=물음", "--map", "answer=응답")
    seen = joyul(*arguments, "--preview", "--json").document
    assert (seen["encoding"], len(seen["rows"])) == ("cp949", 10)
    done = joyul(*arguments, "--template", "qa", "--json").document
    assert done["imported"] == 10 and done["version"].startswith("faq@")
    listed = joyul("data", "list", "--json").document["datasets"]
    assert [(row["dataset"], row["rows"]) for row in listed] == [("faq", 10)]
    assert joyul("data", "dedupe", "faq", "--exact", "--json").document["exact"] == 0
    parts = joyul("data", "split", "faq", "--shares", "train=50,test=50", "--near", "1", "--json").document
    assert parts["splits"].keys() == {"train", "test"} and parts["leaks_total"] == 0
    assert joyul("data", "diff", "faq", "--json").document["moved"] == 10
    assert joyul("data", "stats", "faq", "--json").document["splits"] == parts["splits"]
    assert joyul("data", "validate", "faq", "--answers", "--json").document["rows"] == 10
    card = joyul("data", "show", "faq", "--language", "ko")
    assert "데이터" in card.out or "출처와 라이선스" in card.out
    out = tmp_path / "out.csv"
    exported = joyul("data", "export", "faq", str(out), "--to", "csv", "--split", "train", "--json").document
    assert exported["written"] == parts["splits"]["train"] and out.is_file()


def test_questions_of_the_shipped_suites_are_refused_in_a_split(joyul, tmp_path):
    from assistant.paths import data_root

    first = (data_root() / "demo" / "handbook" / "test.jsonl").read_text("utf-8").splitlines()[0]
    question = json.loads(first)["question"]
    (tmp_path / "leak.jsonl").write_text(json.dumps({"question": question, "answer": "x"}) + "\n", encoding="utf-8")
    joyul("data", "import", str(tmp_path / "leak.jsonl"))
    refused = joyul("data", "split", "leak", "--json")
    assert refused.code == 3 and refused.document["leaks_total"] == 1
    assert joyul("data", "split", "leak", "--allow-leaks", "--json").document["leaks_total"] == 1


def test_convert_there_and_back(joyul, rows, tmp_path):
    there, back = tmp_path / "b.json", tmp_path / "c.jsonl"
    assert joyul("data", "convert", str(rows), str(there), "--to", "alpaca", "--json").document["written"] == 12
    assert joyul("data", "convert", str(there), str(back), "--to", "joyul").code == 0
    assert [json.loads(line) for line in back.read_text("utf-8").splitlines()] == ROWS


def test_feedback_becomes_a_dataset(joyul, demo_home):
    from assistant.store import Store

    assert joyul("data", "build", "--json").code == 3
    store = Store(demo_home.database)
    chat = store.create_conversation()
    ask = store.add_message(chat, "user", "언제 열어요?")
    store.add_feedback(store.add_message(chat, "assistant", "몰라요.", parent=ask), "edit", text="아홉 시요.")
    store.close()
    done = joyul("data", "build", "--json").document
    assert done["kinds"] == {"supervised": 1, "preference": 1} and done["origins"]["edit"] == 2


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("import", "{rows}", "--map", "question"), 2),
        (("import", "{rows}", "--format", "alpacca"), 2),
        (("import", "{rows}", "--delimiter", "ab"), 2),
        (("import", "{rows}", "--personal", "maybe"), 2),
        (("import", "{rows}", "--template", "none"), 2),
        (("import", "{rows}", "--name", "../x"), 3),
        (("convert", "{rows}", "{rows}", "--to", "alpaca"), 2),
        (("show", "nothing"), 3),
        (("diff", "nothing"), 3),
        (("dedupe", "nothing"), 3),
        (("filter", "nothing"), 2),
        (("split", "nothing", "--shares", "x"), 3),
        (("export", "nothing", "out"), 3),
    ],
)
def test_mistakes_end_in_one_line_and_their_code(joyul, rows, arguments, code):
    done = joyul("data", *(each.format(rows=rows) for each in arguments))
    assert done.code == code and done.err.startswith(("error:",)) and "next:" in done.err


def test_templates_are_listed(joyul):
    names = {each["name"] for each in joyul("data", "templates", "--json").document["templates"]}
    assert {"qa", "classification", "extraction", "summary", "tone", "translation", "dialogue"} <= names
