"""What is asked of a reading, what was understood, and how a row is called in a message."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd

from sssd_registry.errors import near_matches, some

Decimal: TypeAlias = Literal[".", ","]
DateOrder: TypeAlias = Literal["dmy", "mdy", "ymd"]

_READING = "reading"


@dataclass(frozen=True)
class ReadSettings:
    """What is said about a file beforehand; None is found out from the file.

    Attributes:
        time: time column.
        id: column naming the series.
        timezone: IANA name of the zone of times without one.
        decimal: decimal mark, where numbers such as ``2,034`` could be read either way.
        date_order: of dates such as 01/02/2023, where they could be read either way.
        step_length: of a counted step, such as ``1h``, where times are counted: 1, 2, 3.
    """

    time: str | None = None
    id: str | None = None
    timezone: str | None = None
    decimal: Decimal | None = None
    date_order: DateOrder | None = None
    step_length: str | None = None

    @classmethod
    def of(cls, how: object) -> ReadSettings:
        """Those in a ``DataConfig`` or a ``DataSpec``; a text is the name of the time column."""
        if how is None or isinstance(how, str):
            return cls(time=how)
        if isinstance(how, ReadSettings):
            return how
        found: dict[str, Any] = {name: getattr(how, name, None) for name in cls.__dataclass_fields__}
        bar = getattr(how, "bar", None)
        if found["step_length"] is None and isinstance(bar, str):
            found["step_length"] = bar
        return cls(**found)


@dataclass(frozen=True)
class Reading:
    """What was understood of a file or frame: in ``frame.attrs``, and got at by :func:`reading_of`.

    Attributes:
        notes: one short text for each thing that was not plain: ``delimiter ';'``, ``dates day/month/year``,
            ``newest first: sorted``. Empty for an ordinary file.
        time: time column.
        delimiter: of a CSV.
        layout: name of a known layout, such as ``MetaTrader``.
        decimal, date_order, step_length: as settled, for the same reading of other files; None where nothing had to be.
        zone: that the times are in; None where nothing says it, and for dates without a clock.
        first_line: line of the file, from 1, with the first row of data; 0 where there are no lines.
        skipped_lines: lines after it that are not rows, ascending: blank ones, repeated headers.
    """

    notes: tuple[str, ...] = ()
    time: str | None = None
    delimiter: str | None = None
    layout: str | None = None
    decimal: Decimal | None = None
    date_order: DateOrder | None = None
    step_length: str | None = None
    zone: str | None = None
    first_line: int = 0
    skipped_lines: tuple[int, ...] = field(default=(), repr=False)

    def and_note(self, *notes: str, **changes: Any) -> Reading:
        """The same with more notes."""
        return replace(self, notes=(*self.notes, *(note for note in notes if note not in self.notes)), **changes)

    def __deepcopy__(self, memo: object) -> Reading:
        return self  # it cannot change, and pandas copies attrs at every step

    def line(self, row: int) -> int:
        """Line of the file with data row ``row`` (both from 1); 0 where there are no lines."""
        if not self.first_line:
            return 0
        line = self.first_line + row - 1
        # Each skipped line at or before the row moves it down by one.
        skipped = np.asarray(self.skipped_lines, dtype=np.int64) - np.arange(len(self.skipped_lines))
        return line + int(np.searchsorted(skipped, line, side="right"))


def reading_of(frame: pd.DataFrame) -> Reading:
    """What was understood when ``frame`` was read; an empty one for a frame that was not."""
    reading = frame.attrs.get(_READING)
    return reading if isinstance(reading, Reading) else Reading()


def was_read(frame: pd.DataFrame) -> bool:
    """Whether ``frame`` comes from a reading."""
    return isinstance(frame.attrs.get(_READING), Reading)


def set_reading(frame: pd.DataFrame, reading: Reading) -> None:
    """Keep ``reading`` with ``frame``."""
    frame.attrs[_READING] = reading


def source_name(frame: pd.DataFrame) -> str:
    """What to call ``frame`` in an error message: the file that it came from, if any."""
    return str(frame.attrs.get("source", "data"))


def row_name(frame: pd.DataFrame, position: int) -> str:
    """``row 17``, as counted in what was read, from 1; with its line where that is not simply the next one."""
    row = position + 1
    if was_read(frame) and pd.api.types.is_integer_dtype(frame.index.dtype):
        row = int(frame.index[position]) + 1  # of a sorted frame, the index still has the rows of the file
    line = reading_of(frame).line(row)
    return f"row {row}" + (f" (line {line})" if line not in (0, row + 1) else "")


def near_some(name: str, names: Iterable[object]) -> str:
    """A sentence for an error message: the names like ``name``, or the first few."""
    known = [str(one) for one in names]
    near = near_matches(name, known[:2000])
    return near if near.startswith("did you mean") else f"known: {some(known) or 'none'}"
