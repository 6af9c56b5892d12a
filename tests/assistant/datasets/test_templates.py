"""Templates turn columns into rows, the same ones every time, in the manner that the answer has."""

import json

import pytest

from assistant.datasets.problems import Place, Problems
from assistant.datasets.templates import STYLES, load_template, render, template_files
from assistant.errors import InputError, UsageError

SHIPPED = {"qa", "classification", "extraction", "summary", "tone", "translation", "dialogue"}
CELLS = {
    "question": "언제 열어요?",
    "answer": "아홉 시에 열어요.",
    "text": "직원분이 친절했어요.",
    "label": "칭찬",
    "labels": "칭찬, 불만",
    "summary": "친절했다는 글이에요.",
    "tone": "공손하게",
    "rewritten": "직원분께서 친절하셨습니다.",
    "source": "안녕하세요",
    "target": "Hello",
    "to": "영어",
    "user": "고마워",
    "assistant": "천만에요.",
    "name": "솔마루",
}


def make(name, raw, **more):
    problems = Problems("t.csv")
    return render(load_template(name), raw, Place(problems, 2), **more), problems.kept


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_every_shipped_template_fills_in_all_styles(name):
    template = load_template(name)
    assert set(template.paraphrases) == set(STYLES) and set(template.title) == {"ko", "en"}
    assert sum(map(len, template.paraphrases.values())) >= 5
    for style in STYLES:
        row, problems = make(name, CELLS, style=style)
        assert not problems and row["question"] and row["answer"] and "{" not in row["question"]
        assert row["language"] == style[:2] and row["template"].startswith(f"{name}@1/{style}/")


def test_the_set_is_whole():
    assert template_files().keys() == SHIPPED


def test_a_row_gets_the_same_wording_each_time_and_rows_differ():
    raws = [CELLS | {"question": f"{n}번 방은 언제 열어요?"} for n in range(60)]
    first = [make("qa", raw)[0] for raw in raws]
    assert first == [make("qa", raw)[0] for raw in raws]
    assert len({row["template"] for row in first}) >= 4
    english = [make("qa", {"question": f"When does room {n} open?", "answer": "At nine."})[0] for n in range(9)]
    assert {row["language"] for row in english} == {"en"}


def test_the_system_text_asks_for_the_manner_of_the_answer():
    for answer, said in (("아홉 시에 열어요.", "존댓말"), ("아홉 시에 열어.", "반말")):
        rows = [make("qa", {"question": f"{n}층은 언제 열어요?", "answer": answer})[0] for n in range(20)]
        assert all(said in row["history"][0]["content"] for row in rows)


def test_lines_of_empty_columns_are_left_out_and_json_stays_json():
    row, _ = make("qa", {"question": "언제?", "answer": "지금요."}, style="ko-polite")
    assert "참고할 글" not in row["question"]
    row, _ = make("extraction", {"text": "글", "name": 'He said "x"\n{date}', "date": ""}, style="en")
    assert json.loads(row["answer"]) == {"name": 'He said "x"\n{date}'}


def test_cells_are_not_templates():
    row, _ = make("qa", {"question": "{answer}?", "answer": "비밀이에요."}, style="ko-polite")
    assert "비밀" not in row["question"]


def test_a_missing_column_is_named_with_its_line():
    row, (problem,) = make("classification", {"text": "글"})
    assert row is None and str(problem) == "t.csv:2: label: missing or empty" and "--map label=" in problem.fix


def test_an_import_by_template_names_unused_columns(bring, datasets):
    table = "물음,응답,메모\n언제 열어요?,아홉 시요.,x\n"
    report = bring(
        "a.csv", table.encode("cp949"), encoding="cp949",
        template=load_template("qa"), mapping={"question": "물음", "answer": "응답"},
    )  # fmt: skip
    assert report["imported"] == 1 and report["left_out"][0]["key"] == "메모"
    assert datasets.get("set").manifest.operation["template"].startswith("qa@1:")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"colour": 1}, "unknown key"),
        ({"version": "1"}, "version: expected int"),
        ({"paraphrases": {"fr": ["x"]}}, "paraphrases.fr"),
        ({"answer": "{nothing}"}, "{nothing} is not among the columns"),
        ({"columns": {"question": "maybe"}}, "columns.question"),
        ({"title": "mine"}, "title: expected"),
        ({"system": "be nice"}, "system: expected"),
        ({"shots": [{"question": "a", "answer": "b"}]}, "shots: expected"),
        ({"shots": {"en": [{"question": 1, "answer": "b"}]}}, "shots.en"),
        ({"json": True}, "answer: filled in, it is no JSON object"),
        ({"json": True, "answer": '["{question}"]'}, "answer: filled in, it is no JSON object"),
    ],
)
def test_a_template_of_ones_own_is_read_strictly(tmp_path, change, said):
    import yaml

    good = {
        "template": "own",
        "version": 1,
        "columns": {"question": "required"},
        "paraphrases": {"en": ["{question}"]},
        "answer": "{question}",
    }
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(good), encoding="utf-8")
    assert load_template("own", tmp_path).ref.startswith("own@1:")
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(good | change), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_template("own", tmp_path)
    assert said in caught.value.message
    (tmp_path / "own.yaml").write_bytes("template: 한국어".encode("cp949"))
    with pytest.raises(InputError, match="not UTF-8"):
        load_template("own", tmp_path)
    (tmp_path / "own.yaml").write_text("a: [", encoding="utf-8")
    with pytest.raises(InputError, match=r"own.yaml:\d"):
        load_template("own", tmp_path)
    with pytest.raises(UsageError, match="no template"):
        load_template("nothing")
