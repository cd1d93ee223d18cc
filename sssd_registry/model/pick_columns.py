"""Picking columns of a window as slices, which a traced graph has in one node; a list of indices takes it a dozen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor


def pick_columns(values: Tensor, columns: Sequence[int]) -> Tensor:
    """Return columns of ``values (…, V)`` in the order asked for: ``(…, len(columns))``."""
    if list(columns) == list(range(values.shape[-1])):
        return values
    parts = [values[..., first : last + 1] for first, last in _runs(columns)]
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)


def _runs(columns: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First and last of each run of columns that follow one another."""
    first = last = columns[0]
    for column in columns[1:]:
        if column != last + 1:
            yield first, last
            first = column
        last = column
    yield first, last
