"""Personal data: the checks by hand-worked numbers, the finder on planted sentences, the masking in rows."""

import datetime
import re
from typing import get_args

import pytest

from assistant.datasets import personal
from assistant.datasets import personal_checks as checks
from assistant.datasets.card import found_said
from assistant.datasets.personal import Action, find, masked, review, treat_row
from assistant.datasets.pii_benchmark import REVIEWED, measure, planted
from assistant.datasets.recognisers import RECOGNISERS
from assistant.schema import Language


def test_resident_numbers_by_date_and_century():
    today = datetime.date(2026, 11, 21)
    assert checks.resident_date("9002291234567", today) is None  # 1900s: 1990 had no 29 February
    assert checks.resident_date("0002293234567", today) == datetime.date(2000, 2, 29)
    assert checks.resident_date("8501015123456", today) == datetime.date(1985, 1, 1)
    assert checks.resident_date("9912313123456", today) is None  # 2099 is not yet
    assert checks.resident_date("9513011234567", today) is None


def test_check_digits():
    # 9*2+0*3+0*4+1*5+0*6+1*7+1*8+2*9+3*2+4*3+5*4+6*5 = 124; 124 mod 11 = 3; 11-3 = 8
    assert checks.resident_checksum("9001011234568") and not checks.resident_checksum("9001011234567")
    assert checks.luhn("4111111111111111") and not checks.luhn("4111111111111112")
    assert checks.is_card("378282246310005") and not checks.is_card("0000000000000000")
    # 1*1+2*3+3*7+4*1+5*3+6*7+7*1+8*3 = 120, 9*5 = 45: 120 + 45 + 4 = 169; 10 - 9 = 1
    assert checks.business_checksum("1234567891") and not checks.business_checksum("1234567890")


def test_a_checksum_raises_confidence_and_is_not_needed():
    (old,), (new,) = find("900101-1234568"), find("900101-1234567")
    assert old.kind == new.kind == "resident_number" and old.confidence > new.confidence
    assert find("번호는 9001011234567예요") == [] and find("주민번호 9001011234567")[0].kind == "resident_number"


@pytest.mark.parametrize("seed", [1, 2])
def test_planted_data_is_found_and_look_alikes_are_not(seed):
    for kind, rates in measure(planted(seed, per_kind=60, decoys=600)).items():
        assert rates["planted"] == 60
        if kind not in REVIEWED:
            assert rates["recall"] >= 0.95 and rates["precision"] >= 0.95, (kind, rates)


LOOK_ALIKES = [
    *("", "가격은 1,234,567원", "2024-01-05", "버전 1.2.3.4", "logo@2x.png", "a@b", "std::dec::add", "1/2/3"),
    *("127.0.0.1", "주문번호 010-1234-5678", "+1", "전화 주세요", "12345678901234567890", "계좌가 없어요", "M1234567"),
]


@pytest.mark.parametrize("text", LOOK_ALIKES)
def test_look_alikes(text):
    assert find(text) == []


def test_texts_passed_over_at_a_glance_have_nothing_to_find(monkeypatch):
    shortest = ["전화 02-123-4567", "전화 (02) 123-4567", "전화０２－１２３－４５６７", "call +1 23 45 6789"]
    shortest += ["계좌 11-22-333-444", "계좌 1234567890", "여권 M12345678", "여권 m123a4567", "(212) 555-1234"]
    shortest += ["8.8.8.8", "fe80::1:2", "a@b.kr"]
    passed = ["2026-11-21에 100000원이에요.", "3시 30분에 12:30과 1,234,567원", "number 123456."]
    texts = [*shortest, *passed, *(each.text for each in planted(3, 50, 500))]
    at_a_glance = [find(text) for text in texts]
    monkeypatch.setattr(personal, "_WORTH_A_LOOK", re.compile(""))
    assert at_a_glance == [find(text) for text in texts]
    assert sum(map(bool, at_a_glance[: len(shortest)])) >= 9


def test_the_nearest_word_decides():
    (found,) = find("주문번호 1234567890123456 말고 제 카드 4111-1111-1111-1111이요")
    assert found.kind == "card"
    (found,) = find("바코드 8801015123456, 주민번호 880101-5123456")
    assert (found.kind, found.start) == ("resident_number", 24)


def test_masking_names_the_kind_and_keeps_the_rest():
    text = "０１０－１２３４－５６７８ 또는 kim@example.com으로요."
    assert masked(text, find(text)) == "[PHONE] 또는 [EMAIL]으로요."


def test_a_row_is_masked_everywhere_and_names_are_only_flagged():
    row = {
        "id": "010-1234-5678",
        "question": "김민지 씨 번호는 010-1234-5678인가요?",
        "history": [{"role": "user", "content": "메일은 a@example.com"}],
        "answer": "네.",
    }
    fresh, findings = treat_row(row)
    assert fresh["id"] == row["id"] and fresh["question"] == "김민지 씨 번호는 [PHONE]인가요?"
    assert fresh["history"][0]["content"] == "메일은 [EMAIL]"
    assert {(f.kind, f.action, f.key) for f in findings} == {
        ("phone", "review", "id"),
        ("phone", "masked", "question"),
        ("name", "review", "question"),
        ("email", "masked", "history[0].content"),
    }
    assert "1234" not in str([finding.to_json() for finding in findings])
    same, kept = treat_row(row, mask=False)
    assert same == row and {finding.action for finding in kept} == {"kept", "review"}


def test_names_and_addresses_are_for_review():
    kinds = [finding.kind for finding in review("홍길동 고객님, 주소는 서울특별시 마포구 월드컵로 12예요.")]
    assert kinds == ["name", "address"] and review("김치는 맛있어요.") == []


def test_an_import_masks_and_counts(bring, datasets):
    numbers = ("010-1234-5678", "010-9876-5432")
    rows = "".join(f'{{"question": "제 번호는 {number}", "answer": "네"}}\n' for number in numbers)
    report = bring("a.jsonl", rows)
    assert report["personal"] == {"phone:masked": 1} and report["duplicates"] == 1
    version = datasets.get("set")
    assert "1234" not in version.rows_file.read_text("utf-8") + (version.folder / "decisions.jsonl").read_text("utf-8")
    assert "- 전화번호 (가림): 1" in version.card("ko")
    assert "- Phone number (masked): 1" in version.card("en")
    bring("a.jsonl", rows, dataset="raw", personal="off")
    assert "010-1234-5678" in datasets.get("raw").rows_file.read_text("utf-8")
    assert "without a look" in datasets.get("raw").card("en")


@pytest.mark.parametrize("language", ["ko", "en"])
def test_every_kind_of_finding_has_words(language: Language) -> None:
    kinds = {recogniser.kind for recogniser in RECOGNISERS} | set(REVIEWED)
    said = {found_said(f"{kind}:{action}", language) for kind in kinds for action in get_args(Action)}
    assert len(said) == len(kinds) * 3


def test_marks_that_keep_rows_together_stay_different_and_say_nobody() -> None:
    rows = [{"id": f"r{n}", "user": f"person{n}@naver.com", "question": "q", "answer": "a"} for n in range(20)]
    users = [treat_row(row)[0]["user"] for row in rows]
    assert len(set(users)) == 20 and all(re.fullmatch(r"\[EMAIL\]-[0-9a-f]{4}", user) for user in users)
    assert treat_row(rows[3])[0]["user"] == users[3], "the same person, the same mark"
    row, findings = treat_row({"id": "hong@naver.com", "group": "010-1234-5678", "question": "q", "answer": "a"})
    assert row["id"] == "hong@naver.com" and row["group"].startswith("[PHONE]-")
    assert [(each.key, each.action) for each in findings] == [("id", "review"), ("group", "masked")]


def test_the_name_of_a_key_is_a_word_beside_the_number() -> None:
    row, _ = treat_row({"question": "q", "answer": "a", "주민등록번호": "9001011234567", "phone": 1012345678, "n": 7})
    assert row["주민등록번호"] == "[RESIDENT_NUMBER]" and row["n"] == 7
    assert treat_row({"question": "9001011234567", "answer": "a", "품번": "9001011234567"})[1] == []


@pytest.mark.parametrize("text", ["운전면허번호 112012345678", "면허번호 서울 12-123456-78", "licence 11-20-123456-78"])
def test_drivers_licences_are_found_in_all_their_forms(text: str) -> None:
    assert [each.kind for each in find(text)] == ["drivers_licence"]
