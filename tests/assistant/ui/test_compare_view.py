"""Compare: together, blind until the vote, stored, counted with an interval."""

import random
import re

import pytest

from assistant.collect import EXAMPLES, ITEMS, SUITE, read
from assistant.errors import InputError
from assistant.ui.compare_view import ComparePage, Round
from assistant.ui.context import Page
from eval.suite import load_suite

QUESTION = "How much is parking?"


@pytest.fixture
def compare(page: Page) -> ComparePage:
    return ComparePage(page, random.Random(7))


def _round(compare: ComparePage, names: tuple[str, ...] = ("rag", "zero-shot"), blind: bool = True) -> Round:
    return list(compare.start(QUESTION, names, blind))[-1]


def test_all_columns_end_with_an_answer(compare: ComparePage) -> None:
    done = _round(compare)
    assert done.done and sorted(done.names) == ["rag", "zero-shot"]
    assert all(update.generation.text and update.status == "done" for update in done.updates)


def test_blind_hides_everything_that_tells_who_is_who(compare: ComparePage) -> None:
    for current in compare.start(QUESTION, ["rag", "zero-shot"], True):
        shown = compare.html(current)
        for secret in (
            "zero-shot",
            "rag",
            'class="sources"',
            'data-act="source"',
            "scripted@",
            'class="mark"',
            "tokens",
        ):
            assert secret not in shown, secret
        assert not re.search(r"\d s ·", shown)
    assert shown.count('data-act="vote"') == 4


def test_the_vote_is_stored_and_reveals(compare: ComparePage) -> None:
    done = _round(compare)
    voted = compare.vote(done, "B")
    (vote,) = compare.page.services.store.votes()
    assert vote.choice == done.names[1] == voted.vote and vote.blind and vote.variants == list(done.names)
    assert vote.answers == [u.generation.text for u in done.updates] and vote.receipts[0]["base"].startswith(
        "scripted@"
    )
    shown = compare.html(voted)
    for part in ("v-rag", "zero-shot", 'class="sources"', "scripted@", "not settled yet", "95 % interval"):
        assert part in shown
    with pytest.raises(InputError):
        compare.vote(voted, "A")


@pytest.mark.parametrize(("choice", "kept"), [("tie", "tie"), ("both_bad", "both_bad")])
def test_ties_and_bad_pairs_are_votes_too(compare: ComparePage, choice: str, kept: str) -> None:
    compare.vote(_round(compare), choice)
    assert compare.page.services.store.votes()[0].choice == kept


def test_a_person_who_said_no_sees_who_was_who_and_nothing_is_kept(compare: ComparePage) -> None:
    store = compare.page.services.store
    store.set_consent("local", False)
    voted = compare.vote(_round(compare), "A")
    assert voted.vote and store.votes() == [] and "Collecting is switched off" in compare.html(voted)
    with pytest.raises(InputError, match="Collecting is switched off"):
        compare.keep(voted, "example", "So it is.")


def test_three_columns_ask_for_the_best(compare: ComparePage, korean: Page) -> None:
    done = _round(compare, ("rag", "zero-shot", "few-shot"))
    shown = compare.html(done)
    if done.answered:
        assert shown.count('data-act="vote"') == 5 and "All bad" in shown
        assert "모두 별로예요" in ComparePage(korean).html(done)


def test_order_is_drawn_anew(page: Page) -> None:
    compare = ComparePage(page, random.Random(1))
    orders = {next(iter(compare.start(QUESTION, ["rag", "zero-shot"], True))).names for _ in range(20)}
    assert len(orders) == 2


def test_an_empty_page_offers_questions_and_a_column_names_its_variant_once(compare: ComparePage) -> None:
    assert compare.html(Round()).count('data-act="ask"') == 3
    shown = compare.html(_round(compare, blind=False))
    assert shown.count(">zero-shot</span>") == 1 and "tokens</span>" in shown


def test_open_comparison_shows_names_at_once(compare: ComparePage) -> None:
    assert "zero-shot" in compare.html(_round(compare, blind=False))


def test_a_failed_column_is_no_vote(compare: ComparePage) -> None:
    home = compare.page.services.home.root
    (home / "variants.yaml").write_text("variants:\n  broken: {recipe: zero_shot, adapter: gone}\n", encoding="utf-8")
    done = _round(compare, ("rag", "broken"))
    assert not done.answered and "gone" in compare.html(done) and 'data-act="vote"' not in compare.html(done)
    with pytest.raises(InputError):
        compare.vote(done, "A")


@pytest.mark.parametrize(
    "names", [("rag",), ("rag", "rag"), ("rag", "zero-shot", "few-shot", "tuned", "rag-tuned"), ()]
)
def test_two_to_four_different_variants(compare: ComparePage, names: tuple[str, ...]) -> None:
    with pytest.raises(InputError):
        list(compare.start(QUESTION, names, True))


def test_nothing_to_vote_on_before_a_question(compare: ComparePage) -> None:
    with pytest.raises(InputError):
        compare.vote(Round(), "A")
    with pytest.raises(InputError):
        compare.vote(_round(compare), "C")
    with pytest.raises(InputError):
        list(compare.start(" ", ["rag", "zero-shot"], True))


def test_stopping_ends_all_columns(compare: ComparePage) -> None:
    stream = compare.start(QUESTION, ["rag", "zero-shot"], True)
    first = next(stream)
    compare.stop(first)
    last = list(stream)[-1]
    assert last.done and compare.page.rounds.live(first.key) is None


def test_a_closed_tab_ends_its_round(compare: ComparePage) -> None:
    stream = compare.start(QUESTION, ["rag", "zero-shot"], True)
    live = compare.page.rounds.live(next(stream).key)
    stream.close()
    assert live is not None and live.over.wait(10)


def test_a_voted_question_becomes_an_item_and_an_example_and_can_be_taken_back(compare: ComparePage) -> None:
    home = compare.page.services.home
    done = _round(compare)
    with pytest.raises(InputError):
        compare.keep(done, "item", "too early")
    voted = compare.vote(done, "A")
    assert "collect.jsonl" not in compare.html(voted) and 'data-form="item"' in compare.html(voted)
    kept = compare.keep(compare.keep(voted, "item", "1,000 won\n1000 won"), "example", "It is 1,000 won.")
    suite = load_suite(home.root / SUITE)
    assert suite.items[0].question == QUESTION and suite.items[0].reference == ("1,000 won", "1000 won")
    assert '"answer": "It is 1,000 won."' in read(home, EXAMPLES)
    assert ITEMS in compare.html(kept) and compare.html(kept).count('data-act="undo"') == 2
    left = compare.undo(kept, kept.kept[0].id)
    assert read(home, ITEMS) == "" and len(left.kept) == 1 and read(home, EXAMPLES)
    with pytest.raises(InputError):
        compare.keep(voted, "example", "  ")
