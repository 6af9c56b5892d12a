"""``joyul votes``: documents as promised, a file there and back, and all of it while the app runs."""

import json
from pathlib import Path

from assistant.paths import Home
from assistant.store import Store


def _vote(home: Home, choice: str, number: int, *, names: tuple[str, ...] = ("rag", "tuned"), **more: object) -> None:
    store = Store(home.database)
    given = {"blind": True, "language": "en", **more}
    answers = ["x" * (10 + number % 7), "x" * (12 + number % 5)]
    receipts = [{"fingerprint": name} for name in names]
    store.add_vote(f"question {number}", names, answers, receipts, choice, **given)
    store.close()


def _fill(home: Home) -> None:
    for number in range(24):
        _vote(home, "tie" if number % 8 == 7 else "tuned" if number % 3 == 0 else "rag", number)
    _vote(home, "tuned", 1)  # replaces an earlier vote of the same person
    _vote(home, "tuned", 50, blind=False)


def test_votes_are_listed_with_what_counts(joyul, demo_home) -> None:
    assert joyul("votes", "list").out.startswith("no votes yet")
    _fill(demo_home)
    votes = joyul("votes", "list", "--json").document["votes"]
    assert len(votes) == 26 and sum(vote["counts"] for vote in votes) == 25
    assert "answers" not in votes[0] and votes[0]["variants"] == ["rag", "tuned"]
    assert "replaced" in joyul("votes", "list").out


def test_the_ranking_says_who_and_whether_it_is_settled(joyul, demo_home) -> None:
    _fill(demo_home)
    found = joyul("votes", "rank", "--json").document
    assert (found["blind"], found["votes"], found["left_out"]) == (True, 24, 1)
    (whole,) = found["slices"]
    assert [row["name"] for row in whole["standings"]] == ["rag", "tuned"]
    (verdict,) = whole["verdicts"]
    assert (verdict["settled"], verdict["ahead"]) == (False, None)
    assert verdict["stop"]["wins"] == 14 and verdict["stop"]["decisive"] == 21
    shown = joyul("votes", "rank").out
    assert "rag 14 · tuned 7 · ties 3; not settled yet" in shown
    assert "not counted here, cast with names shown; see them with --open: 1" in shown
    korean = joyul("votes", "rank", "--language", "ko", "--json").document["slices"]
    assert korean[0]["votes"] == 0 and korean[0]["standings"] == []
    assert joyul("votes", "rank", "--open", "--json").document["slices"][0]["unranked"] == {
        "rag": "never_won",
        "tuned": "never_lost",
    }
    assert "not ranked: rag: It has lost every vote" in joyul("votes", "rank", "--open").out


def test_a_file_goes_there_and_back_and_is_not_doubled(joyul, demo_home, tmp_path: Path) -> None:
    _fill(demo_home)
    other = str(tmp_path / "other")
    for name in ("votes.jsonl", "votes.csv"):
        file = str(tmp_path / name)
        assert joyul("votes", "export", file, "--json").document["votes"] == 26
        again = joyul("votes", "export", file, "--json")
        assert (again.code, again.document["error"]["kind"]) == (8, "refused")
        assert joyul("votes", "import", file, "--json").document == {"added": 0, "unchanged": 26}
        done = joyul("votes", "import", file, "--home", other, "--json").document
        assert done == ({"added": 26, "unchanged": 0} if name == "votes.jsonl" else {"added": 0, "unchanged": 26})


def test_bad_files_exit_with_three_and_every_problem(joyul, tmp_path: Path) -> None:
    file = tmp_path / "votes.jsonl"
    file.write_text('{"id": 1}\n{"id": 2}\n', encoding="utf-8")
    done = joyul("votes", "import", str(file), "--json")
    assert (done.code, done.document["error"]["kind"]) == (3, "input")
    assert any(problem.startswith("votes.jsonl:2: ") for problem in done.document["problems"])
    assert joyul("votes", "import", str(tmp_path / "votes.txt")).code == 2
    assert joyul("votes", "export", str(tmp_path / "no" / "folder.csv")).code == 5
    assert joyul("votes", "list", "--json").document["votes"] == []


def test_votes_work_beside_the_app(processes, demo_home, tmp_path: Path) -> None:
    _fill(demo_home)
    processes.serve(demo_home)
    file = tmp_path / "votes.jsonl"
    assert processes.run(demo_home, "votes", "export", str(file), "--json").document["votes"] == 26
    rows = file.read_text(encoding="utf-8").splitlines()
    file.write_text(rows[0].replace(json.loads(rows[0])["id"], "another") + "\n", encoding="utf-8")
    assert processes.run(demo_home, "votes", "import", str(file), "--json").document["added"] == 1
    assert processes.run(demo_home, "votes", "rank", "--json").document["votes"] == 24
    assert len(processes.run(demo_home, "votes", "list", "--json").document["votes"]) == 27
