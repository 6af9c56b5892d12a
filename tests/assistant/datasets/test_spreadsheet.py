"""Workbooks: what a cell holds that only looks empty."""

import openpyxl


def test_a_cell_that_only_looks_empty_is_a_problem_and_not_an_empty_answer(files, tmp_path):
    book = openpyxl.Workbook()
    sheet = book.active
    for line in (["question", "answer"], ["q1", "a1"], ["q2", None], ["q3", '=A1&"x"'], ["q4", "#N/A"], ["q5", "a5"]):
        sheet.append(line)
    sheet.merge_cells("B2:B3")
    book.save(tmp_path / "made.xlsx")
    _, rows, problems = files.read("b.xlsx", (tmp_path / "made.xlsx").read_bytes())
    assert [row["question"] for row in rows] == ["q1", "q5"]
    assert [(each.line, each.key) for each in problems] == [(3, "answer"), (4, "answer"), (5, "answer")]
    told = [each.problem for each in problems]
    assert "merged" in told[0] and "never saved" in told[1] and "error value" in told[2]
