"""Every format and container is detected by its content and becomes rows of the own form."""

import gzip
import io
import json

import openpyxl
import pyarrow
import pyarrow.parquet
import pytest

from assistant.errors import InputError, RefusedError, UsageError

QA = {"question": "언제 열어요?", "answer": "아홉 시요."}


def lines(*rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def test_alpaca_in_lines_and_in_an_array(files):
    rows = [
        {"instruction": "Say hi", "input": "", "output": "hi"},
        {
            "instruction": "Translate",
            "input": "안녕",
            "output": "hello",
            "system": "Be brief.",
            "history": [["a", "b"]],
        },
    ]
    for name, content in (("a.jsonl", lines(*rows)), ("a.json", json.dumps(rows, indent=2))):
        found, read, problems = files.read(name, content)
        assert (found.format, problems) == ("alpaca", [])
        assert read[0] == {"question": "Say hi", "answer": "hi"}
        assert read[1]["question"] == "Translate\n\n안녕" and read[1]["answer"] == "hello"
        assert [turn["role"] for turn in read[1]["history"]] == ["system", "user", "assistant"]


def test_sharegpt_speakers_and_tools(files):
    turns = [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "hello"}]
    called = [*turns[:1], {"from": "function_call", "value": "{}"}, {"from": "observation", "value": "7"}, turns[1]]
    found, (plain, tooled), problems = files.read(
        "s.json", json.dumps([{"conversations": turns}, {"conversations": called, "tools": "[]"}])
    )
    assert (found.format, problems) == ("sharegpt", [])
    assert plain == {"question": "hi", "answer": "hello"}
    assert tooled["messages"][1]["from"] == "function_call" and tooled["tools"] == "[]"


def test_openai_chat_keeps_weights_and_tools(files):
    ask, say = {"role": "user", "content": "hi"}, {"role": "assistant", "content": "yo", "weight": 0}
    call = {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "type": "function"}]}
    rows = [
        {"messages": [ask, say, ask, {"role": "assistant", "content": "hello"}]},
        {"messages": [ask, call, {"role": "tool", "tool_call_id": "1", "content": "7"}, say], "tools": [{"type": "x"}]},
        {"messages": [{"role": "system", "content": "s"}, ask, {"role": "assistant", "content": "yo"}]},
    ]
    found, read, problems = files.read("o.jsonl", lines(*rows))
    assert (found.format, problems) == ("openai", [])
    assert read[0]["messages"] == rows[0]["messages"]
    assert read[1] == rows[1]
    assert read[2] == {"question": "hi", "history": rows[2]["messages"][:1], "answer": "yo"}


def test_trl_types_standard_and_conversational(files):
    user, good, bad = (
        {"role": r, "content": c} for r, c in (("user", "q"), ("assistant", "good"), ("assistant", "bad"))
    )
    rows = {
        "prompt-completion": [{"prompt": "q", "completion": "good"}, {"prompt": [user], "completion": [good]}],
        "preference": [
            {"prompt": "q", "chosen": "good", "rejected": "bad"},
            {"prompt": [user], "chosen": [good], "rejected": [bad]},
            {"chosen": [user, good], "rejected": [user, bad]},
        ],
        "unpaired": [
            {"prompt": "q", "completion": "good", "label": True},
            {"prompt": "q", "completion": "bad", "label": 0},
        ],
    }
    expected = {
        "prompt-completion": {"question": "q", "answer": "good"},
        "preference": {"question": "q", "chosen": "good", "rejected": "bad"},
        "unpaired": {"question": "q", "completion": "good", "label": True},
    }
    for name, given in rows.items():
        found, read, problems = files.read("t.jsonl", lines(*given))
        assert (found.format, problems) == (name, [])
        assert len(read) == len(given) and read[0] == expected[name]
        if name != "unpaired":
            assert all(row == read[0] for row in read)
    assert read[1] == {"question": "q", "completion": "bad", "label": False}


def test_tables_with_named_columns(files):
    table = '질문,답변,분류\n"언제,\n열어요?",아홉 시요.,이용\n'
    mapping = {"question": "질문", "answer": "답변"}
    wanted = {"question": "언제,\n열어요?", "answer": "아홉 시요.", "분류": "이용"}
    for name, text in (("a.csv", table), ("b.tsv", '질문\t답변\t분류\n"언제,\n열어요?"\t아홉 시요.\t이용\n')):
        found, rows, problems = files.read(name, text, mapping=mapping)
        assert (found.format, rows, problems) == ("joyul", [wanted], [])
    assert files.read("c.csv", table.replace(",", ";").replace("언제;", "언제,"), mapping=mapping)[1] == [wanted]
    with pytest.raises(InputError, match="no known format") as caught:
        files.read("a.csv", table)
    assert "--map question=질문 --map answer=답변" in caught.value.hint
    with pytest.raises(UsageError, match="no such column"):
        files.read("a.csv", table, mapping={"question": "물음"})


def test_a_table_with_two_possible_separators_is_asked_about(files):
    text = "question,x;answer,y\na,1;b,2\n"
    with pytest.raises(InputError, match="comma or semicolon"):
        files.read("a.csv", text)
    assert files.read("a.csv", "question,a;answer\nx,y;z\n", delimiter=";", mapping={"question": "question,a"})[1] == [
        {"question": "x,y", "answer": "z"}
    ]


def test_a_workbook_and_its_numbers_and_dates(files, tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["question", "answer", "n"])
    book.active.append(["몇 권?", 5.0, None])
    book.create_sheet("둘").append(["question", "answer"])
    book["둘"].append(["q", "a"])
    book.save(tmp_path / "made.xlsx")
    content = (tmp_path / "made.xlsx").read_bytes()
    assert files.read("b.xlsx", content)[1] == [{"question": "몇 권?", "answer": "5"}]
    assert files.read("b.xlsx", content, sheet="둘")[1] == [{"question": "q", "answer": "a"}]
    with pytest.raises(InputError, match="no sheet"):
        files.read("b.xlsx", content, sheet="셋")
    with pytest.raises(InputError, match="damaged"):
        files.read("b.xlsx", content[: len(content) // 2])


def test_a_bomb_in_a_workbook_is_refused(files):
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b" " * 20_000_000)
    with pytest.raises(RefusedError, match="zip bomb"):
        files.read("b.xlsx", buffer.getvalue())


def test_parquet_with_nested_messages(files, tmp_path):
    rows = [{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}], "n": 3}]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "made.parquet")
    content = (tmp_path / "made.parquet").read_bytes()
    found, read, problems = files.read("p.parquet", content)
    assert (found.format, read, problems) == ("openai", [{"question": "q", "answer": "a", "n": 3}], [])
    with pytest.raises(InputError, match="not a Parquet file"):
        files.read("p.parquet", content[:-20])


def test_questions_of_a_markdown_page(files):
    page = (
        "# FAQ\n\n인사말\n\n## Hours\n\n### When do you open?\n\nAt nine.\n\n- really\n\n**Q: 주차되나요?**\nA: 네.\n"
    )
    found, rows, problems = files.read("f.md", page)
    assert found.format == "faq" and not problems
    assert rows == [
        {"question": "When do you open?", "answer": "At nine.\n\n- really", "group": "Hours"},
        {"question": "주차되나요?", "answer": "네.", "group": "Hours"},
    ]
    assert "no answer follows" in str(files.read("f.md", "## 왜요?\n\n## 언제요?\n\n지금요.\n")[2][0])


def test_questions_of_an_html_page(files):
    page = """<html><body><script>x?</script><h2>이용</h2><details><summary>언제 열어요?</summary><p>아홉 시요.</p>
    </details><dl><dt>Where?</dt><dd>Here</dd></dl></body></html>"""
    assert files.read("f.html", page)[1] == [
        {"question": "언제 열어요?", "answer": "아홉 시요.", "group": "이용"},
        {"question": "Where?", "answer": "Here", "group": "이용"},
    ]


def chatgpt(branches=False):
    def node(key, parent, role, text, children=(), **more):
        message = {"author": {"role": role}, "content": {"content_type": "text", "parts": [text]}, **more}
        return {"id": key, "parent": parent, "children": list(children), "message": message if role else None}

    nodes = [node("r", None, "", "", ["a"]), node("a", "r", "user", "질문", ["b"]), node("b", "a", "assistant", "답")]
    if branches:
        nodes.append(node("c", "a", "assistant", "다른 답"))
    return {"title": "대화", "current_node": "b", "mapping": {each["id"]: each for each in nodes}}


def test_an_exported_conversation_follows_the_open_branch(files):
    found, rows, problems = files.read("conversations.json", json.dumps([chatgpt(), chatgpt(branches=True)]))
    assert (found.format, problems) == ("chatgpt", [])
    assert rows == [{"question": "질문", "answer": "답", "title": "대화"}] * 2


def test_what_an_export_cannot_keep_is_named(bring):
    report = bring("conversations.json", json.dumps([chatgpt(branches=True)]))
    assert report["imported"] == 1 and report["left_out"][0]["what"] == "1 messages of other branches"


def test_a_tree_that_bites_its_tail_is_a_problem(files):
    tree = chatgpt()
    tree["mapping"]["r"]["parent"] = "b"
    assert "its own ancestor" in str(files.read("c.json", json.dumps([tree]))[2][0])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp949", "euc-kr"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends_give_the_same_rows(files, encoding, end):
    rows = [{"question": f"도서관은 언제 문을 열어요? {n}", "answer": "아침 아홉 시에 열어요."} for n in range(3)]
    text = lines(*rows).replace("\n", end)
    _found, read, problems = files.read("e.jsonl", text.encode(encoding))
    assert (read, problems) == (rows, [])
    table = "question,answer\n" + "".join(f"{row['question']},{row['answer']}\n" for row in rows)
    assert files.read("e.csv", table.replace("\n", end).encode(encoding))[1] == rows


def test_little_korean_is_asked_about_with_a_preview(files):
    raw = lines({"question": "가나?", "answer": "네"}).encode("cp949")
    with pytest.raises(InputError) as caught:
        files.read("e.jsonl", raw)
    assert "--encoding" in caught.value.hint and caught.value.details == {}
    assert files.read("e.jsonl", raw, encoding="cp949")[1] == [{"question": "가나?", "answer": "네"}]


def test_a_wrong_declaration_is_refused_not_turned_into_mojibake(files):
    text = lines({"question": "도서관은 언제 문을 열어요?", "answer": "아침 아홉 시에 열어요."})
    for encoding in ("cp949", "cp1252", "latin-1", "utf-16"):
        with pytest.raises(InputError, match="utf-8"):
            files.read("e.jsonl", text.encode(), encoding=encoding)
    with pytest.raises(InputError, match="cp949"):
        files.read("e.jsonl", text.encode("cp949"), encoding="utf-8")
    with pytest.raises(InputError, match="cp949"):
        files.read("e.jsonl", text.encode("cp949"), encoding="latin-1")
    french = lines({"question": "Où est le café ? Ça va être très, très près d'ici", "answer": "là"})
    with pytest.raises(InputError, match="café"):
        files.read("e.jsonl", french.encode("cp1252"))
    assert files.read("e.jsonl", french.encode("cp1252"), encoding="cp1252")[1][0]["answer"] == "là"


def test_composed_and_decomposed_hangul_are_one(files):
    import unicodedata

    text = lines(QA)
    for raw in (unicodedata.normalize("NFD", text), json.dumps(json.loads(unicodedata.normalize("NFD", text)))):
        assert files.read("n.jsonl", raw)[1] == [QA]


def test_gzip_is_unpacked_and_its_end_is_watched(files):
    raw = gzip.compress(lines(*[QA | {"n": n} for n in range(5000)]).encode())
    assert len(files.read("g.jsonl.gz", raw)[1]) == 5000
    _found, rows, problems = files.read("g.jsonl.gz", raw[:-2000])
    assert rows and "cut off or damaged" in str(problems[-1])


def test_a_big_array_is_streamed(files):
    import tracemalloc

    content = json.dumps([QA | {"fill": "x" * 1000, "n": n} for n in range(20_000)])
    files.write("big.json", content)
    del content
    from assistant.datasets.options import ReadOptions
    from assistant.datasets.problems import Problems
    from assistant.datasets.reading import detect, read

    tracemalloc.start()
    found = detect(files.folder / "big.json", ReadOptions())
    count = sum(1 for _ in read(found, Problems(""), ReadOptions()))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 20_000 and peak < 8_000_000


def test_sharegpt_weights_are_checked_where_they_come_in(files):
    def chat(weight: object) -> str:
        turns = [{"from": "human", "value": "q", "weight": None}, {"from": "gpt", "value": "a", "weight": weight}]
        return json.dumps({"conversations": turns}) + "\n"

    assert files.read("a.jsonl", chat(None))[1] == [{"question": "q", "answer": "a"}]
    (problem,) = files.read("b.jsonl", chat(0) + chat(0.5))[2]
    assert (problem.line, problem.key) == (2, "conversations[1].weight")


def test_own_rows_among_which_are_conversations_are_read_back(files):
    own = [{"question": "q", "answer": "a"}]
    own += [{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "b", "weight": 0}]}] * 3
    found, rows, problems = files.read("mix.jsonl", "".join(json.dumps(row) + "\n" for row in own))
    assert (found.format, problems, len(rows)) == ("joyul", [], 4) and rows[1]["messages"][1]["weight"] == 0
