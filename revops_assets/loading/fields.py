"""Types of fields: what each accepts, and the one form in which it then stands (ISO 8601, plain decimals).

A value passes only in a form that PostgreSQL reads in the same meaning, so that no cast of a load can fail.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Literal, get_args

FieldType = Literal[
    "id", "sfid", "text", "integer", "number", "money", "boolean", "timestamp", "date", "epoch_s", "epoch_ms"
]
TYPES: tuple[str, ...] = get_args(FieldType)
# Which way an instant may be written, beside Python's strptime patterns.
NAMED_FORMATS = ("iso", "epoch_s", "epoch_ms")
LONGEST_ID = 512  # bytes: a key of several ids fits into an index entry of PostgreSQL, which holds some 2,700

TIMESTAMP = re.compile(
    r"(\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?)?)(?:(?<=:\d\d:\d\d)\.\d{1,9})?(?:Z|[+-](\d\d)(?::?[0-5]\d)?)?",
    re.ASCII,
)
# What nearly every time stamp looks like, valid in every month: no calendar needed.
USUAL_TIMESTAMP = re.compile(
    r"(?!0000|0001|9999)\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])"
    r"[T ](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?Z?",
    re.ASCII,
)
NUMBER = re.compile(r"[+-]?(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30})(?:[eE][+-]?\d{1,2})?", re.ASCII)
DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
INTEGER = re.compile(r"[+-]?\d{1,18}", re.ASCII)
BOOLEANS = dict.fromkeys(("true", "t", "yes", "y", "on", "1"), "true") | dict.fromkeys(
    ("false", "f", "no", "n", "off", "0"), "false"
)
# How numbers may be written, shown by an example: what stands between thousands, and before decimals.
NUMBER_FORMATS = {
    "1234.56": ("", "."), "1,234.56": (",", "."), "1.234,56": (".", ","), "1234,56": ("", ","),
    "1 234,56": (" ", ","), "1 234.56": (" ", "."), "1'234.56": ("'", "."),
}  # fmt: skip
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
ID_15 = re.compile(r"(?=\D*\d)[0-9a-zA-Z]{15}", re.ASCII)
CHECK_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"

Convert = Callable[[str], str | None]


def converter(kind: str, formats: Sequence[str] = ()) -> Convert:
    """What turns a field's text into the form it is kept in; None where it is not of that type."""
    if kind in ("epoch_s", "epoch_ms"):
        return _instant((kind,))
    if kind == "timestamp":
        return _instant(tuple(formats)) if formats else _timestamp
    if kind == "date":
        return _instant(tuple(formats)) if formats else _day
    if kind in ("number", "money", "integer"):
        check = {"number": _number, "money": _money, "integer": _integer}[kind]
        return _number_in(formats, check) if formats else check
    plain: dict[str, Convert] = {"id": _id, "sfid": _salesforce_id, "text": _text, "boolean": _boolean}
    return plain[kind]


def accepts(kind: str, value: str) -> bool:
    """Whether a value of this type may be written so, without a format."""
    return converter(kind)(value) is not None


def is_format(kind: str, text: str) -> bool:
    """Whether a mapping may name this as the format of a field of that type."""
    if kind in ("number", "money", "integer"):
        return text in NUMBER_FORMATS
    return kind in ("timestamp", "date") and (text in NAMED_FORMATS or ("%" in text and _is_pattern(text)))


def _is_pattern(text: str) -> bool:
    now = datetime.now()
    try:
        datetime.strptime(now.strftime(text), text)
    except (ValueError, re.error):  # a part that stands twice is a group that does
        return False
    return True


def _text(value: str) -> str:
    return value


def _id(value: str) -> str | None:
    fits = 0 < len(value) <= LONGEST_ID // 4 or 0 < len(value.encode()) <= LONGEST_ID
    return value if fits and (value.isprintable() or not CONTROL.search(value)) else None


def _boolean(value: str) -> str | None:
    return BOOLEANS.get(value.strip().lower())


@lru_cache(maxsize=65536)
def _salesforce_id(value: str) -> str | None:
    """A record's id in its 18-character form, which does not depend on case; '@' marks references in tree exports."""
    value = value.removeprefix("@")
    if not ID_15.fullmatch(value):
        return _id(value)
    bits = [sum(letter.isupper() << place for place, letter in enumerate(value[at : at + 5])) for at in (0, 5, 10)]
    return value + "".join(CHECK_LETTERS[number] for number in bits)


# ---------------------------------------------------------------------------------------------- numbers


def _number(value: str) -> str | None:
    value = value.strip()
    return value if NUMBER.fullmatch(value) else None


def _money(value: str) -> str | None:
    value = value.strip()
    return value if NUMBER.fullmatch(value) and abs(float(value)) < 1e11 else None


def _integer(value: str) -> str | None:
    value = value.strip()
    if value.endswith(".0") and INTEGER.fullmatch(value[:-2]):  # a whole number that went through a float
        return value[:-2]
    return value if INTEGER.fullmatch(value) else None


def _number_in(formats: Sequence[str], check: Convert) -> Convert:
    """Numbers as one of the formats writes them; signs of currencies, percent signs and blanks around are left out."""
    patterns = []
    for thousands, decimal in (NUMBER_FORMATS[text] for text in formats):
        whole = rf"(?:\d{{1,3}}(?:{re.escape(thousands)}\d{{3}})+|\d+)" if thousands else r"\d+"
        patterns.append(
            (re.compile(rf"[+-]?(?:{whole}(?:{re.escape(decimal)}\d*)?|{re.escape(decimal)}\d+)"), thousands, decimal)
        )

    def convert(value: str) -> str | None:
        text = value.replace("\u00a0", " ").replace("\u202f", " ").replace("\u2212", "-").replace("\u2019", "'").strip()
        if text.startswith("(") and text.endswith(")"):
            text = "-" + text[1:-1]
        text = re.sub(r"^([+-]?)\s*(?:[A-Za-z]{0,3}[^\w\s.,'+-]|[A-Z]{3})\s*(?=[\d.,+-])", r"\1", text)
        text = re.sub(r"\s*(?:[^\w\s.,'+-]|[A-Z]{3}|kr\.?|zł)$", "", text)
        for pattern, thousands, decimal in patterns:
            if pattern.fullmatch(text):
                plain = text.replace(thousands, "") if thousands else text
                return check(plain.replace(decimal, "."))
        return check(text) if "e" in text.lower() else None

    return convert


# ---------------------------------------------------------------------------------------------- instants and days


def _timestamp(value: str) -> str | None:
    if USUAL_TIMESTAMP.fullmatch(value):
        return value
    value = value.strip()
    match = TIMESTAMP.fullmatch(value)
    if not match or int(match[2] or 0) > 14 or (len(match[1]) == 10 < len(value)):
        return None
    try:
        fits = 1 < datetime.fromisoformat(match[1]).year < 9999  # the zone must not carry it out of the calendar
    except ValueError:
        return None
    return value if fits else None


def _day(value: str) -> str | None:
    """A day; or an instant, of which SQL takes the day."""
    value = value.strip()
    try:
        if DATE.fullmatch(value):
            return value if date.fromisoformat(value) else None
    except ValueError:
        return None
    return _timestamp(value)


def _instant(formats: tuple[str, ...]) -> Convert:
    """Instants and days in the first of the formats that fits, as ISO 8601; a format without a time gives a day."""

    @lru_cache(maxsize=65536)
    def convert(value: str) -> str | None:
        for form in formats:
            found = _timestamp(value) if form == "iso" else _epoch(value, form) if form in NAMED_FORMATS else None
            found = found or (None if form in NAMED_FORMATS else _parsed(value.strip(), form))
            if found:
                return found
        return None

    return convert


def _epoch(value: str, unit: str) -> str | None:
    number = _number(value)
    if number is None:
        return None
    seconds = float(number) / (1000 if unit == "epoch_ms" else 1)
    try:
        at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    except OverflowError:
        return None
    return at.isoformat().replace("+00:00", "Z") if 1 < at.year < 9999 else None


def _parsed(value: str, form: str) -> str | None:
    try:
        at = datetime.strptime(" ".join(value.split()), form)
    except ValueError:
        return None
    if not 1 < at.year < 9999:
        return None
    has_time = re.search(r"%[HIMSfpcX]", form)
    return (
        at.isoformat(sep=" ", timespec="seconds" if not at.microsecond else "microseconds")
        if has_time
        else at.date().isoformat()
    )
