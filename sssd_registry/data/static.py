"""Static covariates: what is constant within each series of a panel, such as a shop's region or its size.

They are known of every bar, past and to come. A forecast is measured from its window's last value, so that what a
constant can add to it is growth: each adds ``effect × bars since the origin`` to the targets
(:mod:`sssd_registry.model.known_effects`), fitted over all series of the training part.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from sssd_registry.data.frame import check_columns, source_name
from sssd_registry.data.known import Known, few_labels
from sssd_registry.data.order import SeriesRows
from sssd_registry.data.reading import row_name
from sssd_registry.errors import SSSDError, some

Array = npt.NDArray[np.float64]

# Of the training part, what growth is tried on, and by how many errors it has to help there, over the series.
_TRIED, _SURELY = 0.3, 2.0
# Fewer series tell nothing of what they have in common.
_LEAST_SERIES = 4
# As many series of no growth of their own as each number is weighed against.
_DOUBT = 1.0


def find_static(frame: pd.DataFrame, columns: Sequence[str], name: str | None) -> tuple[Known, ...]:
    """Settle what each of the ``columns`` is in the training data, before effects are fitted.

    Args:
        frame: as ``read_frame`` gives it.
        columns: of ``data.static``.
        name: column of the series' ids.

    Raises:
        SSSDError: a frame of one series, a column that is not there, or one of too many labels.
    """
    if columns and name is None:
        raise SSSDError(
            f"data.static ({some(columns)}) is of the series of a panel, and {source_name(frame)} is one series: name"
            " the column of the series with data.id, or leave data.static away"
        )
    check_columns(frame, columns, "data.static")
    found: list[Known] = []
    for column in columns:
        labels = few_labels(frame, column, "data.static")
        levels: list[str | None] = [*labels] if labels else [None]
        found += [Known(column=column, level=level, static=True) for level in levels]
    return tuple(found)


def unseen_static(frame: pd.DataFrame, known: Sequence[Known], rows: Sequence[SeriesRows]) -> dict[str, str]:
    """Check that static columns are constant; tell series that have a label that training never saw: id -> why.

    Raises:
        SSSDError: a column is not there, varies within a series, or has no value: names series, column and row.
    """
    columns = dict.fromkeys(one.column for one in known if one.static)
    check_columns(frame, list(columns), "constant within each series: data.static")
    unseen: dict[str, str] = {}
    for column in columns:
        labels = [one.level for one in known if one.static and one.column == column and one.level is not None]
        texts = frame[column].astype(str).str.strip().to_numpy(dtype=object) if labels else frame[column].to_numpy()
        missing = frame[column].isna().to_numpy()
        for one in rows:
            where = f"{source_name(frame)}: series {one.id!r}: column {column!r} (data.static)"
            if missing[one.rows].any():
                row = int(one.rows[missing[one.rows].argmax()])
                raise SSSDError(
                    f"{where}, {row_name(frame, row)}: it has no value; give the series' own in each row of it"
                )
            other = np.flatnonzero(texts[one.rows] != texts[one.rows[0]])
            if len(other):
                row = int(one.rows[other[0]])
                raise SSSDError(
                    f"{where}, {row_name(frame, row)}: it is {texts[row]} after {texts[one.rows[0]]}, and has to be the"
                    " same in all rows of a series; what changes, and is known ahead, is data.known"
                )
            if labels and texts[one.rows[0]] not in labels:
                unseen[one.id] = (
                    f"column {column!r} (data.static) is {texts[one.rows[0]]!r}, which training never saw; it knows"
                    f" {some(labels, 5)}: train with such series, or give one of these"
                )
    return unseen


def fit_static(
    series: Sequence[tuple[Array, Array]], known: Sequence[Known], lookback: int, longest: int, *, relative: bool
) -> tuple[Known, ...]:
    """Set what static covariates add to each target's growth; nothing where that does not surely help later on.

    Args:
        series: of each targets ``(n, C)``, logarithms where the model works on these, NaN where missing; and its static
            numbers ``(P,)``.
        known: P.
        lookback: bars of a window, whose size growth is measured in where it is ``relative``.
        longest: bars that growth is measured over.
        relative: growth is a share of the size of a window's levels.
    """
    numbers = np.stack([values for _, values in series])  # (series, P)
    centers = numbers.mean(axis=0)
    spread = np.array([1.0 if one.level else max(float(numbers[:, p].std()), 1e-300) for p, one in enumerate(known)])
    x = (numbers - centers) / spread
    blocks = [_growths(targets, lookback, longest, relative) for targets, _ in series]  # (m, C) each
    count = series[0][0].shape[1]
    effects = np.zeros((len(known), count))
    for target in range(count):
        of = [block[~np.isnan(block[:, target]), target] for block in blocks]
        if _helps(x, of):
            effects[:, target] = _weights(x, of)[0] / spread
    return tuple(
        one.model_copy(update={"center": float(center), "effects": (tuple(map(float, row)),)})
        for one, center, row in zip(known, centers, effects, strict=True)
    )


def _growths(targets: Array, lookback: int, longest: int, relative: bool) -> Array:
    """Growth a bar over each of the stretches of ``longest`` bars that follow a full window, ``(m, C)``."""
    ends = np.arange(lookback - 1, len(targets) - longest, longest)
    made = np.full((len(ends), targets.shape[1]), np.nan)
    for number, end in enumerate(ends):
        window = targets[end + 1 - lookback : end + 1]
        size: Array | float = 1.0
        if relative:
            seen = ~np.isnan(window)
            square = np.where(seen, window, 0.0) ** 2
            size = np.maximum(np.sqrt(square.sum(axis=0) / np.maximum(seen.sum(axis=0), 1)), 1e-300)
        made[number] = (targets[end + longest] - targets[end]) / (longest * size)
    return made


def _weights(x: Array, growths: Sequence[Array]) -> tuple[Array, float]:
    """Growth for each static number, and of all; a series counts as one, whatever its length."""
    there = np.array([len(one) > 0 for one in growths])
    mean = np.array([one.mean() for one in growths if len(one)])
    rows, common = x[there], float(mean.mean())
    square = rows.T @ rows + _DOUBT * np.eye(x.shape[1])
    return np.asarray(np.linalg.solve(square, rows.T @ (mean - common))), common


def _helps(x: Array, growths: Sequence[Array]) -> bool:
    """Tell whether growth of the last stretches is surely nearer to what the ones before say by static numbers."""
    cuts = [round(len(one) * (1 - _TRIED)) for one in growths]
    early = [one[:cut] for one, cut in zip(growths, cuts, strict=True)]
    late = [one[cut:] for one, cut in zip(growths, cuts, strict=True)]
    both = [bool(len(one) and len(other)) for one, other in zip(early, late, strict=True)]
    if sum(both) < _LEAST_SERIES:
        return False
    weights, common = _weights(x, early)
    told = common + x @ weights
    gain = np.array([((one - common) ** 2 - (one - said) ** 2).mean()
                     for one, said, there in zip(late, told, both, strict=True) if there])  # fmt: skip
    return bool(gain.mean() > _SURELY * gain.std(ddof=1) / np.sqrt(len(gain)))
