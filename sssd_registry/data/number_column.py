"""A column as numbers, or where it holds something else, and what to do."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from sssd_registry.data.numbers import read_numbers
from sssd_registry.data.reading import Decimal, reading_of, row_name, source_name
from sssd_registry.errors import SSSDError, shortened


def number_column(frame: pd.DataFrame, name: str) -> npt.NDArray[np.float64]:
    """Column ``name`` as float64 ``(rows,)``; entries that are missing are NaN, true and false 1 and 0.

    Raises:
        SSSDError: an entry is not a number; names the column, the row and the entry.
    """
    column, place = frame[name], f"{source_name(frame)}: column {name!r}"
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.dtype.categories.dtype)
    if column.dtype.kind in "Mmc" or isinstance(column.dtype, pd.PeriodDtype):
        raise SSSDError(f"{place} holds {column.dtype}, not numbers; leave it out: --set data.columns='[…]'")
    if pd.api.types.is_numeric_dtype(column.dtype):  # and true or false
        return np.asarray(column.to_numpy(dtype="float64", na_value=np.nan), dtype=np.float64)
    truths = _truths(column)
    if truths is not None:
        return truths
    numbers = read_numbers(column, reading_of(frame).decimal)
    if numbers.values is not None:
        return numbers.values
    if numbers.ambiguous is not None:
        raise SSSDError(
            f"{place}: {numbers.ambiguous!r} may be {_as(numbers.ambiguous, '.')} or {_as(numbers.ambiguous, ',')}; say"
            " which mark the decimals have: --set data.decimal=, or --set data.decimal=."
        )
    row = numbers.bad if numbers.bad is not None else _first_bad(column)
    raise SSSDError(
        f"{place}, {row_name(frame, row)}: {shortened(column.iloc[row])!r} is not a"
        f" number{f' ({numbers.note})' if 'units' in numbers.note or 'marks' in numbers.note else ''}; correct it,"
        " drop the row, or leave the column out: --set data.columns='[…]'"
    )


def _as(text: str, mark: Decimal) -> str:
    other = "," if mark == "." else "."
    return f"{float(text.replace(other, '').replace(',', '.')):g}"


def _truths(column: pd.Series) -> npt.NDArray[np.float64] | None:
    """1 and 0 for true and false, yes and no; None for anything else."""
    known = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0}
    if not set(column.head(100).dropna().map(lambda entry: str(entry).strip().lower())) <= set(known):
        return None
    texts = column.map(lambda entry: str(entry).strip().lower(), na_action="ignore")
    if not texts.dropna().isin(list(known)).all() or texts.isna().all():
        return None
    return np.asarray(texts.map(known).to_numpy(dtype="float64"), dtype=np.float64)


def _first_bad(column: pd.Series) -> int:
    bad = pd.to_numeric(column, errors="coerce").isna() & column.notna()
    return int(np.argmax(bad.to_numpy()))
