"""Versions are immutable, complete or invisible, and say where they come from."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from assistant.dataset import read_examples
from assistant.datasets.describing import diff, stats
from assistant.datasets.exporting import export
from assistant.errors import CancelledError, DamagedError, InputError, InUseError, UsageError

ROOT = Path(__file__).resolve().parents[3]
ROWS = "".join(json.dumps({"question": f"질문 {n}", "answer": f"답 {n}"}, ensure_ascii=False) + "\n" for n in range(10))


def test_an_import_makes_a_version_that_training_can_read(bring, datasets):
    report = bring("a.jsonl", ROWS + ROWS, licence="CC0-1.0")
    assert (report["rows"], report["imported"], report["duplicates"]) == (20, 10, 10)
    version = datasets.get("set")
    version.verify()
    assert version.manifest.ref == report["version"] and version.manifest.rows == 10
    assert version.manifest.sha256.startswith(version.manifest.version)
    assert [each.question for each in read_examples(version.rows_file)] == [f"질문 {n}" for n in range(10)]
    left_out = [each for each in version.decisions() if each["reason"] == "duplicate"]
    assert len(left_out) == 10 and left_out[0]["line"] == 11
    for language, said in (("ko", "라이선스"), ("en", "licences")):
        card = version.card(language)
        assert "CC0-1.0" in card and said in card and "a.jsonl" in card


def test_the_same_file_again_changes_nothing_and_more_rows_make_a_child(bring, datasets):
    first = bring("a.jsonl", ROWS)["version"]
    again = bring("a.jsonl", ROWS)
    assert (again["version"], again["imported"], again["duplicates"]) == (first, 0, 10)
    bring("b.jsonl", '{"question": "neu", "answer": "ja"}\n')
    old, new = datasets.versions("set")
    assert new.manifest.parent == old.manifest.version and new.manifest.rows == 11
    assert [source["file"] for source in new.manifest.sources] == ["a.jsonl", "b.jsonl"]
    found = diff(old, new)
    assert (found["added"], found["removed"], found["changed"], found["same"]) == (1, 0, 0, 10)
    assert found["rows"]["added"][0]["question"] == "neu"
    assert datasets.get(f"set@{old.manifest.version[:5]}").manifest.rows == 10
    bring("b.jsonl", '{"question": "neu", "answer": "ja"}\n', replace=True)
    assert datasets.get("set").manifest.rows == 1 and datasets.get("set").manifest.parent is None


def test_ids_are_kept_where_they_are_free(bring, datasets):
    bring("a.jsonl", '{"id": "one", "question": "a", "answer": "b"}\n{"id": "one", "question": "c", "answer": "d"}\n')
    first, second = datasets.get("set").rows()
    assert first["id"] == "one" and second["id"] != "one" and second["kept"] == {"id": "one"}


def test_changed_rows_are_noticed(bring, datasets, tmp_path):
    bring("a.jsonl", ROWS)
    version = datasets.get("set")
    version.rows_file.write_bytes(version.rows_file.read_bytes().replace("답 3".encode(), "답 4".encode()))
    with pytest.raises(DamagedError, match="not what was stored"):
        export(version, tmp_path / "out.jsonl", "joyul")


@pytest.mark.parametrize(
    "name", ["../x", "a/b", "", ".x", "-x", "a\nb", "a\0b", "x" * 65, "nul", "a\u202eb", "CON.txt", "가" * 64 + "나"]
)
def test_names_that_no_folder_should_have_are_refused(bring, name):
    with pytest.raises(InputError, match="dataset name"):
        bring("a.jsonl", ROWS, dataset=name)


def test_a_name_in_either_form_of_hangul_is_one(bring, datasets):
    bring("a.jsonl", ROWS, dataset="도서관")
    assert datasets.get("\u1103\u1169\u1109\u1165\u1100\u116a\u11ab").manifest.name == "도서관"
    with pytest.raises(InputError) as caught:
        datasets.get("도서곽")
    assert "did you mean '도서관'" in caught.value.hint


def test_stopping_leaves_nothing(bring, datasets, files):
    from assistant.datasets.importing import ImportOptions, import_file

    path = files.write("a.jsonl", "".join(f'{{"question": "{n}", "answer": "x"}}\n' for n in range(6000)))
    with pytest.raises(CancelledError):
        import_file(datasets, path, ImportOptions("set"), cancelled=lambda: True)
    assert datasets.names() == [] and not (datasets.folder / "set").exists()


def test_two_at_once_do_not_lose_each_others_rows(bring, datasets):
    with datasets.draft("set"), pytest.raises(InUseError, match="another process"):
        bring("a.jsonl", ROWS)
    assert bring("a.jsonl", ROWS)["imported"] == 10


KILLED = """
import sys
from pathlib import Path
from assistant.datasets.importing import ImportOptions, import_file
from assistant.datasets.store import DatasetStore
def tell(event):
    print("going", flush=True)
    if event["done"] > 5000: sys.stdin.read()
import_file(DatasetStore(Path(sys.argv[1])), Path(sys.argv[2]), ImportOptions("set"), tell)
"""


def test_a_killed_import_leaves_the_old_version_and_no_litter(bring, datasets, files):
    before = bring("a.jsonl", ROWS)["version"]
    path = files.write("big.jsonl", "".join(f'{{"question": "{n}", "answer": "x"}}\n' for n in range(20_000)))
    command = [sys.executable, "-c", KILLED, str(datasets.folder), str(path)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert process.stdout is not None and process.stdout.readline() == b"going\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert [each.manifest.ref for each in datasets.versions("set")] == [before]
    assert list((datasets.folder / "set").glob(".partial-*"))
    bring("b.jsonl", '{"question": "neu", "answer": "ja"}\n')
    assert not list((datasets.folder / "set").glob(".partial-*"))
    datasets.get("set").verify()


def test_a_version_goes_out_in_every_format_and_one_part_alone(bring, datasets, tmp_path):
    rows = [{"question": f"q{n}", "answer": f"=a{n}", "split": "train" if n else "test"} for n in range(4)]
    bring("a.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    version = datasets.get("set")
    for to in ("joyul", "alpaca", "sharegpt", "openai", "prompt-completion", "csv", "tsv", "xlsx", "parquet"):
        out = tmp_path / f"out.{to if to in ('csv', 'tsv', 'xlsx', 'parquet') else 'jsonl'}"
        assert export(version, out, to, "train")["written"] == 3 and out.stat().st_size
    with pytest.raises(InputError, match="no part 'dev'"):
        export(version, tmp_path / "out.jsonl", "joyul", "dev")


def test_a_folder_opens_with_the_datasets_library(bring, datasets, tmp_path):
    import datasets as hub

    rows = [{"question": f"q{n}", "answer": "a", "split": "train" if n else "test"} for n in range(4)]
    rows += [{"question": f"p{n}", "chosen": "a", "rejected": "b", "split": "train", "tie": n == 1} for n in range(2)]
    rows += [{"question": "u", "completion": "a", "label": True, "split": "train"}]
    bring("a.jsonl", "".join(json.dumps(row) + "\n" for row in rows), licence="mit")
    report = export(datasets.get("set"), tmp_path / "hub", "huggingface")
    assert report["configs"] == {
        "supervised": {"train": 3, "test": 1},
        "preference": {"train": 2},
        "unpaired": {"train": 1},
    }
    loaded = hub.load_dataset(str(tmp_path / "hub"), "supervised", cache_dir=str(tmp_path / "cache"))
    assert {name: part.num_rows for name, part in loaded.items()} == {"train": 3, "test": 1}
    assert loaded["test"][0]["messages"][1] == {"role": "assistant", "content": "a"}
    pairs = hub.load_dataset(str(tmp_path / "hub"), "preference", split="train", cache_dir=str(tmp_path / "cache"))
    assert pairs[0]["prompt"] == [{"role": "user", "content": "p0"}]
    assert pairs[0]["chosen"] == [{"role": "assistant", "content": "a"}]
    assert pairs[1]["rejected"] == [{"role": "assistant", "content": "b"}]
    assert pairs["tie"] == [False, True], "a tie is no preference"
    judged = hub.load_dataset(str(tmp_path / "hub"), "unpaired", split="train", cache_dir=str(tmp_path / "cache"))
    assert judged[0]["completion"] == [{"role": "assistant", "content": "a"}]
    with pytest.raises(UsageError, match="there already"):
        export(datasets.get("set"), tmp_path / "hub", "huggingface")


def test_statistics_count_what_was_planted(bring, datasets):
    rows = [{"question": f"몇 번 {n}?", "answer": f"{n}번이에요."} for n in range(30)]
    rows += [{"question": "같은 물음?", "answer": "하나"}, {"question": "같은  물음", "answer": "둘"}]
    rows += [
        {"question": "refuse", "answer": "I'm sorry, I cannot help with that."},
        {"question": "echo", "answer": "echo"},
    ]
    rows += [{"question": "JSON", "answer": '{"a": 1'}, {"question": "long", "answer": "word " * 500}]
    rows += [{"question": "Where is it?", "answer": "도서관은 역 바로 앞에 있는 큰 건물이에요 오세요"}]
    bring("a.jsonl", "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    found = stats(datasets.get("set"))
    assert found["rows"] == 37 and found["languages"] == {"ko": 32, "en": 5}
    assert found["conflicts_total"] == 1 and found["conflicts"][0]["answers"] == 2
    shown = {name: value["rows"] for name, value in found["signals"].items()}
    assert shown["refusal"] == shown["answer_equals_question"] == shown["broken_json"] == shown["wrong_language"] == 1
    assert shown["truncated"] == 1 and shown["length_outlier"] >= 1
