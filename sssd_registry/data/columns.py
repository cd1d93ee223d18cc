"""Which columns are looked at, what each of them is, and which are forecast."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from sssd_registry.config import DataConfig
from sssd_registry.data.frame import check_columns, number_column, source_name
from sssd_registry.data.resample import Role
from sssd_registry.data.timestamps import plain
from sssd_registry.errors import SSSDError, near_matches

# In the order of preference: of "Close" and "Adj Close" the first is the close, the other one a plain value.
_PRICES: dict[Role, tuple[str, ...]] = {
    "open": ("open", "o"),
    "high": ("high", "h"),
    "low": ("low", "l"),
    "close": ("close", "adjclose", "c"),
}
_VOLUMES = ("volume", "vol", "tickvolume", "tickvol", "v")


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
    volume = next((names[alias] for alias in _VOLUMES if alias in names), None)
    if volume is not None and "close" in roles:
        roles[volume] = "volume"
    return tuple(roles)


def pick_columns(config: DataConfig, frame: pd.DataFrame, time: str) -> tuple[str, ...]:
    """The value columns: those configured, or all that hold numbers, in the order of the frame.

    Raises:
        SSSDError: a column is not there, or an entry of it is not a number.
    """
    reserved = {time, config.id}
    if config.columns is not None:
        check_columns(frame, config.columns, "data.columns")
        clash = reserved.intersection(config.columns)
        if clash or len(set(config.columns)) < len(config.columns) or not config.columns:
            raise SSSDError(
                f"data.columns must name value columns, each once; got {', '.join(config.columns) or 'none'}"
            )
        columns = list(config.columns)
    else:
        columns = [name for name in frame.columns if name not in reserved and _mostly_numbers(frame[name])]
    for name in columns:
        number_column(frame, name)
    if not columns:
        raise SSSDError(f"{source_name(frame)}: no column of numbers among {', '.join(frame.columns)}")
    return tuple(columns)


def pick_targets(config: DataConfig, columns: Sequence[str], roles: Sequence[Role]) -> tuple[str, ...]:
    """The columns to forecast: those configured, or the close, or all.

    Raises:
        SSSDError: a target is not among ``columns``.
    """
    if config.targets is None:
        return (columns[list(roles).index("close")],) if "close" in roles else tuple(columns)
    for name in config.targets:
        if name not in columns:
            raise SSSDError(f"data.targets: {name!r} is no value column; {near_matches(name, columns)}")
    if not config.targets or len(set(config.targets)) < len(config.targets):
        raise SSSDError(f"data.targets must name columns, each once; got {', '.join(config.targets) or 'none'}")
    return config.targets


def _mostly_numbers(column: pd.Series) -> bool:
    """Numbers, or texts most of which are: one bad entry is an error to report, not a column to lose."""
    if pd.api.types.is_numeric_dtype(column.dtype):
        return True
    if not (pd.api.types.is_object_dtype(column.dtype) or pd.api.types.is_string_dtype(column.dtype)):
        return False
    return float(pd.to_numeric(column, errors="coerce").notna().mean()) > 0.5
