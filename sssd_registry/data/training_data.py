"""Data that training and validation draw from. Imports no torch: what is wrong is said at once."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sssd_registry.config import DataConfig
from sssd_registry.data.bounds import check_spec
from sssd_registry.data.fit_known import fit_known
from sssd_registry.data.frame import read_frame
from sssd_registry.data.known import Known
from sssd_registry.data.origins import without_short
from sssd_registry.data.other_frames import Data
from sssd_registry.data.panel import to_panel, without_constants
from sssd_registry.data.seen import seen_in
from sssd_registry.data.spec import DataSpec, resolve
from sssd_registry.data.split import Split, split_origins
from sssd_registry.data.static import fit_static
from sssd_registry.data.summary import summary
from sssd_registry.data.windows import WindowSource, window_source


@dataclass(frozen=True)
class TrainingData:
    """A panel cut into training, validation and test origins by time; ``summary`` is one line of what it is."""

    spec: DataSpec
    source: WindowSource
    split: Split
    summary: str = ""


def _fitted(source: WindowSource, spec: DataSpec, until: int) -> tuple[Known, ...]:
    """Known covariates, with their effects on the targets before ``until``."""
    if not spec.known:
        return ()
    parts = []
    for series in source.panel.series:
        count = int(np.searchsorted(series.times, until))
        targets = series.values[:count, list(spec.target_indices)]
        if spec.id is not None and not spec.in_logs:  # of a panel, relative to each series' size
            targets = targets / np.maximum(np.sqrt(np.nanmean(targets**2, axis=0)), 1e-300)
        parts.append((series.times[:count], targets, series.known[:count]))
    moving = [one for one in spec.known if not one.static]  # what is constant comes last
    fitted: tuple[Known, ...] = ()
    if moving:
        chosen = [(times, targets, numbers[:, : len(moving)]) for times, targets, numbers in parts]
        fitted = fit_known(chosen, moving, len(spec.targets), log=spec.in_logs)
    return (*fitted, *_fitted_static(source, spec, until))


def _fitted_static(source: WindowSource, spec: DataSpec, until: int) -> tuple[Known, ...]:
    """Static covariates, which come last, with what they add to growth before ``until``."""
    static = [one for one in spec.known if one.static]
    if not static:
        return ()
    parts = []
    for series in source.panel.series:
        targets = series.values[series.times < until][:, list(spec.target_indices)]
        parts.append((np.log(targets) if spec.in_logs else targets, series.known[0, -len(static) :]))
    lookback, longest = spec.base.lookback, max(spec.horizons)
    return fit_static(parts, static, lookback, longest, relative=not spec.in_logs)


def training_data(data: Data, config: DataConfig) -> TrainingData:
    """Read, check and split.

    Raises:
        SSSDError: whatever is wrong with the data, and where.
    """
    frame = read_frame(data, config)
    spec = resolve(config, frame)
    check_spec(spec)
    panel = without_constants(to_panel(frame, spec), spec)
    source = without_short(window_source(panel, spec), max(spec.horizons))
    split = split_origins(source, spec, spec.horizons)
    known = [series.values[series.times < split.validation_start] for series in source.panel.series]
    spec = spec.model_copy(update={"seen": seen_in(known), "known": _fitted(source, spec, split.validation_start)})
    told = summary(frame, spec, (split.validation_start, split.test_start))
    return TrainingData(spec, replace(source, spec=spec), split, told)
