"""Distance between rows: the bar where nobody says so, and a check that rows are as far apart as the model's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sssd_registry.data.durations import Length, calendar_length
from sssd_registry.data.months import same_place, same_weekday, whole_months

Times = npt.NDArray[np.int64]

# Distances within this of the model's are its own: a change of the clock makes a day of 23 hours.
_TOLERANCE = 0.05
# Of the distances. Business days lie a day apart in four of five, bars of an exchange's hours in six of seven; of
# a series with half of its rows missing at random, half do.
_DOMINANT, _HALF = 1 / 3, 0.5
_HARDLY_ANY = 0.1
# So many distances in a row, none of them the model's, are no gaps any more.
_FINER, _COARSER = 8, 20
# Of the rows: in millions with most of them missing, chance makes stretches as long.
_WORTH_A_WORD = 0.002


@dataclass(frozen=True)
class Spacing:
    """The most frequent distance between rows.

    Attributes:
        length: it.
        share: of the distances that are it.
        grid: whether the others are multiples of it: rows that are missing, not rows at any time.
    """

    length: Length
    share: float
    grid: bool


def find_spacing(times: Sequence[Times]) -> Spacing | None:
    """Find the spacing of the rows of all series together; None where no series has two."""
    several = [one for one in times if len(one) > 1]
    if not several:
        return None
    distances = np.concatenate([np.diff(one) for one in several])
    values, counts = np.unique(distances, return_counts=True)
    fixed = Spacing(
        Length(int(values[np.argmax(counts)])),
        float(counts.max() / len(distances)),
        bool(np.mean(distances % values[np.argmax(counts)] == 0) >= 1 - _TOLERANCE),
    )
    return _calendar(several, fixed) or fixed


def _calendar(times: Sequence[Times], fixed: Spacing) -> Spacing | None:
    """Months, quarters or years, if rows lie those apart; weeks, of which 4 or 13 are nearly as long, are no months."""
    if fixed.length.seconds < 27 * 86_400:
        return None
    months = np.concatenate([whole_months(one) for one in times])
    spare = max(1, 0.1 * len(months)) if len(months) > 2 else 0
    if np.sum(months == 0) > spare:
        return None
    anchored = np.mean(np.concatenate([same_place(one) for one in times])) >= 0.75
    of_week = fixed.share < 0.9 and np.mean(np.concatenate([same_weekday(one) for one in times])) >= 0.95
    if not anchored and not of_week and fixed.share > 0.6:
        return None
    values, counts = np.unique(months[months > 0], return_counts=True)
    return Spacing(calendar_length(int(values[np.argmax(counts)])), float(counts.max() / len(months)), grid=True)


@dataclass(frozen=True)
class Verdict:
    """Verdict on the rows of one series.

    Attributes:
        row_seconds: how long a row is.
        fault: why they cannot be the model's, or "".
        note: what is odd about them, or "".
    """

    row_seconds: int
    fault: str = ""
    note: str = ""


def judge_rows(times: Times, step: Length, row_seconds: int, bar: Length, lookback: int) -> Verdict:
    """Judge whether rows are as far apart as the model's were.

    Gaps are fine, and so are rows that are whole parts of a bar.

    Args:
        times: int64 ``(n,)``, ascending, of one series.
        step: the most frequent distance of the training data's rows.
        row_seconds: length of their rows.
        bar: what rows are put together to.
        lookback: bars of a window.
    """
    if len(times) < 4:
        return Verdict(row_seconds)
    own = _own(times, step)
    found = find_spacing([times])
    if found is not None and _other(found, own, step):
        if _part_of(found.length, row_seconds, bar):
            return Verdict(found.length.seconds)
        return Verdict(row_seconds, f"rows are {found.length} apart, and the model's are {step}: {_remedy(step)}")
    note = ""
    nearer = np.concatenate([[0], np.cumsum(np.diff(times) < (1 - _TOLERANCE) * step.seconds)])
    for first, last in _stretches(own):
        if last - first < _COARSER and nearer[first] == nearer[last]:
            continue
        found = find_spacing([times[first : last + 1]])
        if found is None or _part_of(found.length, row_seconds, bar):
            continue
        count, finer = last - first, found.length.seconds < step.seconds
        if found.share < _HALF:
            continue
        start = first + _gap_before(times[first : last + 1], found.length)
        place = f"rows {start + 1} to {last + 1} ({_date(times[start])} to {_date(times[last])})"
        rows_back = lookback * max(1, bar.seconds // step.seconds)
        if finer or (count >= _COARSER and last == len(times) - 1 and 2 * count >= min(rows_back, len(times))):
            fault = f"{place} are {found.length} apart, and the others {step}: keep rows of one length in a file"
            return Verdict(row_seconds, fault)
        if count >= max(_COARSER, _WORTH_A_WORD * len(times)) and not note:
            note = f"{place} are {found.length} apart: taken as bars of {step} with gaps between"
    return Verdict(row_seconds, note=note)


def _own(times: Times, step: Length) -> npt.NDArray[np.bool_]:
    """Find the distances that are the model's, bool ``(n - 1,)``."""
    if step.months:
        return np.asarray(whole_months(times) == step.months, dtype=np.bool_)
    return np.asarray(np.abs(np.diff(times) - step.seconds) <= _TOLERANCE * step.seconds, dtype=np.bool_)


def _other(found: Spacing, own: npt.NDArray[np.bool_], step: Length) -> bool:
    """Tell whether the series as a whole has another distance: one prevails, and the model's hardly occurs."""
    if step.months and not found.length.months:  # 28 days are a month's in most months
        return found.share > 0.6 and len(own) >= 12
    if found.length.months and not step.months:  # and a month is nearly 28 days, or 30
        return found.share >= _HALF > float(own.mean())
    return found.share >= _DOMINANT and float(own.mean()) < _HARDLY_ANY


def _part_of(length: Length, row_seconds: int, bar: Length) -> bool:
    """Tell whether rows of ``length`` can be put together to bars as the model's own rows are."""
    if length.months or bar.months or bar.seconds == row_seconds:
        return False
    return row_seconds <= length.seconds and not bar.seconds % length.seconds and not length.seconds % row_seconds


def _stretches(own: npt.NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """First and last row of each stretch without a distance that is the model's, if it is long enough to matter."""
    ends = np.flatnonzero(np.concatenate([[True], own, [True]]))
    for index in np.flatnonzero(np.diff(ends) - 1 >= _FINER):
        yield int(ends[index]), int(ends[index + 1]) - 1


def _gap_before(times: Times, length: Length) -> int:
    """Rows before the first that has the next ``length`` after it."""
    return 0 if length.months else int(np.argmax(np.diff(times) == length.seconds))


def _date(time: np.int64) -> str:
    return str(time.astype("datetime64[s]")).replace("T", " ")


def _remedy(step: Length) -> str:
    return f"bring rows of {step}, or train on rows such as these"
