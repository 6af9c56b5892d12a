"""The running score and the votes panel: what they count, what they call settled, in both languages."""

import re

import pytest

from assistant.records import Vote
from assistant.ui.arena_view import ArenaView
from assistant.ui.context import Page
from assistant.ui.score import score_line, tally
from assistant.ui.words import Words


def _votes(wins: int, losses: int, ties: int = 0, **more: object) -> list[Vote]:
    choices = ["rag"] * wins + ["tuned"] * losses + ["tie"] * ties
    fields = {"blind": True, "author": "local", "language": "en", "task": "", **more}
    return [
        Vote(
            id=f"{choice}-{at}-{fields['author']}-{fields['blind']}-{fields['language']}",
            question=f"q{at}",
            variants=["rag", "tuned"],
            answers=["x" * (30 + at % 5), "x" * (33 - at % 4)],
            receipts=[{"fingerprint": "f"}, {"fingerprint": "g"}],
            choice=choice,
            created=float(at),
            **fields,  # type: ignore[arg-type]
        )
        for at, choice in enumerate(choices)
    ]


def test_the_line_reads_as_promised() -> None:
    found = tally(_votes(14, 9, 5), ["tuned", "rag"])
    assert found.leader is None and found.more is not None and found.more > 5
    shown = score_line(found, Words("en"))
    assert shown.startswith("rag 14 · tuned 9 · ties 5; not settled yet. About ")
    assert shown.endswith(f"About {found.more} more would settle it at this rate.")
    korean = score_line(found, Words("ko"))
    assert korean.startswith("rag 14 · tuned 9 · 비슷함 5. 아직 결론 나지 않았어요. 이대로라면 ")


def test_it_settles_only_with_evidence_that_bears_looking() -> None:
    assert tally(_votes(40, 10, 5), ["rag", "tuned"]).leader == "rag"
    assert "rag가 확실히 앞서요" in score_line(tally(_votes(40, 10), ["rag", "tuned"]), Words("ko"))
    once = tally(_votes(16, 5), ["rag", "tuned"])  # p = 0.027 for a single look
    assert once.leader is None
    low, high = once.interval("rag")
    assert low < 0.5 < high


def test_it_counts_only_blind_votes_on_the_same_variants_once_a_person() -> None:
    history = [*_votes(3, 1), *_votes(9, 0, blind=False)]
    assert tally(history, ["rag", "few-shot"]).decisive == 0
    found = tally([*history, *_votes(3, 1)], ["rag", "tuned"])
    assert (found.wins, found.shown) == ({"rag": 3, "tuned": 1}, 9)
    assert "shown: 9." in score_line(found, Words("en"))


def test_nothing_and_only_bad_answers_promise_nothing() -> None:
    assert score_line(tally([], ["a", "b"]), Words("en")) == "a 0 · b 0 · ties 0; not settled yet."
    bad = [Vote("1", "q", "en", ["a", "b"], ["", ""], [{}, {}], "both_bad", True, "local", 0.0)]
    assert "all bad 1; not settled yet." in score_line(tally(bad, ["a", "b"]), Words("en"))


@pytest.fixture
def filled(page: Page) -> Page:
    """Return the English page after some votes."""
    store = page.services.store
    store.add_votes([*_votes(21, 15, 6, language="ko", task="qa"), *_votes(5, 9, author="jimin")])
    store.add_votes(_votes(2, 0, blind=False))
    return page


def test_the_panel_shows_ranking_slices_and_stopping(filled: Page, korean: Page) -> None:
    shown = ArenaView(filled).html()
    assert shown.count("<svg") == 2 and 'class="arena-row v-rag"' in shown and "Rank 1" in shown
    assert "Votes 56 · people 2 · questions 42 ·" in shown and 'scope="row">Korean<' in shown
    assert re.search(r"rag \d+ · tuned \d+ · ties 6; not settled yet", shown)
    assert "Not counted, cast with names shown: 2." in shown and "twice as long" in shown
    told = ArenaView(korean).html()
    assert "1위" in told and "투표를 멈춰도 될까요?" in told and "언어와 작업별" in told


def test_the_panel_never_names_one_winner_of_a_tie(filled: Page) -> None:
    shown = ArenaView(filled).html()
    leaders = re.findall(r'<span class="leaders">(.*?)</span></td>', shown)
    assert leaders and all("v-rag" in each and "v-tuned" in each for each in leaders)


def test_the_panel_says_why_somebody_has_no_place(page: Page) -> None:
    view = ArenaView(page)
    assert "No blind votes yet" in view.html()
    page.services.store.add_votes(_votes(6, 0))
    shown = view.html()
    assert "Not ranked: rag. It has won every vote so far" in shown and "<svg" not in shown


def test_names_of_variants_are_text(page: Page) -> None:
    vote = Vote("1", "q", "en", ["<b>x</b>", "y"], ["", ""], [{}, {}], "y", True, "local", 0.0)
    page.services.store.add_votes([vote])
    assert "<b>x" not in ArenaView(page).html()


def test_big_evidence_is_written_out(page: Page, korean: Page) -> None:
    page.services.store.add_votes([*_votes(90, 5)])
    assert "e-value &gt; 1,000,000, needed 20; rag wins" in ArenaView(page).html()
    assert re.search(r"95% \[\d+, \d+\]", ArenaView(korean).html())
