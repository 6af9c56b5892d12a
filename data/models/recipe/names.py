"""Names and values of many kinds in both languages, drawn from lists, syllables and numbers."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent


@cache
def _load(path: Path) -> dict[str, dict[str, list[str]]]:
    content: dict[str, dict[str, list[str]]] = yaml.safe_load(path.read_text("utf-8"))
    return content


class Names:
    """Draws values; ``value(kind, language)`` knows the list kinds and the made kinds."""

    def __init__(self, rng: random.Random, lists: Path = HERE / "texts" / "values.yaml") -> None:
        self.random = rng
        self.lists = _load(lists)

    def value(self, kind: str, language: str) -> str:
        """Return a value of ``kind``: a made kind such as ``money``, else an entry of that list.

        ``count/장/sheets`` is a number of things with its units.
        """
        if kind.startswith("count/"):
            _, korean, english = kind.split("/")
            return self.count(language, korean if language == "ko" else english)
        made: Any = getattr(self, kind, None)
        return str(made(language)) if callable(made) else self.random.choice(self.lists[language][kind])

    def word(self, language: str, least: int = 2, most: int = 3) -> str:
        """Return an invented word, capitalised in English."""
        pick = self.random.choice
        count = self.random.randint(least, most)
        text = "".join(pick(self.lists[language]["syllables"]) for _ in range(count))
        return text if language == "ko" else (text + pick(["", "", "a", "o", "ix", "y"])).capitalize()

    def person(self, language: str) -> str:
        """Return a full name."""
        lists, pick = self.lists[language], self.random.choice
        if language == "ko":
            given = pick(lists["given"]) if self.random.random() < 0.7 else self.word("ko", 2, 2)
            return pick(lists["family"]) + given
        family = self.word("en", 1, 2) + (pick(lists["ends"]) if self.random.random() < 0.4 else "")
        return f"{pick(lists['given'])} {family}"

    def place(self, language: str) -> str:
        """Return a town or district."""
        end = self.random.choice(self.lists[language]["ends"])
        return self.word(language, 1 if language == "en" else 2, 2) + end

    def company(self, language: str) -> str:
        """Return the name of a firm or group."""
        if language == "ko":
            tail = ["상사", " 공방", "식품", " 조합", "전자", " 연구소", " 출판사", "건설", " 재단", " 극단", "항공"]
            return self.word("ko", 2, 3) + self.random.choice(tail)
        tail = ["Works", "Foods", "Ltd", "& Sons", "Cooperative", "Labs", "Press", "Trust", "Airways", "Studio"]
        return f"{self.word('en')} {self.random.choice(tail)}"

    def code(self, language: str) -> str:
        """Return a short code of letters and digits."""
        letters = "".join(self.random.choice("ABCDEFGHJKLMNPRSTUVWXYZ") for _ in range(self.random.randint(1, 3)))
        return f"{letters}{self.random.choice(['-', '', ' '])}{self.random.randint(1, 9999)}"

    def year(self, language: str) -> str:
        """Return a year."""
        number = self.random.randint(1450, 2035)
        return f"{number}년" if language == "ko" else str(number)

    def date(self, language: str) -> str:
        """Return a day of the year, at times with the year."""
        day, month, year = self.random.randint(1, 28), self.random.randint(1, 12), self.random.randint(1900, 2035)
        full = self.random.random() < 0.3
        if language == "ko":
            return (f"{year}년 " if full else "") + f"{month}월 {day}일"
        name = self.lists["en"]["month"][month - 1]
        text = self.random.choice([f"{name} {day}", f"{day} {name}"])
        return f"{text}, {year}" if full and text[0].isalpha() else text

    def time(self, language: str) -> str:
        """Return a time of day."""
        hour, minute = self.random.randint(1, 12), self.random.choice([0, 0, 10, 15, 20, 30, 40, 45, 50])
        if language == "ko":
            part = self.random.choice(["오전", "오후", "아침" if hour < 11 else "저녁"])
            return f"{part} {hour}시" + (f" {minute}분" if minute else "")
        return f"{hour}{f':{minute:02}' if minute else ''} {self.random.choice(['a.m.', 'p.m.', 'am', 'pm'])}"

    def _number(self, low: int, high: int) -> str:
        number = self.random.randint(low, high)
        return f"{number:,}" if number > 9999 or self.random.random() < 0.5 else str(number)

    def money(self, language: str) -> str:
        """Return a price."""
        if language == "ko":
            return f"{self.random.randint(1, 90) * self.random.choice([100, 500, 1000, 10000]):,}원"
        amount = self._number(2, 950) + self.random.choice(["", "", ".50", ".20"])
        return self.random.choice(["${}", "€{}", "{} dollars", "£{}"]).format(amount)

    def amount(self, language: str) -> str:
        """Return a number with a unit of size, weight or volume."""
        units = ["미터", "킬로그램", "리터", "센티미터", "킬로미터", "그램", "톤", "제곱미터", "도"]
        if language == "en":
            units = [" metres", " kilograms", " litres", " centimetres", " kilometres", " grams", " tonnes", " degrees"]
        return self._number(2, 980) + self.random.choice(units)

    def people(self, language: str) -> str:
        """Return a number of people."""
        return self._number(3, 30000) + ("명" if language == "ko" else " people")

    def count(self, language: str, unit: str) -> str:
        """Return a number of things, small ones at times in words."""
        number = self.random.randint(2, 12) if self.random.random() < 0.8 else self.random.randint(13, 900)
        words = self.lists[language]["number"]
        small = number <= len(words) and self.random.random() < 0.4
        if language == "ko":
            return f"{words[number - 1]} {unit}" if small else f"{number}{unit}"
        return f"{words[number - 1] if small else number} {unit}"

    def term(self, language: str) -> str:
        """Return a period as people say it."""
        if self.random.random() < 0.4:
            return self.random.choice(self.lists[language]["term"])
        number = self.random.randint(2, 30)
        if language == "ko":
            return f"{number}{self.random.choice(['일', '일', '주', '주일', '개월', '년'])}"
        return f"{number} {self.random.choice(['days', 'days', 'working days', 'weeks', 'months', 'years'])}"

    def range(self, language: str) -> str:
        """Return opening hours."""
        first, last = self.random.randint(6, 12), self.random.randint(13, 23)
        minutes = [self.random.choice(["00", "00", "30", "20", "45"]) for _ in range(2)]
        times = [f"{hour:02}:{minute}" for hour, minute in zip((first, last), minutes, strict=True)]
        if language == "ko":
            if self.random.random() < 0.4:
                return f"오전 {first}시부터 {'오후' if last < 18 else '저녁'} {last - 12}시까지"
            return self.random.choice(["{}~{}", "{}부터 {}까지", "{} ~ {}"]).format(*times)
        if self.random.random() < 0.4:
            return f"from {first} a.m. to {last - 12} p.m."
        return self.random.choice(["{}–{}", "{} to {}", "from {} to {}"]).format(*times)

    def age(self, language: str) -> str:
        """Return an age."""
        number = self.random.randint(3, 19)
        if language == "ko":
            return self.random.choice([f"만 {number}세", f"{number}세", f"{number}살"])
        return str(number)

    def days(self, language: str) -> str:
        """Return a day of the week, two, or which of a month."""
        pick, names = self.random.choice, self.lists[language]["day"]
        first, second = self.random.sample(names, 2)
        if language == "ko":
            nth = f"{pick(['첫째', '둘째', '셋째', '넷째'])} {first}"
            return pick([first, f"{first}과 {second}", f"{first}, {second}", nth])
        nth = f"the {pick(['first', 'second', 'third', 'last'])} {first} of the month"
        return pick([first, f"{first} and {second}", f"{first}s and {second}s", nth])

    def floor(self, language: str) -> str:
        """Return a storey."""
        number = self.random.randint(1, 9)
        if language == "ko":
            return self.random.choice([f"{number}층", f"지하 {min(number, 3)}층", f"별관 {number}층"])
        return self.lists["en"]["nth"][number - 1] + " floor"

    def window(self, language: str) -> str:
        """Return a counter, desk or room."""
        number = self.random.randint(1, 30)
        if language == "ko":
            places = [f"{number}번 창구", f"{number}호실", f"{number}번 문 앞", "안내 데스크", "경비실"]
            return self.random.choice(places)
        return self.random.choice([f"counter {number}", f"room {number}", f"gate {number}", "the front desk"])

    def length(self, language: str) -> str:
        """Return a duration."""
        number = self.random.randint(2, 48)
        units = ["일", "시간", "분", "주", "개월", "년"]
        return f"{number}{self.random.choice(units)}" if language == "ko" else f"{number} {self._time_unit()}"

    def _time_unit(self) -> str:
        return self.random.choice(["days", "hours", "minutes", "weeks", "months", "years"])

    def phone(self, language: str) -> str:
        """Return an invented telephone number."""
        return f"0{self.random.randint(2, 70)}-{self.random.randint(200, 9999)}-{self.random.randint(1000, 9999)}"

    def email(self, language: str) -> str:
        """Return an invented address at a reserved domain."""
        return f"{self.word('en').lower()}@{self.word('en').lower()}.example"

    def percent(self, language: str) -> str:
        """Return a share."""
        number = self.random.randint(2, 98)
        return f"{number}%" if language == "ko" or self.random.random() < 0.6 else f"{number} percent"
