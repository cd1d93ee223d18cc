"""Texts that are dates: in which order day, month and year stand, and which zone they are in."""

from __future__ import annotations

import datetime
import re
import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sssd_registry.data.date_formats import WEEKDAY, guess_format, in_words, orders_of, tidy
from sssd_registry.data.evenness import evenness
from sssd_registry.data.reading import DateOrder
from sssd_registry.data.zones import localized, split_zone, suffix_minutes

# An order of day and month is tried on so many entries before it is on all.
_SAMPLE = 500
# Two digits from these on are of the last century.
_LAST_CENTURY = 2050
# Of numbers from 1 to 4 beside years, for them to be quarters.
_QUARTERS = 8
_NUMBERED = re.compile(r"(?P<year>\d{4})[-/:. ](?P<number>[1-4])")


@dataclass(frozen=True)
class Dates:
    """A column of texts, read.

    Attributes:
        times: aware ``datetime64[ns]``, NaT where an entry is no date; in the offset that all have, or else UTC.
        order: in which the parts of its dates stand, where that had to be found out.
        even: False where another order gives other dates with steps as even: it has to be asked for.
        note: how the dates were read, where they are not ISO's.
        local: whether some times name no zone.
        zone: what stands behind the times where it is not known which zone that is; ``""`` behind some only.
    """

    times: pd.Series
    order: DateOrder | None = None
    even: bool = True
    note: str = ""
    local: bool = True
    zone: str | None = None


def read_dates(
    column: pd.Series, order: DateOrder | None, timezone: str | None, groups: pd.Series | None, where: str
) -> Dates:
    """Dates in a column of texts, or of time stamps as objects.

    Args:
        order: of dates that can be read in several; None takes the one with the most even steps.
        timezone: of times that name none; UTC when None.
        groups: series of each row; None for a single one.
        where: the file, for messages.
    """
    column = _tidied(column)
    iso = _iso(column)
    if iso is not None:
        aware = isinstance(iso.dtype, pd.DatetimeTZDtype)
        return Dates(iso if aware else to_utc(iso, timezone, groups, where), local=not aware)
    texts = column.astype("string").str.strip()
    head = next(iter(texts.dropna()), "")
    if WEEKDAY.match(head):
        texts = texts.str.replace(WEEKDAY, "", n=1, regex=True)
    texts, minutes, unknown, abbreviations = _without_zones(texts)
    if unknown is not None and timezone is None:
        return Dates(pd.Series(pd.NaT, index=column.index).dt.tz_localize("UTC"), zone=unknown)
    naive, found, even = _in_best_order(texts, order)
    notes = [in_words(next(iter(texts.dropna()), ""), found), *abbreviations]
    note = ", ".join(one for one in notes if one)
    # Of NaN, pandas makes a number by chance, and warns by chance.
    own = (naive - pd.to_timedelta(minutes.fillna(0), unit="min")).dt.tz_localize("UTC")
    local = minutes.isna() & naive.notna()
    if not local.any():
        offsets = minutes.dropna().unique()
        if len(offsets) == 1:
            own = own.dt.tz_convert(datetime.timezone(datetime.timedelta(minutes=int(offsets[0]))))
        return Dates(own, found, even, note, local=False)
    times = to_utc(naive.where(local), timezone, groups, where).where(local, own)
    return Dates(times, found, even, note)


def to_utc(naive: pd.Series, timezone: str | None, groups: pd.Series | None, where: str) -> pd.Series:
    """Naive times in ``timezone``, UTC when None, as UTC."""
    return naive.dt.tz_localize("UTC") if timezone is None else localized(naive, timezone, groups, where)


def _iso(column: pd.Series) -> pd.Series | None:
    """``column`` as ISO 8601 with zone or without; None where it is something else, or some have a zone."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)  # several offsets, or none beside some
            times = pd.to_datetime(column, format="ISO8601")
    except FutureWarning:
        times = None
    except (ValueError, TypeError, OverflowError):
        return None
    if times is not None and times.dtype.kind == "M" and not isinstance(times.dtype, pd.DatetimeTZDtype):
        return pd.Series(times)
    # pandas takes times without a zone, behind one with a zone, as in that zone.
    texts = column[[isinstance(entry, str) for entry in column]]
    if not texts.str.contains(r"(?:Z|[:T]\d\d\S*[+-]\d\d(?::?\d\d)?)\s*$", regex=True).all():
        return None
    utc = pd.to_datetime(column, format="ISO8601", utc=True)
    if times is not None and isinstance(times.dtype, pd.DatetimeTZDtype):
        return utc.dt.tz_convert(times.dtype.tz)  # all have one offset
    return utc


def _without_zones(texts: pd.Series) -> tuple[pd.Series, pd.Series, str | None, list[str]]:
    """Texts without what stands behind the time, its minutes east of UTC (NaN for none), one that is unknown, notes."""
    some = texts.dropna()
    if not any(split_zone(text) for text in some.iloc[:: max(1, len(some) // _SAMPLE)]):
        return texts, pd.Series(np.nan, index=texts.index), None, []
    matches = [split_zone(text) if isinstance(text, str) else None for text in texts]
    found = [suffix_minutes(match) if match else np.nan for match in matches]
    pairs = list(zip(matches, found, strict=True))
    unknown = next((match["name"] for match, offset in pairs if match and offset is None), None)
    bare = [text for text, match in zip(texts, matches, strict=True) if match is None and isinstance(text, str)]
    if unknown is None and any(guess_format(text, None) for text in bare):
        unknown = ""
    bases = [match["base"] if match else text for text, match in zip(texts, matches, strict=True)]
    minutes = pd.Series([np.nan if offset is None else offset for offset in found], texts.index, dtype=float)
    names = {match["name"]: offset for match, offset in pairs if match and match["name"] and offset}
    notes = [f"{name} is UTC{offset / 60:+g}" for name, offset in sorted(names.items())]
    return pd.Series(bases, texts.index, dtype="string"), minutes, unknown, notes


def _in_best_order(texts: pd.Series, asked: DateOrder | None) -> tuple[pd.Series, DateOrder | None, bool]:
    """Naive times, the order where there were several to choose from, and whether the choice is plain."""
    some = texts.dropna()
    orders = orders_of(next(iter(some), ""))
    if len(orders) < 2:
        return _parse(texts, orders[0] if orders else None), None, True
    sample = some.iloc[:: max(1, len(some) // _SAMPLE)]
    missed = {order: int(_parse(sample, order).isna().sum()) for order in orders}
    likely = [order for order in orders if missed[order] == min(missed.values())]
    readings = {order: _parse(texts, order) for order in likely}
    missed = {order: int(times.isna().sum()) for order, times in readings.items()}
    full = [order for order in likely if missed[order] == min(missed.values())]
    if asked in full:
        return readings[asked], asked, True
    first = full[0]
    # Dots are between day, month and year, in this order, wherever dates are written with dots.
    if len(full) == 1 or (first == "dmy" and "." in sample.iloc[0][:6] and orders_of(sample.iloc[0])[-1] != "ymd"):
        return readings[first], first, True
    scores = {order: evenness(readings[order]) for order in full}
    best, second = sorted(full, key=lambda order: -scores[order])[:2]
    even = scores[best] > scores[second] + 1e-9 or bool((readings[best] == readings[second]).all())
    return readings[best], best, even


def _parse(texts: pd.Series, order: DateOrder | None) -> pd.Series:
    """Naive ``datetime64[ns]``; entries in several notations are read one notation after the other."""
    times = pd.Series(pd.NaT, index=texts.index, dtype="datetime64[ns]")
    left = texts[texts.notna()]
    for _ in range(8):
        format = guess_format(left.iloc[0], order) if len(left) else None
        if format is None:
            break
        got = _strptime(left, format)
        if pd.isna(got.iloc[0]):
            break
        times.loc[got.index[got.notna()]] = got[got.notna()]
        left = left[got.isna().to_numpy()]
    return times


def _strptime(texts: pd.Series, format: str) -> pd.Series:
    """Entries of one format; 24:00 is the next midnight, and a quarter its first day."""
    shift = pd.Timedelta(0)
    if "%q" in format:  # not Python's: a quarter
        parts = texts.str.extract(
            r"^(?:(?P<year>\d{4})-?\s?[Qq](?P<quarter>[1-4])|[Qq](?P<q>[1-4])[-\s/]?(?P<y>\d{4}))$"
        )
        year, quarter = parts["year"].fillna(parts["y"]), parts["quarter"].fillna(parts["q"])
        month = quarter.map({"1": "01", "2": "04", "3": "07", "4": "10"})
        texts, format = year + "-" + month, "%Y-%m"
    elif format.endswith("24"):
        shift, format = pd.Timedelta(days=1), format.removesuffix("24")
        texts = texts.str.replace(r"([ T])24:00(:00(?:\.0+)?)?$", "", regex=True)
    elif format == "%G":
        parts = texts.str.extract(r"^(?P<year>\d{4})-?W(?P<week>\d{2})(?:-?(?P<day>[1-7]))?$")
        texts = parts["year"] + "-W" + parts["week"] + "-" + parts["day"].fillna("1")
        format = "%G-W%V-%u"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        times = pd.to_datetime(texts.astype(object), format=format, errors="coerce").astype("datetime64[ns]") + shift
    if "%y" in format:  # '65 is of the last century; Python says so from '69 on
        times = times.where(~(times.dt.year >= _LAST_CENTURY), times - pd.DateOffset(years=100))
    return times


def _tidied(column: pd.Series) -> pd.Series:
    """Notations that are seldom, as they usually are; quarters told from months by their numbers, which end at 4."""
    head = next((entry.strip() for entry in column.head(_SAMPLE) if isinstance(entry, str)), "")
    if tidy(head) != head:
        return column.astype("string").str.strip().map(tidy, na_action="ignore").astype(object)
    if not _NUMBERED.fullmatch(head):
        return column
    parts = column.astype("string").str.strip().str.extract(_NUMBERED)
    known = parts.dropna()
    if len(known) < max(_QUARTERS, int(column.notna().sum())) or set(known["number"]) != set("1234"):
        return column
    return (parts["year"] + "-Q" + parts["number"]).astype(object)
