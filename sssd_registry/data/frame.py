"""Reading of a file or a DataFrame to a frame with one UTC time column, oldest rows first."""

from __future__ import annotations

import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from sssd_registry.data.arrow_file import SUFFIXES, read_arrow
from sssd_registry.data.csv_file import ID_NAMES, read_csv
from sssd_registry.data.intervals import interval_starts
from sssd_registry.data.joined_time import join_time
from sssd_registry.data.layouts import is_wide
from sssd_registry.data.numbers import read_numbers
from sssd_registry.data.order import newest_first
from sssd_registry.data.other_frames import Data, to_pandas
from sssd_registry.data.reading import (
    Decimal,
    Reading,
    ReadSettings,
    near_some,
    reading_of,
    set_reading,
    was_read,
)
from sssd_registry.data.reading import source_name as source_name
from sssd_registry.data.timestamps import find_time_column, looks_like_dates, parse_times
from sssd_registry.errors import SSSDError, shortened
from sssd_registry.extras import require

_UNREADABLE = (OSError, ValueError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError)


def read_frame(source: Data, how: object = None) -> pd.DataFrame:
    """The rows of ``source``, the time column as ``datetime64[ns, UTC]``, texts that are numbers as numbers.

    Reads CSV (also compressed; any usual delimiter, decimal mark and notation of dates), Parquet, Arrow, or a frame, of
    pandas or of another library, whose time is a column or the index. Rows keep their order, but for files with the
    newest first. What was understood is in :func:`sssd_registry.data.reading.reading_of`; the index has the rows as
    they are in the file, from 0. Reading its own result again changes nothing.

    Args:
        how: a ``DataConfig``, or the ``DataSpec`` of a model, so that its data are read as those of its training; or
            just the name of the time column.

    Raises:
        SSSDError: no such file, unreadable, empty, no time column, an entry of it that is not a timestamp, or one
            that may be read in several ways; says where, and which setting tells.
    """
    settings = ReadSettings.of(how)
    if isinstance(source, pd.DataFrame):
        frame = source.copy(deep=False)
        if _is_result(frame, settings):
            check_columns(frame, [] if settings.id is None else [settings.id], "data.id")
            return frame
    elif isinstance(source, str | Path):
        frame = _read_file(Path(source), settings)
        frame.attrs["source"] = str(source)
    else:
        frame = to_pandas(source)
    where, reading = source_name(frame), reading_of(frame)
    frame = _with_names(_index_to_column(frame, settings.time), where)
    if frame.empty:
        raise SSSDError(f"{where}: no rows of data")
    if is_wide([str(name) for name in frame.columns]) and _names_series(frame, settings):
        frame, reading = _long(frame, settings, reading)
    frame, taken = interval_starts(frame)
    frame, joined = join_time(frame, settings.time)
    reading = reading.and_note(*taken, *([joined] if joined else []))
    name = find_time_column(frame, settings.time, where)
    id = find_id(frame, settings.id)
    check_columns(frame, [] if id is None else [id], "data.id")
    groups = None if id is None else frame[id]
    frame[name], reading = parse_times(frame, name, settings, groups, reading)
    frame, reading = _texts_to_numbers(frame, {name, id}, settings, reading)
    order = newest_first(frame[name], groups)
    if order is not None:
        frame, reading = frame.iloc[order], reading.and_note("newest first: sorted")
    set_reading(frame, replace(reading, time=name))
    return frame


def find_id(frame: pd.DataFrame, id: str | None) -> str | None:
    """The column that names the series: ``id`` if given, else one under a name that means nothing else."""
    return id if id is not None else next((name for name in ID_NAMES if name in frame.columns), None)


def check_columns(frame: pd.DataFrame, names: Iterable[str], setting: str) -> None:
    """Raise SSSDError, with near matches, for the first of ``names`` that is not a column of ``frame``."""
    for name in names:
        if name not in frame.columns:
            near = near_some(name, frame.columns)
            raise SSSDError(f"{source_name(frame)}: no column {name!r} ({setting}); {near}")


def _is_result(frame: pd.DataFrame, settings: ReadSettings) -> bool:
    """Tell whether ``frame`` comes from a reading, and is still as that left it."""
    name = reading_of(frame).time
    return (
        was_read(frame)
        and name in frame.columns
        and settings.time in (None, name)
        and str(frame[name].dtype) == "datetime64[ns, UTC]"
        and pd.api.types.is_integer_dtype(frame.index.dtype)
        and not frame.empty
        and not frame[name].isna().any()
    )


def _read_file(path: Path, settings: ReadSettings) -> pd.DataFrame:
    if path.is_dir():
        raise SSSDError(f"{path} is a directory; expected a CSV, Parquet or Arrow file")
    if not path.exists():
        raise SSSDError(f"no such file: {path}")
    if path.stat().st_size == 0:
        raise SSSDError(f"{path} is empty")
    if path.suffix.lower() in (".parquet", ".pq"):
        require("pyarrow", f"reading {path}")
        try:
            return pd.read_parquet(path, engine="pyarrow")
        except Exception as error:  # pyarrow has no common kind for what a damaged file may raise
            raise SSSDError(f"{path} is not readable as Parquet: {_reason(error)}") from None
    if path.suffix.lower() in SUFFIXES:
        return read_arrow(path)
    try:
        return _without_counter(read_csv(path, settings))
    except SSSDError:
        raise
    except _UNREADABLE as error:
        raise SSSDError(f"{path} is not readable as CSV: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    return shortened(str(error).strip().splitlines()[0], 200) if str(error).strip() else type(error).__name__


def _without_counter(frame: pd.DataFrame) -> pd.DataFrame:
    """A first column without a name is an index that was written: of rows, or of times."""
    first = str(frame.columns[0]) if len(frame.columns) else ""
    if first == "Unnamed: 0" and len(frame.columns) > 1:
        if any(np.array_equal(frame[first].to_numpy(), np.arange(len(frame)) + start) for start in (0, 1)):
            return frame.drop(columns=first)
        epochs = frame[first].dtype.kind == "i" and frame[first].min() >= 1e8
        if "time" not in frame.columns and (looks_like_dates(frame[first]) or epochs):
            return frame.rename(columns={first: "time"})
    return frame


def _with_names(frame: pd.DataFrame, where: str) -> pd.DataFrame:
    if isinstance(frame.columns, pd.MultiIndex):
        raise SSSDError(f"{where}: columns have several levels; flatten them to plain names")
    frame.columns = pd.Index([str(name) for name in frame.columns])
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise SSSDError(f"{where}: two columns are named {twice[0]!r}; rename one")
    return frame


def _index_to_column(frame: pd.DataFrame, time: str | None) -> pd.DataFrame:
    """An index of times, or with names, becomes columns; a bare row counter is dropped."""
    index = frame.index
    if isinstance(index, pd.RangeIndex) and index.name is None and (index.start, index.step) == (0, 1):
        return frame  # to number the rows anew would copy them
    if isinstance(index, pd.DatetimeIndex | pd.PeriodIndex) and (time is None or time not in frame.columns):
        name = time or str(index.name or "time")
        return frame.reset_index(names=name, drop=name in frame.columns)
    return frame.reset_index(drop=all(name is None or name in frame.columns for name in index.names))


def _names_series(frame: pd.DataFrame, settings: ReadSettings) -> bool:
    """Tell whether the first column of a wide file names series; otherwise each column is one."""
    first = frame[frame.columns[0]]
    if settings.time in frame.columns or first.duplicated().any() or looks_like_dates(first):
        return False
    return _is_text(first) or bool(pd.api.types.is_integer_dtype(first.dtype) and first.max() < 1e5)


def _long(frame: pd.DataFrame, settings: ReadSettings, reading: Reading) -> tuple[pd.DataFrame, Reading]:
    """A file with one series in each row, as one row for each value: ``unique_id, ds, y``."""
    first, *rest = frame.columns
    values = frame[rest].to_numpy()
    here = np.asarray(frame[rest].notna())
    row, step = np.nonzero(here)
    columns = {
        "unique_id": frame[first].astype(str).to_numpy()[row],
        settings.time or "ds": step + 1,
        "y": values[here],
    }
    long = pd.DataFrame(columns)
    long.attrs.update(frame.attrs)
    reading = replace(reading, first_line=0, skipped_lines=()).and_note(
        f"each of {len(frame)} rows is a series of up to {len(rest)} steps: unique_id, {settings.time or 'ds'}, y"
    )
    set_reading(long, reading)
    return long, reading


def _texts_to_numbers(
    frame: pd.DataFrame, others: set[str | None], settings: ReadSettings, reading: Reading
) -> tuple[pd.DataFrame, Reading]:
    """Columns of texts that are all numbers become numbers; what one column shows of its decimal mark holds for all."""
    texts = [
        name
        for name in frame.columns
        if name not in others and not pd.api.types.is_numeric_dtype(frame[name].dtype) and _is_text(frame[name])
    ]
    found = {name: read_numbers(frame[name]) for name in texts}
    marks = {numbers.decimal for numbers in found.values() if numbers.decimal is not None}
    mark: Decimal | None = settings.decimal or reading.decimal or (marks.pop() if len(marks) == 1 else None)
    fallback = _usual_mark(reading)
    for name, numbers in found.items():
        if numbers.ambiguous is not None or (numbers.values is not None and numbers.decimal is None):
            numbers = read_numbers(frame[name], mark, fallback)
        if numbers.values is not None:
            frame[name] = numbers.values
            reading = reading.and_note(*([f"{name}: {numbers.note}"] if numbers.note else []))
    return frame, replace(reading, decimal=mark)


def _is_text(column: pd.Series) -> bool:
    return pd.api.types.is_object_dtype(column.dtype) or pd.api.types.is_string_dtype(column.dtype)


def _usual_mark(reading: Reading) -> Decimal | None:
    """The decimal mark that goes with a delimiter: who has decimal commas does not separate fields with commas."""
    if reading.delimiter == ",":
        return "."
    if reading.delimiter == ";" and any("day.month" in note for note in reading.notes):
        return ","
    return None
