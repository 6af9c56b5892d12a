"""Votes become pairs, pairs become strengths with intervals, and what cannot be ranked is not ranked."""

from collections.abc import Sequence
from itertools import count

import numpy as np
import pytest
from scipy.optimize import minimize

from assistant.records import Vote
from eval.arena import counted, first_votes, human_pairs, rank, slices, verdicts
from eval.arena.stopping import settled_leader
from eval.arena.strength import duels, finite, fit

_ids = count(1)


def vote(choice: str, variants: Sequence[str] = ("a", "b"), question: str = "", **more: object) -> Vote:
    """Return a vote on a question of its own; ``more`` sets further fields."""
    number = next(_ids)
    answers = [f"{name} says so" for name in variants]
    receipts = [{"fingerprint": f"f-{name}"} for name in variants]
    fields = {"language": "en", "blind": True, "author": "local", "created": float(number), "task": "", **more}
    seen = {"variants": list(variants), "answers": answers, "receipts": receipts}
    return Vote(id=f"{number:016x}", question=question or f"q{number}", choice=choice, **seen | fields)  # type: ignore[arg-type]


def votes(first: str, second: str, wins: int, losses: int, ties: int = 0, **more: object) -> list[Vote]:
    """Return votes on two variants."""
    choices = [first] * wins + [second] * losses + ["tie"] * ties
    return [vote(choice, (first, second), **more) for choice in choices]


def told(found: Sequence[object]) -> list[tuple[str, str, str]]:
    """Return pairs in short."""
    return [(pair.first, pair.second, pair.outcome) for pair in found]  # type: ignore[attr-defined]


def test_a_winner_of_three_beats_each_other_and_says_nothing_about_the_rest() -> None:
    assert told(human_pairs([vote("b", ("c", "b", "a"))])) == [("a", "b", "second"), ("b", "c", "first")]


def test_a_tie_is_a_tie_among_all_and_all_bad_is_no_tie() -> None:
    names = ("d", "c", "b", "a")
    assert {pair.outcome for pair in human_pairs([vote("tie", names)])} == {"tie"}
    bad = human_pairs([vote("both_bad", names)])
    assert len(bad) == 6 and {pair.outcome for pair in bad} == {"bad"}
    ranking = rank([vote("both_bad", names) for _ in range(30)])
    assert ranking.standings == [] and ranking.bad == 30 and set(ranking.unranked.values()) == {"no_votes"}


def test_pairs_keep_the_answers_and_fingerprints_of_their_side() -> None:
    (pair,) = human_pairs([vote("b", ("b", "a"))])
    assert (pair.first_answer, pair.second_answer) == ("a says so", "b says so")
    assert (pair.first_fingerprint, pair.second_fingerprint) == ("f-a", "f-b")


def test_the_later_vote_of_a_person_on_an_item_counts_and_the_first_one_stops() -> None:
    history = [
        vote("a", question="한글 질문"),
        vote("b", ("b", "a"), question="한글  질문 "),
        vote("a", question="한글 질문", author="jimin"),
        vote("a", ("a", "c"), question="한글 질문"),
    ]
    assert [v.choice for v in counted(history[::-1])] == ["b", "a", "a"]
    assert [v.choice for v in first_votes(history[::-1])] == ["a", "a", "a"]


def test_open_votes_are_counted_apart() -> None:
    history = [*votes("a", "b", 3, 1), *votes("a", "b", 0, 9, blind=False)]
    assert (rank(history).tallies["a"].wins, rank(history, blind=False).tallies["a"].wins) == (3, 0)


def test_two_variants_have_the_textbook_strength() -> None:
    ranking = rank(votes("a", "b", 30, 10))
    best, other = ranking.standings
    assert best.name == "a" and best.strength.value - other.strength.value == pytest.approx(np.log(3), abs=1e-6)
    assert best.beats.value == pytest.approx(0.75, abs=1e-6) and best.rank == 1 and other.rank == 2
    assert best.beats.low < 0.75 < best.beats.high


def test_strengths_are_davidsons_maximum() -> None:
    """Against a likelihood written out anew from the paper: pi_i / (pi_i + pi_j + nu sqrt(pi_i pi_j))."""
    history = [
        *votes("a", "b", 9, 4, 3),
        *votes("b", "c", 8, 5, 2),
        *votes("a", "c", 7, 6, 6),
    ]
    pairs = human_pairs(history)

    def minus_log_likelihood(x: np.ndarray) -> float:
        worth, nu = dict(zip("abc", np.exp(np.append(x[:2], -x[:2].sum())), strict=True)), np.exp(x[2])
        total = 0.0
        for pair in pairs:
            one, other = worth[pair.first], worth[pair.second]
            even = nu * np.sqrt(one * other)
            total -= np.log({"first": one, "second": other, "tie": even}[pair.outcome] / (one + other + even))
        return total

    expected = minimize(minus_log_likelihood, np.zeros(3), options={"gtol": 1e-9}).x
    found = fit(duels(pairs, "abc"), np.ones((2, len(pairs)))).strengths
    assert found[0] == pytest.approx([*expected[:2], -expected[:2].sum()], abs=1e-5)
    assert found[1] == pytest.approx(found[0], abs=1e-8)


@pytest.mark.parametrize(
    ("history", "ranked", "reasons"),
    [
        (votes("a", "b", 12, 0), [], {"a": "never_lost", "b": "never_won"}),
        (votes("a", "b", 12, 0, 4), [], {"a": "too_few", "b": "too_few"}),
        (votes("a", "b", 0, 0, 12), [], {"a": "too_few", "b": "too_few"}),
        ([*votes("a", "b", 9, 4), *votes("c", "a", 9, 0)], ["a", "b"], {"c": "never_lost"}),
        ([*votes("a", "b", 9, 4), *votes("a", "c", 9, 0)], ["a", "b"], {"c": "never_won"}),
        ([*votes("a", "b", 9, 4), *votes("c", "d", 2, 2)], ["a", "b"], {"c": "never_met", "d": "never_met"}),
        ([*votes("a", "b", 9, 4), *votes("b", "c", 0, 0, 3)], ["a", "b", "c"], {}),
        ([], [], {}),
    ],
    ids=["all wins", "wins and ties", "only ties", "unbeaten", "beaten", "apart", "linked by ties", "nothing"],
)
def test_what_cannot_be_ranked_says_why(history: list[Vote], ranked: list[str], reasons: dict[str, str]) -> None:
    ranking = rank(history)
    assert sorted(row.name for row in ranking.standings) == ranked
    assert ranking.unranked == reasons
    assert all(np.isfinite([row.beats.low, row.beats.high, row.strength.high]).all() for row in ranking.standings)


def test_a_separation_that_the_graph_does_not_show_is_found() -> None:
    assert not finite(duels(human_pairs(votes("a", "b", 3, 0, 2)), ["a", "b"]))
    assert finite(duels(human_pairs(votes("a", "b", 3, 1, 2)), ["a", "b"]))
    circle = [*votes("a", "b", 3, 0), *votes("b", "c", 3, 0), *votes("c", "a", 3, 0)]
    assert finite(duels(human_pairs(circle), ["a", "b", "c"]))


def test_overlapping_intervals_share_a_rank() -> None:
    history = [*votes("a", "b", 33, 27), *votes("a", "c", 54, 6), *votes("b", "c", 55, 5)]
    assert [(row.name, row.rank) for row in rank(history).standings] == [("a", 1), ("b", 1), ("c", 3)]


def test_few_items_rank_nobody_above_another() -> None:
    assert {row.rank for row in rank(votes("a", "b", 18, 1)).standings} == {1}
    assert {row.rank for row in rank(votes("a", "b", 19, 1)).standings} == {1, 2}


def test_votes_on_the_same_item_are_no_new_items() -> None:
    apart = rank(votes("a", "b", 30, 10)).standings[0].beats
    crowd = [
        vote("a" if item < 6 else "b", question=f"item {item}", author=f"p{person}")
        for item in range(8)
        for person in range(5)
    ]
    together = rank(crowd).standings[0].beats
    assert together.high - together.low > 1.5 * (apart.high - apart.low)


def _long_and_short(wins_of_longer: float) -> list[Vote]:
    """Return votes that go to the longer answer; ``a`` is the longer one three times of four."""
    draw, found = np.random.default_rng(3), []
    for _ in range(400):
        longer = "a" if draw.random() < 0.75 else "b"
        choice = longer if draw.random() < wins_of_longer else ("b" if longer == "a" else "a")
        sizes = {"a": 60, "b": 60} | {longer: 180}
        found.append(vote(choice, answers=["x" * sizes["a"], "x" * sizes["b"]]))
    return found


def test_length_control_takes_away_what_length_alone_wins() -> None:
    ranking = rank(_long_and_short(0.8))
    best = next(row for row in ranking.standings if row.name == "a")
    assert best.rank == 1 and best.beats.low > 0.5
    assert best.even_length is not None and best.even_length.low < 0.5 < best.even_length.high
    assert {row.even_length_rank for row in ranking.standings} == {1}
    assert ranking.longer is not None and ranking.longer.low > 1.5


@pytest.mark.parametrize(("sizes", "why"), [((9, 9), "same_length"), ((90, 30), "length_is_variant")])
def test_no_length_control_where_length_and_variant_cannot_be_told_apart(sizes: tuple[int, int], why: str) -> None:
    history = [vote(choice, answers=["x" * size for size in sizes]) for choice in "aab" * 10]
    ranking = rank(history)
    assert ranking.no_length_control == why and ranking.longer is None
    assert all(row.even_length is None for row in ranking.standings)


def test_slices_are_languages_and_tasks() -> None:
    history = [
        *votes("a", "b", 9, 4, language="ko", task="qa"),
        *votes("a", "b", 4, 9, language="en", task="qa"),
        *votes("a", "b", 5, 5, language="en", task="triage"),
    ]
    found = [(s.task, s.language, s.votes) for s in slices(history)]
    assert found == [
        (None, None, 36),
        (None, "en", 23),
        (None, "ko", 13),
        ("qa", None, 26),
        ("qa", "en", 13),
        ("triage", None, 10),
    ]


def test_the_same_votes_give_the_same_figures() -> None:
    history = [*votes("a", "b", 9, 4, 2), *votes("b", "c", 5, 4)]
    assert rank(history) == rank(history[::-1])


def test_stopping_is_asked_for_every_two_and_shares_the_error() -> None:
    history = [vote(choice, ("a", "b", "c")) for choice in ["a"] * 40 + ["b"] * 9 + ["tie"] * 3]
    found = {(v.first, v.second): v for v in verdicts(history)}
    assert set(found) == {("a", "b"), ("a", "c"), ("b", "c")}
    assert found["a", "b"].ahead == "a" and found["a", "b"].stop.bar == pytest.approx(60) and found["a", "b"].ties == 3
    assert (found["b", "c"].stop.wins, found["b", "c"].stop.decisive, found["b", "c"].ahead) == (9, 9, "")
    assert settled_leader(list(found.values()), ["a", "b", "c"]) == "a"
    assert settled_leader(list(found.values()), ["a", "b", "c", "d"]) == ""


def test_voting_again_until_it_lands_right_settles_nothing() -> None:
    once = votes("a", "b", 15, 15)
    again = [vote("a", question=v.question, created=v.created + 1000) for v in once]
    assert rank(once + again).tallies["a"].wins == 30
    assert verdicts(once + again)[0].ahead == ""


def test_intervals_hold_the_true_chance() -> None:
    draw, held, studies = np.random.default_rng(8), 0, 60
    for _ in range(studies):
        choices = draw.choice(["a", "b", "tie"], size=60, p=[0.48, 0.32, 0.2])
        row = next(r for r in rank([vote(str(c)) for c in choices], resamples=299).standings if r.name == "a")
        held += row.beats.low <= 0.6 <= row.beats.high
    assert held >= 0.85 * studies
