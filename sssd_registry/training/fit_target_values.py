"""Nearness of targets to their bounds: seen in the training part, before anything is trained."""

from __future__ import annotations

import numpy as np
import torch

from sssd_registry.model.batches import TrainingData
from sssd_registry.model.target_values import TargetValues

# Of the least distance seen, and of the range between two bounds. What comes nearer later is still told apart.
_OF_DISTANCE, _OF_RANGE = 0.05, 0.25


def fit_target_values(values: TargetValues, data: TrainingData) -> None:
    """Set the margins: 0 where values lie on the bound, or are whole numbers, else a part of how near they come.

    A price comes near 0 without ever getting there, whatever its bound.
    """
    spec = data.spec
    margins = torch.zeros(2, len(spec.targets))
    known = [series.values[series.times < data.split.validation_start] for series in data.source.panel.series]
    for place, (column, name) in enumerate(zip(spec.target_indices, spec.targets, strict=True)):
        if not spec.bounds or name in spec.integers:
            continue
        seen = np.concatenate([rows[:, column] for rows in known])
        low, high = spec.bounds[place]
        width = np.inf if low is None or high is None else high - low
        for side, end in enumerate((low, high)):
            if end is not None and not (spec.target_kind == "price" and end <= 0):
                margins[side, place] = min(_OF_DISTANCE * float(np.nanmin(np.abs(seen - end))), _OF_RANGE * width)
    if values.bounded:
        values.set_margins(margins)
