"""Making rows from the page: how far it is, what came of it, and a failure in the page's own language."""

from assistant.collect import SYNTHETIC, read
from assistant.ui.context import Page
from assistant.ui.data_synthetic import SyntheticPage
from assistant.ui.review_view import Chosen, Desk, ReviewPage
from assistant.ui.words import Words


def test_nothing_usable_is_said_with_its_reasons(services):
    steps = list(SyntheticPage(Page(services, Words("ko"))).make("zero-shot"))
    assert steps[-1].done and not any(step.done for step in steps[:-1])
    assert "10곳에 물었지만" in steps[-1].html and "대답에 JSON이 없음 10" in steps[-1].html
    assert any("10곳 가운데" in step.html for step in steps[:-1]) and read(services.home, SYNTHETIC) == ""


def test_a_failure_is_shown_on_the_page(services):
    for document in services.library.documents():
        services.library.remove([document.id])
    (*_, last) = SyntheticPage(Page(services, Words("ko"))).make("zero-shot")
    assert last.done and "먼저 문서를 넣어 주세요" in last.html


def test_the_queue_shows_who_made_a_row_and_of_what(services):
    from assistant.collect import keep_rows

    page = Page(services, Words("ko"))
    marks = {"kind": "questions", "model": "toy@1234", "prompt": "questions@1:ab", "document": "시간.md"}
    passages = ["<b>아홉 시</b>에 열어요."]
    row = {"id": "synthetic-1", "question": "언제 열어요?", "answer": "아홉 시", "passages": passages}
    review = ReviewPage(page)
    assert "data-candidate" not in review.html(Desk(), Chosen())
    keep_rows(services.home, SYNTHETIC, [row | {"origin": "synthetic", "synthetic": marks}])
    shown = review.html(Desk(), Chosen())
    assert "모델이 만든 것" in shown and "toy@1234" in shown and "시간.md" in shown
    assert "&lt;b&gt;아홉 시&lt;/b&gt;에 열어요." in shown
