"""The review queue: candidates, decisions, the version that follows, agreement, and people who said no."""

import pytest

from assistant.collect import keep_example
from assistant.datasets.agreement import agreement
from assistant.datasets.cleaning import filter_rows
from assistant.datasets.review import build_reviewed, candidates, pending, queue, reviewed_rows
from assistant.errors import InputError
from assistant.store import Store


@pytest.fixture
def store(home):
    opened = Store(home.database)
    yield opened
    opened.close()


@pytest.fixture
def judged(store):
    """Return the ids of two answers: one corrected, one rated down; and two votes, one of them a tie."""
    chat = store.create_conversation("대화")
    ask = store.add_message(chat, "user", "언제 열어요?")
    first = store.add_message(chat, "assistant", "몰라요.", parent=ask)
    again = store.add_message(chat, "user", "제 번호는 010-1234-5678이에요. 주차는요?", parent=first)
    second = store.add_message(chat, "assistant", "안 돼요.", parent=again)
    store.add_feedback(first, "edit", text="아홉 시에 열어요.")
    store.add_feedback(second, "down")
    for choice in ("a", "tie"):
        store.add_vote(f"물음 {choice}", ["a", "b"], [f"{choice} 하나", f"{choice} 둘"], [{}, {}], choice,
                       blind=True, language="ko", author="bob")  # fmt: skip
    return chat


@pytest.fixture
def look(store, home):
    def now(**options):
        return candidates(store, store.votes(), home, **options)

    return now


def by_origin(found):
    return {f"{each.origin}{'-tie' if each.rows[0].get('tie') else ''}": each for each in found}


def decide(store, candidate, action, **more):
    store.add_decision(candidate.id, action, **more)


def test_a_judgement_is_one_candidate_with_all_its_rows(look, judged, home):
    keep_example(home, "책은 몇 권?", "다섯 권이에요.", "ko")
    found = by_origin(look())
    assert list(found) == ["edit", "thumb", "vote", "vote-tie", "kept"]
    assert len(found["edit"].rows) == 2 and found["edit"].answer == "아홉 시에 열어요."
    assert found["thumb"].rows[0]["label"] is False and found["vote"].author == "bob"
    assert all(each.state == "open" for each in found.values())


def test_a_correction_that_is_kept_as_an_example_is_asked_about_once(store, home, judged, look):
    keep_example(home, "언제 열어요?", "아홉 시에 열어요.", "ko")
    keep_example(home, "언제 열어요?", "열 시에 열어요.", "ko")
    kept = [each for each in look() if each.origin == "kept"]
    assert [each.answer for each in kept] == ["열 시에 열어요."]


def test_accepted_rows_become_the_next_version_and_rejected_ones_do_not(look, store, judged, datasets):
    found = by_origin(look())
    decide(store, found["edit"], "accept", reviewer="ann")
    decide(store, found["vote"], "reject")
    decide(store, found["edit"], "tag", tags=["시간"])
    assert pending(datasets, look()) == {"reviewed": 1}
    report = build_reviewed(datasets, look())
    first = datasets.get("reviewed")
    assert (report["added"], first.manifest.parent, first.manifest.rows) == (2, None, 2)
    target, pair = first.rows()
    assert target["answer"] == pair["chosen"] == "아홉 시에 열어요." and target["tags"] == ["시간"]
    (said, *_) = [each for each in first.decisions() if each["reason"] == "review"]
    assert (said["action"], said["by"]) == ("accept", "ann") and said["when"].endswith("Z")
    with pytest.raises(InputError, match="no decision is waiting"):
        build_reviewed(datasets, look())
    decide(store, by_origin(look())["vote-tie"], "accept")
    build_reviewed(datasets, look())
    second = datasets.get("reviewed")
    assert second.manifest.parent == first.manifest.version and [row.get("tie") for row in second.rows()][-1] is True


def test_a_fix_is_a_target_and_a_pair_over_what_it_replaces(look, store, judged, datasets):
    decide(store, by_origin(look())["thumb"], "fix", text="두 시간까지 돼요.", dataset="own")
    build_reviewed(datasets, look(), "own")
    target, pair = datasets.get("own").rows()
    assert (target["answer"], pair["chosen"], pair["rejected"]) == (
        "두 시간까지 돼요.",
        "두 시간까지 돼요.",
        "안 돼요.",
    )
    assert "[PHONE]" in target["question"] and "label" not in target and datasets.names() == ["own"]
    tie = by_origin(look())["vote-tie"]
    decide(store, tie, "fix", text="셋")
    assert [row.get("rejected") for row in reviewed_rows(by_origin(look())["vote-tie"])] == [None, "tie 둘", "tie 하나"]


def test_a_changed_mind_takes_rows_out_of_the_next_version_only(look, store, judged, datasets):
    for each in look():
        decide(store, each, "accept")
    build_reviewed(datasets, look())
    before = datasets.get("reviewed")
    decide(store, by_origin(look())["vote"], "reject")
    assert pending(datasets, look()) == {"reviewed": 1}
    report = build_reviewed(datasets, look())
    assert (report["removed"], report["rows"]) == (1, before.manifest.rows - 1)
    assert len(list(before.rows())) == before.manifest.rows


def test_what_another_operation_left_out_does_not_come_back(look, store, judged, datasets):
    keep = by_origin(look())
    decide(store, keep["edit"], "fix", text="죄송하지만 몰라요.")
    decide(store, keep["vote"], "accept")
    build_reviewed(datasets, look())
    filter_rows(datasets, datasets.get("reviewed"), ["refusal"])
    left = datasets.get("reviewed").manifest.rows
    decide(store, by_origin(look())["vote-tie"], "accept")
    assert build_reviewed(datasets, look())["rows"] == left + 1


def test_where_reviewers_disagree_nothing_is_taken(look, store, judged, datasets):
    edit = by_origin(look())["edit"]
    decide(store, edit, "accept", reviewer="ann")
    decide(store, edit, "reject", reviewer="bob")
    assert by_origin(look())["edit"].state == "disputed"
    with pytest.raises(InputError):
        build_reviewed(datasets, look())
    decide(store, edit, "accept", reviewer="bob")
    assert by_origin(look())["edit"].state == "taken"


def test_the_queue_is_each_reviewers_own(look, store, judged):
    first, *rest = queue(look(), "ann")
    decide(store, first, "accept", reviewer="ann")
    decide(store, rest[0], "tag", reviewer="ann", tags=["later"])
    assert [each.id for each in queue(look(), "ann")] == [each.id for each in rest]
    assert queue(look(), "bob")[-1].id == first.id
    assert [each.origin for each in queue(look(), "bob", ["thumb"])] == ["thumb"]


def test_kappa_is_cohens(look, store, judged):
    found = look()
    for place, each in enumerate(found):
        decide(store, each, "accept" if place < 3 else "reject", reviewer="ann")
        decide(store, each, "accept" if place < 2 else "reject", reviewer="bob")
    (both,) = agreement(look())
    # 3 of 4 alike; by chance 3/4 * 2/4 + 1/4 * 2/4 = 1/2, so kappa = (0.75 - 0.5) / 0.5.
    assert (both.first, both.second, both.n, both.agreed) == ("ann", "bob", 4, 3) and both.kappa == pytest.approx(0.5)
    assert both.low == pytest.approx(0.5 - 1.959964 * (0.75 * 0.25 / 4) ** 0.5 / 0.5) and both.high == 1.0
    for each in found:
        decide(store, each, "accept", reviewer="ann")
        decide(store, each, "accept", reviewer="bob")
    assert agreement(look())[0].kappa is None


def test_nothing_of_a_person_who_said_no(look, store, judged, datasets, home):
    keep_example(home, "q", "a", "en")
    for each in look():
        decide(store, each, "accept")
    build_reviewed(datasets, look())
    store.set_consent("local", False)
    assert {each.author for each in look()} == {"bob"}
    report = build_reviewed(datasets, look(), refusing=store.refusing())
    assert report["removed"] == 4 and {row["user"] for row in datasets.get("reviewed").rows()} == {"bob"}
    store.set_consent("local", True)
    assert len(look()) == 5


@pytest.mark.parametrize(("action", "more"), [("fix", {"text": " "}), ("tag", {}), ("maybe", {})])
def test_a_decision_that_says_nothing_is_refused(store, action, more):
    with pytest.raises(InputError, match="cannot be kept"):
        store.add_decision("edit-1", action, **more)
    assert store.decisions() == []
