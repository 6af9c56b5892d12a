"""Every kind of version is made again from its parent and what was recorded, or its differences are named."""

import json

import pytest

from assistant.collect import keep_example
from assistant.datasets.cleaning import dedupe, filter_rows
from assistant.datasets.feedback import BuildOptions, build
from assistant.datasets.importing import ImportOptions, import_file
from assistant.datasets.options import ReadOptions
from assistant.datasets.rebuilding import Rebuilder
from assistant.datasets.review import build_reviewed, candidates
from assistant.datasets.splitting import SplitOptions, split
from assistant.datasets.templates import load_template
from assistant.errors import InputError
from assistant.store import Store


@pytest.fixture
def store(home):
    opened = Store(home.database)
    yield opened
    opened.close()


@pytest.fixture
def again(datasets, store, home):
    def call(ref, *files, mend=False):
        steps = Rebuilder(datasets, store, home, list, files).check(datasets.get(ref), mend)
        return [(step.operation, step.status) for step in steps], steps

    return call


@pytest.fixture
def faq(files, datasets):
    lines = [f"{n}층은 언제 열어요?,{n % 7 + 6}시에 열어요. 문의는 010-1234-{n:04}" for n in range(40)]
    lines += [lines[3], "3층은 언제 열어요??,9시에 열어요. 문의는 010-1234-0003", "이건 왜 그래요?,죄송하지만 몰라요."]
    file = files.write("문의.csv", "\n".join(["물음;응답".replace(";", ","), *lines]).encode("cp949"))
    options = ReadOptions(mapping={"question": "물음", "answer": "응답"})
    import_file(datasets, file, ImportOptions("faq", options, template=load_template("qa"), licence="CC0"))
    return file


def correct(store, question="언제 열어요?", text="아홉 시요."):
    chat = store.create_conversation("대화")
    ask = store.add_message(chat, "user", question)
    answer = store.add_message(chat, "assistant", "몰라요.", parent=ask)
    store.add_feedback(answer, "edit", text=text)
    return chat


def test_from_a_file_to_parts(datasets, again, faq):
    dedupe(datasets, datasets.get("faq"), 0.6)
    filter_rows(datasets, datasets.get("faq"), ["refusal"])
    leaked = next(datasets.get("faq").rows())["question"]
    options = SplitOptions({"train": 0.5, "test": 0.5}, threshold=1.0, leaking="drop")
    split(datasets, datasets.get("faq"), options, {"suite": [leaked]})
    names = ["import", "dedupe", "filter", "split"]
    assert again("faq", faq)[0] == [(name, "same") for name in names]
    without, steps = again("faq")
    assert without == [("import", "unchecked"), *((name, "same") for name in names[1:])]
    assert "문의.csv" in steps[0].why


def test_a_second_file_of_other_kind_and_one_that_was_skipped_through(datasets, again, faq, files):
    more = files.write("b.jsonl", '{"question": 5}\n{"question": "q", "answer": "mail me: a.b@c.de"}\n')
    import_file(datasets, more, ImportOptions("faq", skip_bad=True, personal="report"))
    assert again("faq", faq, more)[0] == [("import", "same"), ("import", "same")]
    more.write_text("changed", encoding="utf-8")
    assert again("faq", faq, more)[0][1] == ("import", "unchecked")


def test_damaged_rows_are_named_and_put_back(datasets, again, faq):
    filter_rows(datasets, datasets.get("faq"), ["refusal"])
    version = datasets.get("faq")
    whole = version.rows_file.read_bytes()
    version.rows_file.write_bytes(whole[:-30])
    assert again("faq", faq)[1][1].damaged
    assert again("faq", faq, mend=True)[0] == [("import", "same"), ("filter", "same")]
    assert version.rows_file.read_bytes() == whole
    parent = datasets.get(f"faq@{version.manifest.parent}")
    parent.rows_file.write_bytes(b"")
    assert again("faq", faq)[0][1] == ("filter", "unchecked")


def test_a_decision_that_was_changed_is_found(datasets, again, faq):
    filter_rows(datasets, datasets.get("faq"), ["refusal"])
    version = datasets.get("faq")
    decisions = version.folder / "decisions.jsonl"
    (left_out,) = [json.loads(line)["row"] for line in decisions.read_text("utf-8").splitlines()]
    decisions.write_text("", encoding="utf-8")
    found, steps = again("faq", faq)
    assert found[1] == ("filter", "different")
    assert list(steps[1].differences) == [{"row": left_out, "what": "added", "keys": ""}]


def test_feedback_as_it_was_then(datasets, again, store):
    first = correct(store)
    store.add_vote("물음", ["a", "b"], ["하나", "둘"], [{}, {}], "a", blind=True, language="ko", author="bob")
    build(datasets, store, store.votes(), BuildOptions("feedback"))
    correct(store, "어디예요?", "여기요.")
    store.set_consent("bob", False)
    assert again("feedback")[0] == [("build", "same")]
    store.delete_conversation(first)
    found, steps = again("feedback")
    assert found == [("build", "different")] and {each["what"] for each in steps[0].differences} == {"missing"}


def test_reviews_as_they_were_then(datasets, again, store, home):
    correct(store)
    keep_example(home, "책은 몇 권?", "다섯 권이에요.", "ko")
    for each in candidates(store, [], home):
        store.add_decision(each.id, "accept")
    build_reviewed(datasets, candidates(store, [], home))
    correct(store, "어디예요?", "010-1234-5678로 물어보세요.")
    for each in candidates(store, [], home)[:2]:
        store.add_decision(each.id, "fix", text="다시 고친 답", reviewer="ann")
    build_reviewed(datasets, candidates(store, [], home))
    for each in candidates(store, [], home):
        store.add_decision(each.id, "reject", reviewer="ann")
    assert again("reviewed")[0] == [("review", "same"), ("review", "same")]


def test_without_its_parent_nothing_can_be_said(datasets, again, faq, tmp_path):
    filter_rows(datasets, datasets.get("faq"), ["refusal"])
    version = datasets.get("faq")
    datasets.get(f"faq@{version.manifest.parent}").folder.rename(tmp_path / "gone")
    with pytest.raises(InputError, match="no version"):
        again("faq")
