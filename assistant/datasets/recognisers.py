"""The patterns of personal data, the check behind each, and the words around it that decide.

Written for prose in Korean and English: the same thirteen digits are a resident number after ``주민번호``
and goods after ``바코드``.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from assistant.datasets import personal_checks as checks


@dataclass(frozen=True, slots=True)
class Recogniser:
    """A pattern with a check; ``needs`` are words that raise its confidence, ``never`` words that rule it out.

    ``check`` gets the match and its digits and returns a confidence, 0 for no find; from ``sure`` on it
    counts without any word nearby.
    """

    kind: str
    pattern: re.Pattern[str]
    check: Callable[[str, str], float]
    needs: re.Pattern[str] | None = None
    never: re.Pattern[str] | None = None
    sure: float = 0.5


def _words(*lists: str) -> re.Pattern[str]:
    """Return a pattern of words, each list separated by spaces; ``_`` stands for a space that may be missing."""
    words = [word.replace("_", " ?") for words in lists for word in words.split()]
    return re.compile("|".join(words), re.IGNORECASE)


_THINGS_KO = "(?:주문|상품|제품|접수|문서|도서|관리|일련|송장|회의)_(?:번호|코드) 송장 품번 모델 바코드 시리얼 청구기호"
_THINGS_EN = r"order\b orders\b invoice tracking product item\b model barcode serial sku\b isbn part\b ticket asset\b"
THINGS = _words(_THINGS_KO, _THINGS_EN, r"batch\b lot\b parcel")
VERSIONS = _words(
    r"버전 펌웨어 빌드 릴리스 규격 항목 조항 섹션 version firmware release build driver \bv\.?_$",
    "section chapter clause figure §",
)
ID_WORDS = _words(r"주민 외국인 등록번호 resident alien foreigner registration \bRRN\b \bARC\b")
PHONE_WORDS = _words(r"전화 연락 휴대 핸드폰 문자 팩스 phone \bcall \btel mobile \bfax text_me")
ACCOUNT_WORDS = _words(
    "계좌 입금 송금 이체 예금주 통장 은행 뱅크 농협 수협 신협 새마을금고 우체국 신한 국민 토스",
    r"account \bbank transfer deposit",
)
BUSINESS_WORDS = _words(r"사업자 business_(?:registration|number) \btax_id")
PASSPORT_WORDS = _words("여권 passport")
LICENCE_WORDS = _words(r"면허 driver.?s_licen[cs]e driving_licen[cs]e")
CARD_WORDS = _words(r"카드 \bcard visa 결제 master amex")
# A business number stands beside no bank's name: ten digits there are an account.
NO_BUSINESS = re.compile(f"{THINGS.pattern}|{ACCOUNT_WORDS.pattern}", re.IGNORECASE)
_FILES = frozenset(["png", "jpg", "jpeg", "gif", "svg", "webp", "css", "js", "ts", "py", "json", "html", "mp4", "pdf"])


def _resident(text: str, digits: str) -> float:
    if checks.resident_date(digits) is None:
        return 0.0
    separated = not text.isdigit()
    return (0.7 if separated else 0.3) + (0.25 if checks.resident_checksum(digits) else 0.0)


def _phone(text: str, digits: str) -> float:
    if text.startswith("+"):
        return 0.9 if 9 <= len(digits) <= 15 else 0.0
    if re.match(r"01[016789]", digits):
        return 0.9 if len(digits) in (10, 11) else 0.0
    if digits[0] == "0":
        return 0.8 if 9 <= len(digits) <= 12 and not text.isdigit() else 0.3
    return 0.6 if text.startswith("(") else 0.3


def _account(text: str, digits: str) -> float:
    return 0.4 if 10 <= len(digits) <= 14 else 0.0


def _business(text: str, digits: str) -> float:
    return (0.7 if "-" in text else 0.3) if checks.business_checksum(digits) else 0.0


def _mail(text: str, digits: str) -> float:
    return 0.0 if text.rsplit(".", 1)[-1].lower() in _FILES else 0.95


def _card(text: str, digits: str) -> float:
    return 0.8 if checks.is_card(digits) else 0.0


def _licence(text: str, digits: str) -> float:
    if "가" <= text[0] <= "힣":  # an old one, with its region's name
        return 0.8
    return (0.3 if text.isdigit() else 0.8) if checks.is_licence(digits) else 0.0


def _ip(text: str, digits: str) -> float:
    return 0.8 if digits and checks.is_public_address(text) else 0.0


def _any(*patterns: str, flags: re.RegexFlag = re.NOFLAG) -> re.Pattern[str]:
    """Return a pattern of alternatives; ``~`` is what separates groups of digits in one number."""
    return re.compile("|".join(patterns).replace("~", "[-. ]?"), flags)


_MAIL = _any(
    r"(?<![\w.+-])[a-z0-9][\w.+%'-]{0,63}@(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,24}(?![a-z0-9-])",
    flags=re.IGNORECASE | re.ASCII,
)
_CARD = _any(
    r"(?<![\d.-])(?:\d{4}~){3}\d{4}(?![\d-])",
    r"(?<![\d.-])3[47]\d\d~\d{6}~\d{5}(?![\d-])",
    r"(?<![\d.-])3[68]\d\d~\d{6}~\d{4}(?![\d-])",
)
_PHONE = _any(
    r"(?<![0-9A-Za-z+])\+\d{1,3}~(?:\(0\)~)?\(?\d{1,4}\)?(?:~\d{2,4}){2,3}(?![\d-])",
    r"(?<![\d.-])01[016789]~\d{3,4}~\d{4}(?![\d-])",
    r"(?<![\d.-])\(?0(?:2|[3-6]\d|70|80|50\d?)[-.) ] ?\d{3,4}[-. ]\d{4}(?![\d-])",
    r"(?<![\d.-])0(?:2|[3-6]\d|70)\d{7,8}(?![\d-])",
    r"(?<![\d.-])\([2-9]\d{2}\) ?\d{3}-\d{4}(?![\d-])",
    r"(?<![\d.-])[2-9]\d{2}-\d{3}-\d{4}(?![\d-])",
)
_LICENCE = _any(
    r"(?<![\d-])\d{2}-\d{2}-\d{6}-\d{2}(?![\d-])",
    r"(?<![\d-])\d{12}(?![\d-])",
    r"(?:서울|부산|대구|인천|광주|대전|울산|경기|강원|충북|충남|전북|전남|경북|경남|제주) ?\d{2}-\d{6}-\d{2}(?![\d-])",
)
_PASSPORT = _any(r"(?<![A-Za-z0-9])(?:[A-Z]\d{8}|[A-Z]\d{3}[A-Z]\d{4}|[A-Z]{2}\d{7})(?![A-Za-z0-9])")
_IP6 = _any(r"(?<![0-9a-z:.])(?:[0-9a-f]{1,4}:){2,7}(?::?[0-9a-f]{1,4}){0,6}(?![0-9a-z:])", flags=re.IGNORECASE)
_IP4 = _any(r"(?<![0-9A-Za-z.])(?:\d{1,3}\.){3}\d{1,3}(?!\d|\.\d)")
_BUSINESS = _any(r"(?<![\d-])\d{3}-\d{2}-\d{5}(?![\d-])", r"(?<![\d-])\d{10}(?![\d-])")
_ACCOUNT = _any(r"(?<![\d-])\d{2,6}(?:-\d{2,7}){1,3}(?![\d-])", r"(?<![\d-])\d{10,14}(?![\d-])")

RECOGNISERS: tuple[Recogniser, ...] = (
    Recogniser("email", _MAIL, _mail),
    Recogniser("resident_number", _any(r"(?<![\d-])\d{6} ?-? ?\d{7}(?![\d-]|\.\d)"), _resident, ID_WORDS, THINGS),
    Recogniser("card", _CARD, _card, CARD_WORDS, THINGS),
    Recogniser("drivers_licence", _LICENCE, _licence, LICENCE_WORDS, THINGS),
    Recogniser("business_number", _BUSINESS, _business, BUSINESS_WORDS, NO_BUSINESS),
    Recogniser("phone", _PHONE, _phone, PHONE_WORDS, THINGS),
    Recogniser("account", _ACCOUNT, _account, ACCOUNT_WORDS, THINGS),
    Recogniser("passport", _PASSPORT, lambda text, digits: 0.4, PASSPORT_WORDS, THINGS),
    Recogniser("ip", _IP4, _ip, None, VERSIONS),
    Recogniser("ip", _IP6, _ip),
)

_SURNAMES = (
    "김이박최정강조윤장임한오서신권황안송류유전홍고문양손배백허남심노하곽성차주우구민진지엄채원천방공"
    "현함변염여추도소석선설마길연위표명기반왕금옥육인맹제모탁국어은편용"
)
_TITLES = "씨|님|고객|선생|교수|과장|대리|부장|사원|팀장|박사|기자|대표|주임|차장|이용자|회원"
_AFTER_TITLE = "(?:[은는이가을를께의도와과 ,.!?님]|$)"
_NAMED = "(?:이름|성함|성명|예금주|보호자)(?:은|는|이|:|：)? ?"
_STREETS = "Street|St|Road|Rd|Avenue|Ave|Lane|Drive|Boulevard|Blvd"
REVIEWS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("name", re.compile(rf"(?<![가-힣])([{_SURNAMES}][가-힣]{{2}})(?= ?(?:{_TITLES}){_AFTER_TITLE})")),
    ("name", re.compile(rf"{_NAMED}([{_SURNAMES}][가-힣]{{1,2}})(?=[이예입라고, .\n]|$)")),
    ("name", re.compile(r"(?:[Mm]y name is|[Tt]his is|I am|I'm|M[rs]\.|Mrs\.|Dr\.) ([A-Z][a-z]+(?: [A-Z][a-z]+)+)")),
    (
        "address",
        re.compile(
            r"[가-힣]{1,10}(?:특별자치도|특별시|광역시|시|도) [가-힣]{1,8}[시군구](?: [가-힣]{1,6}구)?"
            r" [가-힣0-9]{1,12}[로길동읍면가][가-힣0-9 ]{0,8}\d+(?:-\d+)?(?:번지|호)?"
        ),
    ),
    ("address", re.compile(r"[가-힣]{1,8}[구군] [가-힣0-9]{1,12}[로길] ?\d+(?:-\d+)?")),
    ("address", re.compile(rf"\b\d{{1,5}} (?:[A-Z][a-z]+ ){{1,3}}(?:{_STREETS})\b")),
)
