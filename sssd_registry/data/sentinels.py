"""Numbers that stand for missing values: -999, 9999 and their like, far from all others of a column."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sssd_registry.errors import DataWarning

_NINES = (99.0, 99.9, 99.99, 999.0, 999.9, 999.99, 9999.0, 9999.9, 99999.0)
_USUAL = {*_NINES, *(-number for number in _NINES), -1e30, 1e20, 1e30, 1e35, 1e36}
# Of the range of the other values: how far away such a number lies.
_FAR = 2.0
# Of the rows: more are a state, not what is missing.
_MOST = 0.3


def tell_sentinels(values: npt.NDArray[np.float64], columns: Sequence[str], where: str) -> None:
    """A word for each column with a number that is usual for missing values, and far from the column's others.

    Args:
        values: ``(rows, columns)``, finite or NaN.
        where: the file, for the message.
    """
    for name, whole in zip(columns, values.T, strict=True):
        column = whole[~np.isnan(whole)]
        if not len(column):
            continue
        for number in {float(column.min()), float(column.max())} & _USUAL:
            here = column == number
            others = column[~here]
            low, high = (float(others.min()), float(others.max())) if len(others) else (number, number)
            near = low if number < low else high
            if 0 < here.mean() < _MOST and abs(number - near) > _FAR * (high - low) > 0:
                warnings.warn(
                    f"{where}: column {name!r}: {number:g} in {int(here.sum())} rows, and {low:g} to {high:g} in the"
                    " others: where it stands for a missing value, leave these cells empty",
                    DataWarning,
                    stacklevel=2,
                )
