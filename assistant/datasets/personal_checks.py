"""Numbers that identify a person, checked as their issuers define them; all take digits only."""

import datetime
import ipaddress

_RESIDENT_WEIGHTS = (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)
_BUSINESS_WEIGHTS = (1, 3, 7, 1, 3, 7, 1, 3, 5)
# The seventh digit: century and sex of citizens (9, 0, 1-4) and of foreigners (5-8).
_CENTURIES = {sex: century for century, sexes in ((1800, "90"), (1900, "1256"), (2000, "3478")) for sex in sexes}


def resident_date(digits: str, today: datetime.date | None = None) -> datetime.date | None:
    """Return the birthday in a Korean resident or foreigner registration number, None where there is none.

    The first six digits are the date, the seventh names the century; numbers issued since October 2020
    have no other structure.
    """
    century = _CENTURIES.get(digits[6:7])
    if len(digits) != 13 or century is None:
        return None
    try:
        born = datetime.date(century + int(digits[:2]), int(digits[2:4]), int(digits[4:6]))
    except ValueError:
        return None
    return born if born <= (today or datetime.date.today()) else None


def resident_checksum(digits: str) -> bool:
    """Return whether the last digit is the check digit of numbers issued before October 2020.

    Citizens: (11 - sum mod 11) mod 10; foreigners (5-8): (13 - sum mod 11) mod 10.
    """
    total = sum(int(digit) * weight for digit, weight in zip(digits, _RESIDENT_WEIGHTS, strict=False))
    base = 13 if digits[6] in "5678" else 11
    return (base - total % 11) % 10 == int(digits[12])


def business_checksum(digits: str) -> bool:
    """Return whether a Korean business registration number's tenth digit is right."""
    if len(digits) != 10:
        return False
    total = sum(int(digit) * weight for digit, weight in zip(digits, _BUSINESS_WEIGHTS, strict=False))
    return (10 - (total + int(digits[8]) * 5 // 10) % 10) % 10 == int(digits[9])


def luhn(digits: str) -> bool:
    """Return whether a card number's check digit is right (ISO/IEC 7812-1)."""
    total = 0
    for index, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + index % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0 and len(set(digits)) > 1


def is_card(digits: str) -> bool:
    """Return whether digits are a card number: a scheme's beginning and length, and Luhn."""
    if not luhn(digits):
        return False
    if digits[:2] in ("34", "37"):
        return len(digits) == 15
    if digits[:2] in ("36", "38"):
        return len(digits) == 14
    return len(digits) == 16 and digits[0] in "234569"  # 9: cards for use in Korea only


def is_licence(digits: str) -> bool:
    """Return whether twelve digits can be a Korean driver's licence: region 11-28, then the year of issue."""
    return len(digits) == 12 and 11 <= int(digits[:2]) <= 28


def is_public_address(text: str) -> bool:
    """Return whether a text is an IP address that can belong to somebody."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified or address.is_multicast or address.is_reserved)
