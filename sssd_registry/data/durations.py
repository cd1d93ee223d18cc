"""Durations as text: ``5min``, ``1h``, ``1d``, ``1w``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from sssd_registry.errors import SSSDError

MINUTE, HOUR, DAY, WEEK = 60, 3600, 86400, 604800

_UNITS = {"s": 1, "sec": 1, "m": MINUTE, "min": MINUTE, "h": HOUR, "d": DAY, "w": WEEK}


def parse_duration(text: str) -> int:
    """Seconds in ``text``: a whole number and a unit, ``s``, ``min`` or ``m``, ``h``, ``d`` or ``D``, ``w``.

    Raises:
        SSSDError: not such a text, zero, or a unit without a fixed length (``M``, months).
    """
    match = re.fullmatch(r"\s*(\d*)\s*([A-Za-z]+)\s*", text)
    unit = match[2] if match else ""
    if unit == "M":
        raise SSSDError(f"duration {text!r}: a month has no fixed length; write minutes as 'min', or days as 'd'")
    if match is None or unit.lower() not in _UNITS:
        raise SSSDError(f"{text!r} is not a duration; expected a whole number and a unit, such as 5min, 1h, 1d, 1w")
    seconds = int(match[1] or 1) * _UNITS[unit.lower()]
    if seconds == 0:
        raise SSSDError(f"duration {text!r} is zero")
    return seconds


def format_duration(seconds: int) -> str:
    """``seconds`` in the largest unit that divides them, for :func:`parse_duration`: ``5min``, ``1w``."""
    for unit, size in (("w", WEEK), ("d", DAY), ("h", HOUR), ("min", MINUTE)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def parse_horizons(
    values: Sequence[str | int], bar_seconds: int, unit: Literal["bars", "min"] = "bars"
) -> tuple[int, ...]:
    """Horizons in bars, ascending.

    Args:
        values: plain numbers count ``unit``; texts such as ``4h`` are durations of trading time, that is,
            they count as many bars as fit into them, whatever gaps lie between.
        bar_seconds: length of one bar.
        unit: what a plain number means: bars, or minutes.

    Raises:
        SSSDError: none, not positive, not a whole number of bars, or the same one twice.
    """
    found: dict[int, str | int] = {}
    for value in values:
        bars = _bars(value, bar_seconds, unit)
        if bars in found:
            raise SSSDError(f"horizons {found[bars]} and {value} are the same: {bars} bars; name each once")
        found[bars] = value
    if not found:
        raise SSSDError("no horizons; expected bar counts or durations, such as 1,4,24 or 15min,1h,4h")
    return tuple(sorted(found))


def _bars(value: str | int, bar_seconds: int, unit: Literal["bars", "min"]) -> int:
    number = int(value) if isinstance(value, int) or re.fullmatch(r"\s*[+-]?\d+\s*", value) else None
    if number is not None and number <= 0:
        raise SSSDError(f"horizon {value} is not positive; the next bar is horizon 1")
    if number is not None and unit == "bars":
        return number
    seconds = number * MINUTE if number is not None else parse_duration(str(value))
    bars, rest = divmod(seconds, bar_seconds)
    if rest:
        near = [count * bar_seconds for count in (bars, bars + 1) if count]
        raise SSSDError(
            f"horizon {value}{'min' if number is not None else ''} is not a whole number of"
            f" {format_duration(bar_seconds)} bars; nearest: {' or '.join(map(format_duration, near))}"
        )
    return bars
