"""Time zones: what stands behind a time, and local times on both sides of a change of the clock."""

from __future__ import annotations

import re
import zoneinfo
from functools import cache

import numpy as np
import numpy.typing as npt
import pandas as pd

from sssd_registry.errors import SSSDError, near_matches

# Abbreviations that mean one offset in practice, in minutes. CST, IST, AST and others mean several: they are asked for.
_ABBREVIATIONS = {
    "Z": 0, "UTC": 0, "GMT": 0, "WET": 0, "WEST": 60, "CET": 60, "CEST": 120, "MEZ": 60, "MESZ": 120,
    "EET": 120, "EEST": 180, "MSK": 180, "EST": -300, "EDT": -240, "CDT": -300, "MST": -420, "MDT": -360,
    "PST": -480, "PDT": -420, "JST": 540, "KST": 540, "HKT": 480, "SGT": 480, "AEST": 600, "AEDT": 660,
    "NZST": 720, "NZDT": 780,
}  # fmt: skip
# With daylight saving, as the columns of those who write them have it.
_IN_NAMES = {
    "EET": "EET", "CET": "CET", "CEST": "CET", "MEZ": "CET", "MESZ": "CET", "EEST": "EET", "WET": "WET", "WEST": "WET",
    "MET": "MET", "AEST": "Australia/Sydney", "NZST": "Pacific/Auckland", "EST": "America/New_York",
    "EDT": "America/New_York", "ET": "America/New_York", "CT": "America/Chicago", "PT": "America/Los_Angeles",
    "PST": "America/Los_Angeles", "PDT": "America/Los_Angeles", "JST": "Asia/Tokyo", "HKT": "Asia/Hong_Kong",
    "MSK": "Europe/Moscow",
}  # fmt: skip
# Of India, Ireland or Israel; of China, Cuba or Chicago; and so on.
_SEVERAL = ("CST", "CDT", "IST", "BST", "AST")
_WITH_MINUTES = {
    ("+", 5, 30): "Asia/Kolkata", ("+", 5, 45): "Asia/Kathmandu", ("+", 6, 30): "Asia/Yangon",
    ("+", 4, 30): "Asia/Kabul", ("+", 9, 30): "Australia/Darwin",
}  # fmt: skip
# Behind a digit or AM/PM: an offset, UTC+2, an abbreviation, or Area/City; Java adds [Area/City] to an offset.
_SUFFIX = re.compile(
    r"(?P<base>.*?(?:\d|[AaPp]\.?[Mm]\.?))\s*"
    r"(?:(?P<prefix>UTC|GMT|Z)?(?P<sign>[-+−])(?P<hours>\d{1,2})(?::?(?P<minutes>\d{2}))?(?P<seconds>:?00)?"
    r"|\(?(?P<name>(?!(?i:am|pm)\b|(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec))[A-Z][A-Za-z]{1,4}|Z|[A-Z][A-Za-z]+/[A-Za-z_/+\-0-9]+)\)?)"
    r"\s*(?:\[[\w/+-]+\]|\([A-Za-z ]+\)|[A-Z]{3,5})?"
)


@cache
def zone(name: str) -> zoneinfo.ZoneInfo:
    """The time zone called ``name`` (IANA).

    Raises:
        SSSDError: there is none.
    """
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        known = zoneinfo.available_timezones()
        raise SSSDError(f"data.timezone: no time zone {name!r}; {near_matches(name, known) if known else ''}") from None


def zone_in_name(name: str, where: str) -> str | None:
    """The zone that a column's name says its times are in: ``Time (EET)``, ``MTU (CET/CEST)``, ``time [UTC+2]``.

    None for none, and for UTC.

    Raises:
        SSSDError: the name has an abbreviation that means several zones.
    """
    match = re.search(r"[(\[]\s*([A-Z][\w/+:−-]{1,40})\s*[)\]]\s*$", name)
    if match is None:
        return None
    said = match[1]
    if offset := re.fullmatch(r"(?:UTC|GMT)([-+−])(\d{1,2})(?::?(\d{2}))?", said):
        return _of_offset(f"{where}: column {name!r}", offset[1], int(offset[2]), int(offset[3] or 0))
    if said in _SEVERAL:
        raise SSSDError(
            f"{where}: column {name!r}: {said!r} does not say how far from UTC; name the zone:"
            " --set data.timezone=Area/City, such as America/Chicago"
        )
    known = [_IN_NAMES[part] for part in said.split("/") if part in _IN_NAMES]
    if known:
        return known[0]
    return said if "/" in said and said in zoneinfo.available_timezones() else None


def _of_offset(place: str, sign: str, hours: int, minutes: int) -> str | None:
    if (hours, minutes) == (0, 0):
        return None
    if minutes == 0 and hours <= (14 if sign == "+" else 12):
        return f"Etc/GMT{'-' if sign == '+' else '+'}{hours}"  # POSIX has its signs the other way round
    found = _WITH_MINUTES.get((sign, hours, minutes))
    if found is None:
        raise SSSDError(f"{place}: no zone is known by this offset; name it: --set data.timezone=Area/City")
    return found


def split_zone(text: str) -> re.Match[str] | None:
    """``text`` as a time (``base``) and what stands behind it; None where nothing does."""
    match = _SUFFIX.fullmatch(text)
    if match and match["sign"] and not match["prefix"] and not re.search(r":\d|T\d", match["base"]):
        return None  # 01-02-23 has no offset of -23 hours
    return match


def suffix_minutes(match: re.Match[str]) -> int | None:
    """Return minutes east of UTC from what stands behind a time; None for a name that is unknown or means several."""
    if match["sign"]:
        minutes = 60 * int(match["hours"]) + int(match["minutes"] or 0)
        return minutes if match["sign"] == "+" else -minutes
    return _ABBREVIATIONS.get(match["name"].upper())


def localized(times: pd.Series, name: str, groups: pd.Series | None, where: str) -> pd.Series:
    """Naive local ``times`` in zone ``name`` as UTC.

    An hour that the clock shows twice is told apart by the order of the rows: the first time that a series has a
    local time it is before the change. Dates without a clock stay the dates that they are.

    Args:
        groups: series of each row; None for a single one.

    Raises:
        SSSDError: a local time that the clock skipped, or one that a series has three times.
    """
    zone(name)
    values = pd.DatetimeIndex(times)
    if (values == values.normalize()).all():
        return pd.Series(values.tz_localize("UTC"), index=times.index, name=times.name)
    keys = [times] if groups is None else [groups, times]
    repeats = times.groupby(keys, sort=False, dropna=False).cumcount().to_numpy()
    forward = len(values) < 2 or values[-1] >= values[0]
    shown = values.tz_localize(name, ambiguous=np.ones(len(values), dtype=bool), nonexistent="NaT")
    later = values.tz_localize(name, ambiguous=np.zeros(len(values), dtype=bool), nonexistent="NaT")
    known = np.asarray(values.notna())
    skipped = np.flatnonzero(np.asarray(shown.isna()) & known)
    if len(skipped):
        raise SSSDError(
            f"{where}: column {times.name!r}, row {skipped[0] + 1}: {values[skipped[0]]} does not exist in {name}: the"
            " clock goes forward over it; drop that row, or name the zone that the times are in:"
            " --set data.timezone=UTC"
        )
    ambiguous = np.asarray(shown != later) & known
    if (ambiguous & (repeats > 1)).any():
        row = int(np.argmax(ambiguous & (repeats > 1)))
        raise SSSDError(
            f"{where}: column {times.name!r}, row {row + 1}: {values[row]} is there three times, and the change of the"
            f" clock in {name} explains two; keep one row for each time"
        )
    twice = times.groupby(keys, sort=False, dropna=False).transform("size").to_numpy() == 2
    # Newest first, what comes first in the file is after the change.
    second = twice & (repeats == (1 if forward else 0))
    utc = shown.where(~(ambiguous & second), later).tz_convert("UTC")
    alone = ambiguous & ~twice
    if alone.any():
        utc = utc.where(~(alone & _better_later(utc, later, groups, forward)), later.tz_convert("UTC"))
    return pd.Series(utc, index=times.index, name=times.name)


def _better_later(
    utc: pd.DatetimeIndex, later: pd.DatetimeIndex, groups: pd.Series | None, forward: bool
) -> npt.NDArray[np.bool_]:
    """Find the times of which only the later reading is a usual step after the row before it."""
    series = pd.Series(utc)
    shift = 1 if forward else -1
    before = series.shift(shift) if groups is None else series.groupby(groups.to_numpy()).shift(shift)
    usual = (series - before).mode()
    if usual.empty:
        return np.zeros(len(series), dtype=bool)
    step = pd.Series(later.tz_convert("UTC")) - before
    return np.asarray((series - before != usual[0]) & (step == usual[0]))
