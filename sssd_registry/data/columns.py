"""Choice of columns: which are looked at, what each of them is, and which are forecast."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sssd_registry.config import DataConfig
from sssd_registry.data.frame import check_columns, find_id, source_name
from sssd_registry.data.number_column import number_column
from sssd_registry.data.numbers import looks_numeric, read_numbers
from sssd_registry.data.reading import near_some, reading_of
from sssd_registry.data.resample import Role
from sssd_registry.data.timestamps import looks_like_dates, plain
from sssd_registry.errors import SSSDError, some

# In the order of preference: of "Close" and "Adj Close" the first is the close, the other one a plain value.
_PRICES: dict[Role, tuple[str, ...]] = {
    "open": ("open", "o"),
    "high": ("high", "h"),
    "low": ("low", "l"),
    "close": ("close", "adjclose", "c"),
}
_VOLUMES = ("volume", "vol", "tickvolume", "tickvol", "v")
_VOLUME_OF = re.compile(r"[Vv]olume[ _]\(?[A-Z]{2,6}\)?")  # Volume BTC
# What is forecast when several columns are there and none is said, in this order; a close comes before value.
_TARGETS = ("y", "target", "close", "value")
_NOT_ASKED = "not asked for"
_COUNTERS = ("index", "no", "nr", "row", "rownumber", "instant", "unnamed0", "id", "")
# Texts that look almost like numbers, as 1st and 2nd do, are labels where there are so few of them.
_FEW = 10


def find_roles(columns: Sequence[str]) -> tuple[Role, ...]:
    """Role of each column by its name, whatever its case and punctuation.

    Open, high and low are recognised only all together and with a close: a column called ``low`` on its own,
    or ``a, b, c``, says nothing about prices. Volume is recognised beside a close.
    """
    names = {plain(name): index for index, name in reversed(list(enumerate(columns)))}
    found = {role: next((names[a] for a in aliases if a in names), None) for role, aliases in _PRICES.items()}
    roles: list[Role] = ["value"] * len(columns)
    if None in found.values():
        found = {"close": next((names[a] for a in ("close", "adjclose") if a in names), None)}
    for role, index in found.items():
        if index is not None:
            roles[index] = role
    ofcoins = next((index for index, name in enumerate(columns) if _VOLUME_OF.fullmatch(name)), None)
    volume = next((names[alias] for alias in _VOLUMES if alias in names), ofcoins)
    if volume is not None and "close" in roles:
        roles[volume] = "volume"
    return tuple(roles)


@dataclass(frozen=True)
class Columns:
    """Columns of a frame: those that are looked at, and those that are not.

    Attributes:
        used: value columns, in the order of the frame or of ``data.columns``.
        left_out: why, for each other column but the time and the ids: ``true or false``, ``texts, such as 'x'``.
    """

    used: tuple[str, ...]
    left_out: Mapping[str, str]


def pick_columns(config: DataConfig, frame: pd.DataFrame, time: str) -> tuple[str, ...]:
    """The value columns, as :func:`choose_columns` finds them."""
    return choose_columns(config, frame, time).used


def choose_columns(config: DataConfig, frame: pd.DataFrame, time: str) -> Columns:
    """The value columns: those configured, or all that hold numbers.

    Raises:
        SSSDError: a column is not there, or an entry of it is not a number. A column of texts most of which are
            numbers is one to report, not to lose.
    """
    reserved = {time, find_id(frame, config.id)}
    if config.columns is not None:
        check_columns(frame, config.columns, "data.columns")
        clash = (reserved | set(config.known or ()) | set(config.static or ())).intersection(config.columns)
        if clash or len(set(config.columns)) < len(config.columns) or not config.columns:
            raise SSSDError(
                f"data.columns must name value columns, each once; got {', '.join(config.columns) or 'none'}"
            )
        used = config.columns
    else:
        reserved |= {*(config.known or ()), *(config.static or ())}
        used = tuple(name for name in frame.columns if name not in reserved and _why_not(frame, name, time) is None)
    for name in used:
        number_column(frame, name)
    if not used:
        why = [f"{name} ({_why_not(frame, name, time)})" for name in frame.columns if name not in reserved]
        raise SSSDError(
            f"{source_name(frame)}: no column of numbers beside {time!r}: {some(why, 5) or 'there is no other column'};"
            " bring one with a number in each row"
        )
    return Columns(used, left_out(frame, (*used, *reserved)))


def left_out(frame: pd.DataFrame, used: Sequence[str | None]) -> dict[str, str]:
    """Say of each column of ``frame`` (as ``read_frame`` gives it) that is not among ``used`` why it is not.

    Args:
        used: value columns, and also the time and the ids.
    """
    time = reading_of(frame).time
    names = [name for name in frame.columns if name not in used]
    return {name: (_why_not(frame, name, time) if time else None) or _NOT_ASKED for name in names}


def pick_targets(
    config: DataConfig, columns: Sequence[str], roles: Sequence[Role], frame: pd.DataFrame | None = None
) -> tuple[str, ...]:
    """The columns to forecast: those configured, the only one, the close, or one that is called as targets are.

    Columns that are constant, or have two values only in ``frame``, are no candidates: a holiday is known, not
    forecast.

    Raises:
        SSSDError: a target is not among ``columns``, or nothing says which of several it is.
    """
    if config.targets == "all":
        return tuple(columns)
    if config.targets is None:
        return (_usual_target(columns, roles, frame),)
    for name in config.targets:
        if name not in columns:
            raise SSSDError(f"data.targets: {name!r} is no value column; {near_some(name, columns)}")
    if not config.targets or len(set(config.targets)) < len(config.targets):
        raise SSSDError(f"data.targets must name columns, each once; got {', '.join(config.targets) or 'none'}")
    return config.targets


def _usual_target(columns: Sequence[str], roles: Sequence[Role], frame: pd.DataFrame | None) -> str:
    usual = [name for wanted in _TARGETS for name in columns if plain(name) == wanted]
    closes = [columns[list(roles).index("close")]] if "close" in roles else []
    for name in [*(name for name in usual if plain(name) in ("y", "target")), *closes, *usual]:
        return name
    if frame is not None:
        _check_unusable(columns, frame)
    if len(columns) == 1:
        return columns[0]
    varied = [name for name in columns if frame is None or frame[name].nunique() > 2]
    if len(varied) == 1:
        return varied[0]
    raise SSSDError(
        f"which of {len(columns)} columns is to be forecast: {some(columns)}? Name it:"
        f" --set 'data.targets=[\"{columns[0]}\"]', or all of them: --set data.targets=all"
    )


def _check_unusable(columns: Sequence[str], frame: pd.DataFrame) -> None:
    """A column that would be the target, and cannot be, is not replaced by another without a word."""
    for name, why in left_out(frame, columns).items():
        if plain(name) in _TARGETS and name != reading_of(frame).time and why != _NOT_ASKED:
            raise SSSDError(
                f"{source_name(frame)}: column {name!r} would be forecast, but holds no numbers ({why}); correct it,"
                f" or name another: --set 'data.targets=[\"{columns[0]}\"]'"
            )


def _why_not(frame: pd.DataFrame, name: str, time: str) -> str | None:
    """Say why a column is not looked at by default; None for numbers, and for texts most of which are."""
    column = frame[name]
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.dtype.categories.dtype)
    if column.isna().all():
        return "empty"
    if pd.api.types.is_bool_dtype(column.dtype):
        return "true or false"
    if column.dtype.kind in "Mm" or isinstance(column.dtype, pd.PeriodDtype):
        return "time stamps"
    if pd.api.types.is_complex_dtype(column.dtype):
        return "complex numbers"
    if pd.api.types.is_numeric_dtype(column.dtype):
        if reading_of(frame).layout == "Binance" and name == "ignore":
            return "says nothing"
        index = name == "Unnamed: 0" and pd.api.types.is_integer_dtype(column.dtype)
        if index or (plain(name) in _COUNTERS and _counts_rows(column)):
            return "row numbers"
        return "time stamps" if _follows_time(column, frame[time]) else None
    if not (pd.api.types.is_object_dtype(column.dtype) or pd.api.types.is_string_dtype(column.dtype)):
        return f"{column.dtype}"
    head = [str(entry).strip().lower() for entry in column.dropna().head(100)]
    if set(head) <= {"true", "false", "yes", "no"}:
        return "true or false"
    numbers = read_numbers(column, reading_of(frame).decimal)
    if numbers.values is not None or numbers.ambiguous is not None or numbers.bad is not None:
        return None
    if numbers.note.startswith("codes"):
        return numbers.note
    texts = [str(entry).strip() for entry in column.dropna()]
    return None if len(set(texts)) > _FEW and looks_numeric(texts) and not looks_like_dates(column) else numbers.note


def _counts_rows(column: pd.Series) -> bool:
    return column.iloc[0] in (0, 1) and bool((column.diff().iloc[1:] == 1).all())


def _follows_time(column: pd.Series, times: pd.Series) -> bool:
    """Tell whether numbers are epochs that run along with the rows' times."""
    if len(column) < 2 or float(column.min()) < 1e8:
        return False
    seconds = times.to_numpy(dtype="datetime64[ns]").astype(np.int64) / 1e9
    numbers = column.to_numpy(dtype="float64", na_value=np.nan)
    scale = next((s for s in (1.0, 1e3, 1e6, 1e9) if 0.5 < numbers[0] / s / max(seconds[0], 1.0) < 2.0), None)
    return scale is not None and bool((np.abs(numbers / scale - seconds) < 40 * 86400).all())
