"""The notation of a date, seen from one entry."""

from __future__ import annotations

import re

from sssd_registry.data.reading import DateOrder
from sssd_registry.data.zones import split_zone

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:tember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)"
)
WEEKDAY = re.compile(r"^(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,?\s+", re.IGNORECASE)
CLOCK = re.compile(r"\s*\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:\s?[ap]m)?\s*", re.IGNORECASE)

_CLOCK_PART = (
    r"(?P<clock>(?P<gap>[T ,_]+)(?P<hour>\d{1,2}):\d{2}(?P<second>:\d{2}(?P<fraction>[.,]\d{1,9})?)?"
    r"(?P<half>\s?[ap]m)?)?"
)
_NUMERIC = re.compile(r"(?P<a>\d{1,4})(?P<sep>[-/.])(?P<b>\d{1,2})(?P=sep)(?P<c>\d{1,4})" + _CLOCK_PART, re.IGNORECASE)
_DAY_MONTH = re.compile(
    rf"\d{{1,2}}(?P<s1>[-\s./]*)(?P<month>{_MONTH})(?P<s2>[-\s,./]*)(?P<year>\d{{4}}|\d{{2}})" + _CLOCK_PART,
    re.IGNORECASE,
)
_MONTH_DAY = re.compile(
    rf"(?P<month>{_MONTH})(?P<s1>[-\s./]+)\d{{1,2}}(?P<s2>[-\s,./]+)(?P<year>\d{{4}})" + _CLOCK_PART, re.IGNORECASE
)
_YEAR_MONTH_DAY = re.compile(
    rf"\d{{4}}(?P<s1>[-\s./])(?P<month>{_MONTH})(?P<s2>[-\s./])\d{{1,2}}" + _CLOCK_PART, re.IGNORECASE
)
_MONTH_YEAR = re.compile(rf"(?P<month>{_MONTH})(?P<s1>[-\s./,]*)(?P<year>\d{{4}}|\d{{2}})", re.IGNORECASE)
_YEAR_MONTH = re.compile(rf"\d{{4}}(?P<s1>[-\s./]*)(?P<month>{_MONTH})", re.IGNORECASE)
_FIXED = (
    (re.compile(r"\d{4}([-/.])\d{1,2}"), "%Y{0}%m"),
    (re.compile(r"\d{1,2}([-/.])\d{4}"), "%m{0}%Y"),
    (re.compile(r"\d{4}([Mm])\d{1,2}"), "%Y{0}%m"),
    (re.compile(r"\d{4}-?W\d{2}(?:-?[1-7])?"), "%G"),
    (re.compile(r"\d{4}-?\s?[Qq][1-4]|[Qq][1-4][-\s/]?\d{4}"), "%q"),
    (re.compile(r"(?:1[89]|20|21)\d{2}[01]\d[0-3]\d"), "%Y%m%d"),
    (re.compile(r"(?:1[89]|20|21)\d{2}[01]\d[0-3]\d([T _]?)[0-2]\d[0-5]\d"), "%Y%m%d{0}%H%M"),
    (re.compile(r"(?:1[89]|20|21)\d{2}[01]\d[0-3]\d([T _]?)[0-2]\d[0-5]\d[0-5]\d"), "%Y%m%d{0}%H%M%S"),
    (re.compile(r"(?:1[89]|20|21)\d{2}[01]\d[0-3]\d([T _]?)[0-2]\d[0-5]\d[0-5]\d\d{3}"), "%Y%m%d{0}%H%M%S%f"),
    (re.compile(r"(?:1[89]|20|21)\d{2}[01]\d[0-3]\d([T _]?)[0-2]\d[0-5]\d[0-5]\d\.\d{1,9}"), "%Y%m%d{0}%H%M%S.%f"),
    (re.compile(r"(?:1[89]|20|21)\d{2}[01]\d[0-3]\d([T _]+)\d{1,2}:\d{2}"), "%Y%m%d{0}%H:%M"),
    (re.compile(r"(?:1[89]|20|21)\d{2}[01]\d[0-3]\d([T _]+)\d{1,2}:\d{2}:\d{2}"), "%Y%m%d{0}%H:%M:%S"),
    (re.compile(r"(?:1[89]|20|21)\d{2}[01]\d[0-3]\d([T _]+)\d{1,2}:\d{2}:\d{2}\.\d{1,9}"), "%Y%m%d{0}%H:%M:%S.%f"),
)
# Digits alone may be a quantity: they say less about what a column is than dates with marks.
_DIGITS = re.compile(r"\d+(?:\.\d+)?")


def is_date(text: str, digits: bool = False) -> bool:
    """Tell whether ``text`` is in a notation of dates that is known, a zone behind it or not.

    Args:
        digits: count digits alone, such as 20240131, too.
    """
    text = tidy(WEEKDAY.sub("", text.strip()))
    if _DIGITS.fullmatch(text) and not digits:
        return False
    if guess_format(text, None) is not None:
        return True
    match = split_zone(text)
    return match is not None and guess_format(match["base"], None) is not None


def tidy(text: str) -> str:
    """Seldom notations as the usual ones: ``9-PM`` and ``9:00 p.m.``, ``1970:Q1``."""
    text = re.sub(r"(\d{4}) ?: ?([Qq][1-4])", r"\1-\2", text)
    text = re.sub(r" (\d{1,2})-([AP]M)$", r" \1:00 \2", text)
    return re.sub(r"([ap])\. ?m\.?$", r"\1m", text, flags=re.IGNORECASE)


def orders_of(text: str) -> tuple[DateOrder, ...]:
    """The orders in which the date in ``text`` can be read, by its notation alone."""
    match = _NUMERIC.fullmatch(text)
    if match is None or len(match["a"]) == 4:
        return ("ymd",) if guess_format(text, None) else ()
    return ("dmy", "mdy") if len(match["c"]) == 4 else ("dmy", "mdy", "ymd")


def guess_format(text: str, order: DateOrder | None) -> str | None:
    """The strptime format of ``text``; None where its notation is not known.

    A format that ends in ``24`` is for times of 24:00; ``%q`` is a quarter, ``%G`` a week of ISO 8601.
    """
    match = _NUMERIC.fullmatch(text)
    if match:
        return _numeric(match, order)
    for pattern, parts in (
        (_DAY_MONTH, ("%d", "{month}", "{year}")),
        (_MONTH_DAY, ("{month}", "%d", "{year}")),
        (_YEAR_MONTH_DAY, ("%Y", "{month}", "%d")),
    ):
        if match := pattern.fullmatch(text):
            date = f"{parts[0]}{match['s1']}{parts[1]}{match['s2']}{parts[2]}"
            return _named(date, match) + _clock(match)
    for pattern, date in ((_MONTH_YEAR, "{month}{s1}{year}"), (_YEAR_MONTH, "%Y{s1}{month}")):
        if match := pattern.fullmatch(text):
            return _named(date.replace("{s1}", match["s1"]), match)
    for pattern, format in _FIXED:
        if match := pattern.fullmatch(text):
            return format.format(*match.groups())
    return None


def in_words(text: str, order: DateOrder | None) -> str:
    """``dates day/month/year``: how ``text`` is read."""
    format = guess_format(text, order)
    if format is None or format.startswith("%Y-%m"):
        return ""
    for code, word in {"%d": "day", "%m": "month", "%b": "month", "%B": "month", "%Y": "year", "%y": "year"}.items():
        format = format.replace(code, word)
    date = re.split(r"[T ,_]*%[HI]", format.replace("%q", "quarters").replace("%G", "weeks"))[0]
    return f"dates {date.removesuffix('24')}"


def _numeric(match: re.Match[str], order: DateOrder | None) -> str | None:
    a, c, sep = match["a"], match["c"], match["sep"]
    if len(a) == 4:
        date = ("%Y", "%m", "%d")
    elif len(a) == 3 or len(c) not in (2, 4):
        return None
    elif order == "ymd":
        date = ("%y", "%m", "%d") if len(c) == 2 else ("%d", "%m", "%Y")
    else:
        year = "%Y" if len(c) == 4 else "%y"
        date = ("%m", "%d", year) if order == "mdy" else ("%d", "%m", year)
    return sep.join(date) + _clock(match)


def _named(date: str, match: re.Match[str]) -> str:
    month = "%b" if len(match["month"]) == 3 else "%B"
    year = "%y" if len(match.groupdict().get("year") or "") == 2 else "%Y"
    return date.replace("{month}", month).replace("{year}", year)


def _clock(match: re.Match[str]) -> str:
    if not match["clock"]:
        return ""
    if match["hour"] == "24":
        return "24"
    fraction = f"{match['fraction'][0]}%f" if match["fraction"] else ""
    half = f"{match['half'][:-2]}%p" if match["half"] else ""
    hour = "%I" if half else "%H"
    return f"{match['gap']}{hour}:%M{':%S' if match['second'] else ''}{fraction}{half}"
