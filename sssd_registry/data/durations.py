"""Durations as text: ``5min``, ``1h``, ``1d``, ``1w``, and the calendar's: ``1b``, ``1mo``, ``1q``, ``1y``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

from sssd_registry.errors import SSSDError, shortened

MINUTE, HOUR, DAY, WEEK = 60, 3600, 86400, 604800
# No month, quarter or year is longer.
_LONGEST = {1: 31 * DAY, 3: 92 * DAY, 6: 184 * DAY}
_LONGEST_YEAR = 366 * DAY

_UNITS = {"s": 1, "sec": 1, "m": MINUTE, "min": MINUTE, "h": HOUR, "d": DAY, "w": WEEK}
# A business day is a bar of a day, on data that have bars on some days of the week alone.
_BUSINESS = ("b", "bd", "businessday")
_WORDS = {
    "second": "s", "minute": "min", "hour": "h", "day": "d", "week": "w", "month": "mo", "quarter": "q", "year": "y",
}  # fmt: skip
_MONTHS = {"mo": 1, "me": 1, "ms": 1, "q": 3, "qe": 3, "qs": 3, "y": 12, "ye": 12, "ys": 12}
# What is looked ahead or back to lies within these: longer numbers are slips, and would ask for all memory.
MOST_BARS = 1_000_000
_MOST_DIGITS = 12


class Length(NamedTuple):
    """Length of a bar or a row: ``months`` of the calendar, or where they are 0, ``seconds``.

    Seconds of a length in months are the most that it can have, so that bars leave no gap between them.
    """

    seconds: int
    months: int = 0

    def __str__(self) -> str:
        return format_months(self.months) if self.months else format_duration(self.seconds)


def calendar_length(months: int) -> Length:
    """A length of ``months`` months."""
    years, rest = divmod(months, 12)
    longest = _LONGEST.get(months, rest * _LONGEST[1] + years * _LONGEST_YEAR)
    return Length(longest, months)


def parse_length(text: str) -> Length:
    """The length in ``text``: as :func:`parse_duration`, or ``1mo``, ``1q``, ``1y``, or as pandas names these.

    Raises:
        SSSDError: not such a text, or zero.
    """
    number, unit = _split(text)
    if unit in _BUSINESS:
        if number != 1:
            raise SSSDError(f"{text!r}: a bar of business days is one of them: write 1b")
        return Length(DAY)
    if unit.lower() in _MONTHS and unit != "m":
        return calendar_length(number * _MONTHS[unit.lower()])
    return Length(number * _UNITS[unit.lower()])


def is_business_day(text: str) -> bool:
    """Tell whether ``text`` is a number of business days, such as ``1b``.

    Raises:
        SSSDError: it is no duration.
    """
    return _split(text)[1] in _BUSINESS


def parse_duration(text: str) -> int:
    """Seconds in ``text``: a whole number and a unit, ``s``, ``min`` or ``m``, ``h``, ``d`` or ``D``, ``w``.

    Raises:
        SSSDError: not such a text, zero, or a unit without a fixed length (months).
    """
    length = parse_length(text)
    if length.months:
        raise SSSDError(f"duration {text!r}: a month has no fixed length; give it in days, such as 30d")
    return length.seconds


def _split(text: str) -> tuple[int, str]:
    """The number and the unit, which is known."""
    match = re.fullmatch(r"\s*(\d*)\s*([A-Za-z]+(?: [A-Za-z]+)?)\s*", text)
    unit = match[2] if match else ""
    word = unit.lower().replace(" ", "").removesuffix("s")
    if len(unit) > 3 or unit.lower() in ("b", "bd"):
        unit = _WORDS.get(word, word if word in _BUSINESS else unit)
    if unit == "M":
        raise SSSDError(f"duration {text!r}: M may be months or minutes; write months as 'mo', minutes as 'min'")
    if match is None or (unit.lower() not in _UNITS | _MONTHS and unit not in _BUSINESS):
        raise SSSDError(
            f"{shortened(text)!r} is not a duration; expected a whole number and a unit, such as 5min, 1h, 1d, 1w, 1mo"
        )
    if len(match[1]) > _MOST_DIGITS:
        raise SSSDError(f"duration {shortened(text)!r} is longer than any data")
    if match[1] and not int(match[1]):
        raise SSSDError(f"duration {text!r} is zero")
    return int(match[1] or 1), unit


def format_duration(seconds: int) -> str:
    """``seconds`` in the largest unit that divides them, for :func:`parse_duration`: ``5min``, ``1w``."""
    for unit, size in (("w", WEEK), ("d", DAY), ("h", HOUR), ("min", MINUTE)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def format_months(months: int) -> str:
    """``months`` for :func:`parse_length`: ``1mo``, ``1q``, ``2y``."""
    if months % 12 == 0:
        return f"{months // 12}y"
    return "1q" if months == 3 else f"{months}mo"


def parse_horizons(
    values: Sequence[str | int], bar: int | Length, unit: Literal["bars", "min"] = "bars", week: int = 0
) -> tuple[int, ...]:
    """Horizons in bars, ascending.

    Args:
        values: plain numbers count ``unit``; texts such as ``4h`` are durations of trading time, that is,
            they count as many bars as fit into them, whatever gaps lie between. ``1:24`` is each bar from the first
            to the twenty-fourth, ``1h:24h`` the same in durations, and ``1:24:2`` every other bar.
        bar: length of one bar, or its seconds.
        unit: what a plain number means: bars, or minutes.
        week: bars in a week where these are business days; 0 where they are not. ``1w`` is so many bars then, and
            ``5b`` are five.

    Raises:
        SSSDError: none, not positive, not a whole number of bars, the same one twice, or more than a million bars.
    """
    length = bar if isinstance(bar, Length) else Length(bar)
    found: dict[int, str | int] = {}
    for value in values:
        for bars in _range(value, length, unit, week):
            if bars in found:
                raise SSSDError(f"horizons {found[bars]} and {value} are the same: {bars} bars; name each once")
            found[bars] = value
    if not found:
        raise SSSDError("no horizons; expected bar counts or durations, such as 1,4,24 or 15min,1h,4h")
    return tuple(sorted(found))


def _range(value: str | int, bar: Length, unit: Literal["bars", "min"], week: int) -> range:
    """Bars of ``value``: of one horizon, or of ``FIRST:LAST`` or ``FIRST:LAST:STEP``, the last one included."""
    parts = [part.strip() for part in value.split(":")] if isinstance(value, str) else [str(_whole(value))]
    if len(parts) > 3 or (len(parts) > 1 and not all(parts)):
        raise SSSDError(
            f"{shortened(value)!r} is no range of horizons; expected FIRST:LAST or FIRST:LAST:STEP, such as 1:24,"
            " 1h:24h or 1:24:2"
        )
    first, *more = (_bars(part, bar, unit, week) for part in parts)
    last, step = (more[0] if more else first), (more[1] if len(more) == 2 else 1)
    if last > MOST_BARS:
        raise SSSDError(f"horizon {_shown(value)} is farther than {MOST_BARS:,} bars: give a nearer one")
    if last < first:
        raise SSSDError(f"horizons {shortened(value)} end before they begin: give the nearer one first")
    return range(first, last + 1, step)


def _bars(value: str | int, bar: Length, unit: Literal["bars", "min"], week: int) -> int:
    number = _whole(value)
    if number is not None and number <= 0:
        raise SSSDError(f"horizon {_shown(value)} is not positive; the next bar is horizon 1")
    if number is not None and unit == "bars":
        return number
    if number is None and (counted := _business_bars(str(value), bar, week)) is not None:
        return counted
    asked = Length(number * MINUTE) if number is not None else parse_length(str(value))
    if bool(asked.months) != bool(bar.months):
        fits = "bars, mo, q or y" if bar.months else "bars, or a duration such as 5d"
        raise SSSDError(f"horizon {asked} is not a whole number of {bar} bars: give it in {fits}")
    size, span = (bar.months, asked.months) if bar.months else (bar.seconds, asked.seconds)
    bars, rest = divmod(span, size)
    if rest:
        text = format_months if bar.months else format_duration
        near = [text(count * size) for count in (bars, bars + 1) if count]
        shown = f"{value}{'min' if number is not None else ''}"
        raise SSSDError(f"horizon {shown} is not a whole number of {bar} bars; nearest: {' or '.join(near)}")
    return bars


def _business_bars(text: str, bar: Length, week: int) -> int | None:
    """Bars of business days in ``text``, such as ``5b`` or ``2w``; None for any other duration.

    Raises:
        SSSDError: it counts business days, and bars are none.
    """
    number, unit = _split(text)
    if unit in _BUSINESS and not week:
        raise SSSDError(f"horizon {text}: bars of {bar} are no business days here: give it in bars, or as {number}d")
    if unit in _BUSINESS:
        return number
    return number * week if week and unit.lower() == "w" else None


def _whole(value: str | int) -> int | None:
    """``value`` where it is a plain number, and no farther than any: Python reads none of thousands of digits."""
    most = int(10**_MOST_DIGITS)
    if isinstance(value, int):
        return max(-most, min(value, most))
    match = re.fullmatch(r"\s*([+-]?)0*(\d+)\s*", value)
    if match is None:
        return None
    number: int = int(match[2]) if len(match[2]) <= _MOST_DIGITS else most
    return -number if match[1] == "-" else number


def _shown(value: str | int) -> str:
    return shortened(value if isinstance(value, str) else _whole(value))
