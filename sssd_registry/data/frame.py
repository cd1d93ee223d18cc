"""From a file or a DataFrame to a frame with one UTC time column; rows stay as and where they are."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from sssd_registry.data.timestamps import find_time_column, looks_like_dates, parse_times
from sssd_registry.errors import SSSDError, near_matches

_UNREADABLE = (OSError, ValueError, EOFError, zlib.error)


def read_frame(source: Path | str | pd.DataFrame, time: str | None = None) -> pd.DataFrame:
    """The rows of ``source`` in their order, the time column as ``datetime64[ns, UTC]``.

    Reads CSV (also compressed, also tab- or semicolon-separated), Parquet, or a DataFrame whose time is a
    column or the index. Naive times are taken as UTC. Reading its own result again changes nothing.

    Args:
        time: name of the time column; found by name or content when not given.

    Raises:
        SSSDError: no such file, unreadable, empty, no time column, or an entry of it that is not a timestamp.
    """
    if isinstance(source, pd.DataFrame):
        frame = source.copy(deep=False)
    else:
        frame = _read_file(Path(source))
        frame.attrs["source"] = str(source)
    where = source_name(frame)
    frame = _index_to_column(frame, time)
    if isinstance(frame.columns, pd.MultiIndex):
        raise SSSDError(f"{where}: columns have several levels; flatten them to plain names")
    frame.columns = pd.Index([str(name) for name in frame.columns])
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise SSSDError(f"{where}: two columns are named {twice[0]!r}; rename one")
    if frame.empty:
        raise SSSDError(f"{where}: no rows of data")
    name = find_time_column(frame, time, where)
    frame[name] = parse_times(frame[name], where)
    return frame


def source_name(frame: pd.DataFrame) -> str:
    """What to call ``frame`` in an error message: the file that it came from, if any."""
    return str(frame.attrs.get("source", "data"))


def check_columns(frame: pd.DataFrame, names: Iterable[str], setting: str) -> None:
    """Raise SSSDError, with near matches, for the first of ``names`` that is not a column of ``frame``."""
    for name in names:
        if name not in frame.columns:
            raise SSSDError(
                f"{source_name(frame)}: no column {name!r} ({setting}); {near_matches(name, frame.columns)}"
            )


def number_column(frame: pd.DataFrame, name: str) -> npt.NDArray[np.float64]:
    """Column ``name`` as float64 ``(rows,)``; entries that are missing are NaN.

    Raises:
        SSSDError: an entry is not a number; names the column, the row and the entry.
    """
    column = frame[name]
    numbers = cast("pd.Series[float]", pd.to_numeric(column, errors="coerce"))
    bad = np.flatnonzero((numbers.isna() & column.notna()).to_numpy())
    if len(bad):
        raise SSSDError(
            f"{source_name(frame)}: column {name!r}, row {bad[0] + 1}: {str(column.iloc[bad[0]])!r} is not a"
            " number; correct it, or leave the column out: --set data.columns='[…]'"
        )
    return np.asarray(numbers.to_numpy(dtype="float64", na_value=np.nan), dtype=np.float64)


def _read_file(path: Path) -> pd.DataFrame:
    if path.is_dir():
        raise SSSDError(f"{path} is a directory; expected a CSV or Parquet file")
    if not path.exists():
        raise SSSDError(f"no such file: {path}")
    if path.stat().st_size == 0:
        raise SSSDError(f"{path} is empty")
    parquet = path.suffix.lower() in (".parquet", ".pq")
    try:
        return pd.read_parquet(path) if parquet else _read_csv(path)
    except pd.errors.EmptyDataError:
        raise SSSDError(f"{path} is empty") from None
    except _UNREADABLE as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise SSSDError(f"{path} is not readable as {'Parquet' if parquet else 'CSV'}: {reason}") from None


def _read_csv(path: Path) -> pd.DataFrame:
    header = " ".join(str(name) for name in pd.read_csv(path, nrows=0).columns)
    separator = max(",;\t", key=header.count)  # of a comma-separated header none is left to count: "," comes first
    # In chunks, a column could get mixed types; pandas' fast float parser may be off by a unit in the last place.
    frame = pd.read_csv(path, sep=separator, low_memory=False, float_precision="round_trip")
    first = str(frame.columns[0])
    if first == "Unnamed: 0":  # written with its index
        if np.array_equal(frame[first].to_numpy(), np.arange(len(frame))):
            return frame.drop(columns=first)
        if looks_like_dates(frame[first]) and "time" not in frame.columns:
            return frame.rename(columns={first: "time"})
    return frame


def _index_to_column(frame: pd.DataFrame, time: str | None) -> pd.DataFrame:
    """An index of times, or with names, becomes columns; a bare row counter is dropped."""
    index = frame.index
    if isinstance(index, pd.DatetimeIndex | pd.PeriodIndex) and (time is None or time not in frame.columns):
        name = time or str(index.name or "time")
        return frame.reset_index(names=name, drop=name in frame.columns)
    return frame.reset_index(drop=all(name is None or name in frame.columns for name in index.names))
