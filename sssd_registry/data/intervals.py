"""Entries that are a time with its end, ``01.01.2023 00:00 - 01.01.2023 01:00``, and hours as they are written."""

from __future__ import annotations

import re

import pandas as pd

from sssd_registry.data.date_formats import CLOCK, is_date

# Two times with a dash or "to" between blanks, or as ISO 8601 has it.
_INTERVAL = re.compile(r"(?P<start>.*\d.*?)(?:\s+(?:[-–—]|to)\s+|/(?=\d{4}-\d))(?P<end>.*\d.*)")
_CLOCKS = re.compile(r"(?P<start>\d{1,2}:\d{2}(?::\d{2})?)\s*[-–—]\s*\d{1,2}:\d{2}(?::\d{2})?")
_HOURS = re.compile(r"(?P<start>\d{1,2})\s*[-–—]\s*\d{1,2}")
_HOUR = re.compile(r"(?:HE?\s?)?(?P<start>\d{1,2})\s?h?", re.IGNORECASE)
_DOTTED = re.compile(r"(?:[01]?\d|2[0-4])\.[0-5]\d\.[0-5]\d")
_HEAD = 50
# Characters of an entry: two times are not longer.
_LONGEST = 100


def interval_starts(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """``frame`` with the starts of intervals of time in their place, and a note for each such column.

    Times of day become what a clock shows: ``00 - 01`` and ``00.00.00`` are ``00:00``; an hour that ends, ``HE01``, is
    its number.
    """
    notes = []
    for name in frame.columns:
        column = frame[name]
        head = column.head(_HEAD)
        if pd.api.types.is_numeric_dtype(column.dtype) or not all(isinstance(entry, str) for entry in head):
            continue
        starts = _starts(column, str(name))
        if starts is not None:
            notes.append(f"{name}: {head.iloc[0]!r} is taken as {starts.iloc[0]}")
            frame = frame.assign(**{str(name): starts})
    return frame, notes


def _starts(column: pd.Series, name: str) -> pd.Series | None:
    head = column.head(_HEAD).astype("string").str.strip()
    if not len(head) or head.str.len().max() > _LONGEST or not _any(head.iloc[0], name):
        return None
    texts = column.astype("string").str.strip().str.slice(0, _LONGEST)
    if _INTERVAL.fullmatch(head.iloc[0]):
        parts = texts.str.extract(_INTERVAL)
        if all(map(is_date, parts["start"].head(_HEAD).dropna())) and _times(parts["end"].head(_HEAD)):
            return parts["start"].where(parts["start"].notna(), texts).astype(object)
    if _all(_CLOCKS, head):
        return texts.str.extract(_CLOCKS)["start"].astype(object)
    if _all(_DOTTED, head) and re.search(r"time|clock|zeit|heure|hora", name.lower()):
        return texts.str.replace(".", ":", regex=False).astype(object)
    if re.fullmatch(r"(?:delivery )?hours?|hr|he|hour ?ending|stunde", name.lower()) and not head.str.isdigit().all():
        if _all(_HOURS, head):
            return (texts.str.extract(_HOURS)["start"].str.zfill(2) + ":00").astype(object)
        if _all(_HOUR, texts):
            return texts.str.extract(_HOUR)["start"].astype(int)
    return None


def _any(text: str, name: str) -> bool:
    hour = re.search(r"hour|hr|he$|stunde", name.lower()) is not None
    return hour or any(pattern.fullmatch(text) for pattern in (_INTERVAL, _CLOCKS, _DOTTED))


def _all(pattern: re.Pattern[str], texts: pd.Series) -> bool:
    return all(isinstance(entry, str) and pattern.fullmatch(entry) for entry in texts)


def _times(ends: pd.Series) -> bool:
    known = ends.dropna()
    return len(known) > 0 and all(is_date(entry) or CLOCK.fullmatch(entry) is not None for entry in known)
