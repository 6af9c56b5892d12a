"""Duplicates, conflicts, leaks and splits: the report equals what was planted."""

import json
from collections import defaultdict

import pytest

from assistant.datasets.cleaning import conflicts, dedupe, duplicates, filter_rows, leaks
from assistant.datasets.splitting import SHARES, SplitOptions, parse_shares, split
from assistant.errors import InputError, UsageError

TOPICS = ["수영장", "주차장", "열람실", "카페", "전시실", "강당", "어린이실", "보존서고", "안내 데스크", "휴게실"]
VERBS = ["언제 문을 열고 닫는지", "어디에 있는지", "누가 쓸 수 있는지", "요금이 얼마인지", "어떻게 예약하는지"]


def rows_of(count=50, **more):
    pairs = [(topic, verb) for topic in TOPICS for verb in VERBS][:count]
    return [
        {
            "id": f"r{n}",
            "question": f"{topic}에 대해 {verb} 알려 주세요.",
            "answer": f"{topic} {n}",
            "group": topic,
            **more,
        }
        for n, (topic, verb) in enumerate(pairs)
    ]


def store_rows(bring, rows, name="set"):
    bring(f"{name}.jsonl", "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), dataset=name)


def test_exact_and_near_duplicates_are_those_that_were_planted():
    rows = rows_of(20)
    near = rows[3] | {"id": "near", "question": rows[3]["question"].replace("알려 주세요.", "알려주세요!")}
    exact = rows[5] | {"id": "exact", "group": "other"}
    other_answer = rows[7] | {"id": "other", "answer": "전혀 다른 긴 대답이에요, 정말로요."}
    found = duplicates([*rows, near, exact, other_answer], 0.9)
    assert {row: of for row, (of, _) in found.repeats.items()} == {"near": "r3", "exact": "r5"}
    assert (found.count(True), found.count(False)) == (1, 1)
    assert duplicates([*rows, near, exact], None).repeats.keys() == {"exact"}


LONG = "우리 도서관 이 층 어린이 자료실에서 주말 오후에 그림책을 다섯 권까지 한꺼번에 빌릴 수 있나요?"
SAID = "네, 주말 오후에도 그림책을 다섯 권까지 한꺼번에 빌리실 수 있어요."


def test_a_contradiction_and_rows_of_another_kind_are_no_repeats():
    rows = [
        {"id": "yes", "question": LONG, "answer": "네"},
        {"id": "no", "question": LONG, "answer": "아니요"},
        {"id": "edit", "question": LONG, "answer": SAID},
        {"id": "edit-pair", "question": LONG, "chosen": SAID, "rejected": SAID.replace("다섯", "세")},
        {"id": "up", "question": LONG, "completion": SAID, "label": True},
        {"id": "down", "question": LONG, "completion": SAID, "label": False},
        {"id": "again", "question": LONG, "answer": SAID + "!"},
    ]
    assert {row: of for row, (of, _) in duplicates(rows).repeats.items()} == {"again": "edit"}


def test_a_question_asked_earlier_in_a_conversation_leaks_too():
    turns = [("user", LONG), ("assistant", SAID), ("user", "고마워요")]
    said = [{"role": role, "content": content} for role, content in turns]
    rows = [
        {"id": "own", "history": said[:2], "question": "고마워요", "answer": "별말씀을요."},
        {"id": "chat", "messages": [*said, {"role": "assistant", "content": "별말씀을요.", "weight": 1}]},
    ]
    assert [each["row"] for each in leaks(rows, {"ev": [LONG]})] == ["own", "chat"]


def test_dedupe_makes_a_child_and_writes_down_what_went(bring, datasets):
    rows = rows_of(10)
    near = rows[3] | {"id": "near", "question": rows[3]["question"] + "!"}
    differing = rows[4] | {"id": "differs", "answer": "아주 다른 답이라서 겹치지 않는 글이에요"}
    store_rows(bring, [*rows, near, differing])
    report = dedupe(datasets, datasets.get("set"), 0.9, {"eval.jsonl": [rows[8]["question"]]})
    assert [(each["row"], each["set"]) for each in report["leaks"]] == [("r8", "eval.jsonl")]
    assert (report["near"], report["left"], report["conflicts_total"]) == (1, 11, 1)
    assert report["conflicts"][0]["rows"] == ["r4", "differs"]
    child = datasets.get("set")
    assert child.manifest.parent and child.manifest.operation["name"] == "dedupe"
    (decision,) = [each for each in child.decisions() if each["action"] == "left out"]
    assert (decision["row"], decision["of"], decision["reason"]) == ("near", "r3", "near duplicate")
    assert dedupe(datasets, child, 0.9)["version"] == child.manifest.ref


def test_conflicts_ignore_case_spaces_and_marks():
    rows = [{"id": "a", "question": "Open?", "answer": "9"}, {"id": "b", "question": " open ", "answer": "9!"}]
    assert conflicts(rows) == []
    assert conflicts([*rows, {"id": "c", "question": "OPEN", "answer": "ten"}])[0]["rows"] == ["a", "c"]


def test_leaks_are_found_exactly_and_nearly():
    rows = rows_of(10)
    questions = [
        rows[2]["question"].replace(" ", ""),
        rows[5]["question"].replace("주세요.", "주셔요."),
        "다른 물음이에요",
    ]
    found = {each["row"]: each["similarity"] for each in leaks(rows, {"eval.jsonl": questions}, 0.8)}
    assert found.keys() == {"r2", "r5"} and found["r2"] == 1.0 > found["r5"]


def test_a_filter_names_each_row_it_leaves_out(bring, datasets):
    store_rows(bring, [*rows_of(5), {"id": "no", "question": "도와줘", "answer": "죄송하지만 도와드릴 수 없어요."}])
    report = filter_rows(datasets, datasets.get("set"), ["refusal"])
    assert report["left_out"] == 1
    assert [(each["row"], each["reason"]) for each in datasets.get("set").decisions()] == [("no", "refusal")]
    with pytest.raises(UsageError, match="unknown signal"):
        filter_rows(datasets, datasets.get("set"), ["boring"])


def parts_of(version):
    parts = defaultdict(set)
    for row in version.rows():
        parts[row["split"]].add(row["id"])
    return parts


def test_a_split_tears_no_group_no_question_and_no_cluster(bring, datasets):
    rows = rows_of(50)
    rows += [
        row | {"id": f"x{row['id']}", "group": "", "answer": "또 다른 답"} for row in rows[:5]
    ]  # the same questions
    store_rows(bring, rows)
    report = split(datasets, datasets.get("set"), SplitOptions(SHARES), {})
    version = datasets.get("set")
    place = {row["id"]: row["split"] for row in version.rows()}
    groups = defaultdict(set)
    for row in version.rows():
        groups[row["group"] or row["question"]].add(row["split"])
    assert all(len(parts) == 1 for parts in groups.values())
    assert all(place[f"x{key}"] == place[key] for key in list(place) if f"x{key}" in place)
    assert set(report["splits"]) == {"train", "validation", "test"} and report["splits"]["train"] > 30
    assert "split into training" not in version.card("en")


def test_labels_and_languages_are_spread_over_the_parts(bring, datasets):
    rows = [
        {"id": f"{label}{n}", "question": f"{label} {n} " + chr(0xAC00 + 97 * n) * 9, "answer": label}
        for label in ("칭찬", "불만")
        for n in range(50)
    ]
    store_rows(bring, rows)
    split(datasets, datasets.get("set"), SplitOptions({"train": 0.8, "test": 0.2}), {})
    counts = defaultdict(int)
    for row in datasets.get("set").rows():
        counts[row["split"], row["answer"]] += 1
    assert {counts["test", label] for label in ("칭찬", "불만")} == {10}


def test_a_split_is_frozen_and_new_rows_follow_their_group(bring, datasets):
    store_rows(bring, rows_of(50))
    split(datasets, datasets.get("set"), SplitOptions(SHARES), {})
    before = {row["id"]: row["split"] for row in datasets.get("set").rows()}
    groups = {row["group"]: row["split"] for row in datasets.get("set").rows()}
    store_rows(
        bring,
        [
            {"id": f"n{n}", "question": f"새 물음 {topic}", "answer": "x", "group": topic}
            for n, topic in enumerate(TOPICS)
        ],
    )
    split(datasets, datasets.get("set"), SplitOptions({"train": 0.5, "test": 0.5}, seed=9), {})
    after = {row["id"]: row for row in datasets.get("set").rows()}
    assert all(after[key]["split"] == part for key, part in before.items())
    assert all(row["split"] == groups[row["group"]] for key, row in after.items() if key.startswith("n"))
    redone = split(datasets, datasets.get("set"), SplitOptions({"train": 0.5, "test": 0.5}, redo=True), {})
    assert set(redone["splits"]) == {"train", "test"}


def test_the_same_seed_gives_the_same_split_and_another_another(bring, datasets):
    store_rows(bring, [row | {"group": row["id"]} for row in rows_of(50)])
    whole = datasets.get("set")
    ref = whole.manifest.ref
    one = split(datasets, datasets.get(ref), SplitOptions(SHARES), {})["version"]
    assert split(datasets, datasets.get(ref), SplitOptions(SHARES), {})["version"] == one
    assert split(datasets, datasets.get(ref), SplitOptions(SHARES, seed=1), {})["version"] != one


def test_rows_of_an_evaluation_set_need_an_explicit_word(bring, datasets):
    rows = rows_of(20)
    store_rows(bring, rows)
    evaluation = {"eval.jsonl": [rows[4]["question"]]}
    with pytest.raises(InputError, match="1 rows are in an evaluation set") as caught:
        split(datasets, datasets.get("set"), SplitOptions(SHARES), evaluation)
    assert caught.value.details["leaks"][0]["row"] == "r4" and len(datasets.versions("set")) == 1
    kept = split(datasets, datasets.get("set"), SplitOptions(SHARES, leaking="keep"), evaluation)
    assert datasets.get(kept["version"]).manifest.notes == {"leaks_checked": ["eval.jsonl"], "leaked_rows": 1}
    dropped = split(datasets, datasets.versions("set")[0], SplitOptions(SHARES, leaking="drop"), evaluation)
    assert "r4" not in {row["id"] for row in datasets.get(dropped["version"]).rows()}


def test_shares_are_read_strictly():
    assert parse_shares("train=80,test=20") == {"train": 0.8, "test": 0.2}
    for text in ("train", "train=x", "train=0", "=3", "a b=1"):
        with pytest.raises(UsageError):
            parse_shares(text)


def test_a_key_that_no_row_has_does_not_replace_the_grouping(bring, datasets):
    store_rows(bring, rows_of(10))
    with pytest.raises(InputError, match="no row has the key 'grup'"):
        split(datasets, datasets.get("set"), SplitOptions(SHARES, by=("grup",)), {})
