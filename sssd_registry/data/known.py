"""Covariates that are known ahead: how a column becomes numbers, and what these add to the targets.

A regression with the model's errors ("dynamic regression": Hyndman & Athanasopoulos 2021, chapter 10),

    target = effects of what is known + what the model forecasts

of one-hot labels, and of numbers as piecewise linear functions. Effects are fitted on the training part
(:mod:`sssd_registry.data.fit_known`) and are numbers in the specification, so that an engine has them in its graph and
a reader in its manifest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from sssd_registry.data.frame import check_columns, source_name
from sssd_registry.data.number_column import number_column
from sssd_registry.data.order import SeriesRows
from sssd_registry.data.reading import row_name
from sssd_registry.errors import SSSDError, some
from sssd_registry.extras import require

Array = npt.NDArray[np.float64]
_Finite = Annotated[float, Field(allow_inf_nan=False)]

HOLIDAY = "holiday"
# Labels of one column; more are names, not kinds of days.
MOST_LABELS = 50


class Known(BaseModel):
    """One number that is known ahead.

    Attributes:
        column: of the frame; or ``holiday``, with ``country``.
        level: the label that it is 1 for, of a column of texts; None for numbers.
        country: ISO code whose public holidays it tells, as the package ``holidays`` has them.
        static: it is constant within a series, and adds to growth: effects are by bar since the origin.
        center: taken off before anything else.
        knots: where its effect may bend, in the column's units from there.
        effects: ``(1 + knots, C)``: by how much each target changes with it, and with what of it is beyond each knot.
            In data units; of log-returns, of the logarithm; of a panel, as a share of the size of a window's levels.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: str
    level: str | None = None
    country: str | None = None
    static: bool = False
    center: _Finite = 0.0
    knots: tuple[_Finite, ...] = ()
    effects: tuple[tuple[_Finite, ...], ...] = ()

    @property
    def name(self) -> str:
        """A name for messages."""
        return f"{self.column}={self.level}" if self.level is not None else self.column


def find_known(frame: pd.DataFrame, columns: Sequence[str], holidays: str | None) -> tuple[Known, ...]:
    """Settle what each of the ``columns`` is in the training data, before effects are fitted.

    Raises:
        SSSDError: a column is not there or has too many labels, or there is no such country.
    """
    check_columns(frame, columns, "data.known")
    found: list[Known] = []
    for column in columns:
        labels = few_labels(frame, column, "data.known")
        if labels is None:
            found.append(Known(column=column))
            continue
        found += [Known(column=column, level=label) for label in labels[1:]]  # the first is what the others differ from
    for country in (holidays or "").replace(" ", "").split(","):
        if country:
            _calendar(country, 2020)
            found.append(Known(column=HOLIDAY, country=country))
    return tuple(found)


def known_values(frame: pd.DataFrame, known: Sequence[Known], time: str, zone: str | None) -> Array:
    """The P numbers that are known of each row of ``frame``: float64 ``(rows, P)``, NaN or 0 where one is missing.

    Raises:
        SSSDError: a column is missing.
    """
    check_columns(frame, [one.column for one in known if one.country is None], "known ahead: data.known")
    values = np.empty((len(frame), len(known)))
    for position, one in enumerate(known):
        if one.country is not None:
            values[:, position] = holiday_column(frame[time], one.country, zone)
            continue
        if one.level is None:
            values[:, position] = number_column(frame, one.column)
        else:
            values[:, position] = frame[one.column].astype(str).str.strip() == one.level
    return values


def missing_known(frame: pd.DataFrame, known: Sequence[Known], rows: Sequence[SeriesRows], time: str) -> dict[str, str]:
    """Series that lack what is known ahead in one of their rows: id -> where, and what is needed.

    Raises:
        SSSDError: a column is missing.
    """
    columns = list(dict.fromkeys(one.column for one in known if one.country is None and not one.static))
    check_columns(frame, columns, "known ahead: data.known")
    lacks: dict[str, str] = {}
    for column in columns:
        missing = frame[column].isna().to_numpy()
        for one in rows if missing.any() else ():
            if missing[one.rows].any():
                row = int(one.rows[missing[one.rows].argmax()])
                lacks[one.id] = (
                    f"column {column!r}, {row_name(frame, row)} ({frame[time].iloc[row]}): it is known ahead"
                    " (data.known) and has no value; every row needs one, those to be forecast too"
                )
    return lacks


def holiday_column(times: pd.Series, country: str, zone: str | None) -> Array:
    """1 on the public holidays of a country and 0 on other days, by the date in ``zone``: ``(rows,)``."""
    local = times.dt.tz_convert(zone) if zone and not zone.startswith("UTC") else times
    dates = local.dt.date
    calendar = {day for year in sorted({date.year for date in dates}) for day in _calendar(country, year)}
    return np.asarray(dates.isin(calendar).to_numpy(), dtype=np.float64)


def _calendar(country: str, year: int) -> list[object]:
    require("holidays", "data.holidays")
    import holidays

    try:
        return list(holidays.country_holidays(country, years=year))
    except NotImplementedError:
        raise SSSDError(f"data.holidays: no calendar of {country!r}; give an ISO code such as US, DE or GB") from None


def few_labels(frame: pd.DataFrame, column: str, setting: str) -> list[str] | None:
    """Return the labels of a column that ``setting`` names; None for numbers.

    Raises:
        SSSDError: there are more than can be told apart.
    """
    labels = labels_of(frame[column])
    if labels is not None and len(labels) > MOST_LABELS:
        raise SSSDError(
            f"{source_name(frame)}: column {column!r} ({setting}) has {len(labels)} labels, such as {some(labels, 3)};"
            f" up to {MOST_LABELS} can be told apart: group them, or leave it out"
        )
    return labels


def labels_of(column: pd.Series) -> list[str] | None:
    """Labels of a column of texts, sorted; None of one that holds numbers, or truths."""
    numeric = pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype)
    if numeric or set(column.dropna().astype(str).str.strip().str.lower()) <= {"true", "false", "yes", "no"}:
        return None
    if pd.to_numeric(column, errors="coerce").notna().sum() == column.notna().sum():
        return None
    return sorted(set(column.dropna().astype(str).str.strip()))


def basis(values: Array, known: Known) -> Array:
    """A number ``(…)`` that is known, and what of it is beyond each knot: ``(…, 1 + knots)``."""
    moved = values - known.center
    return np.stack([moved, *(np.maximum(moved - knot, 0.0) for knot in known.knots)], axis=-1)
