"""Calibration of a network whose weights are chosen, on the validation part: what nothing was fitted to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from sssd_registry.data.effective_windows import effective_windows
from sssd_registry.data.origins import Origins, window_places
from sssd_registry.data.spec import DataSpec
from sssd_registry.data.windows import futures_at, observed_at, windows_at
from sssd_registry.evaluation.encoded_windows import encode_windows
from sssd_registry.evaluation.scores import Array
from sssd_registry.model.batches import evenly_spaced, to_tensors
from sssd_registry.model.calibration import INNER, NORMAL, OUTER
from sssd_registry.model.strata import normal_quantile, normal_share
from sssd_registry.sampling.tableau import SolverTableau
from sssd_registry.storage.calibrated import Calibrated
from sssd_registry.training.interval_shares import Line, Observed, covered, fit_interval
from sssd_registry.training.state import Run

# Windows that a Gaussian in closed form is asked for, times horizons and targets; and horizons, at equal ratios.
_WINDOWS, _MOST_VALUES, _HORIZONS, _AT_ONCE = 2048, 1 << 21, 24, 256
# Samples that tell quantiles of a network's forecasts.
_SAMPLES = 200
# Quantiles lie so far apart, in standard units, whatever was seen.
_LEAST_APART = 0.1
# Nearer to 0 or 1 a share says nothing of where a value lies.
_TAIL = 1e-6


@torch.no_grad()
def fit_calibration(run: Run, tableau: SolverTableau) -> Calibrated | None:
    """Set the calibration, and tell what intervals cover before and after; None where none is wanted.

    ``run`` is at its end, and ``tableau`` is what its validations sample with.
    """
    network = run.network.eval()
    network.calibration.reset()
    if not run.config.calibrate:
        return None
    horizons = _some(run.data.spec.horizons)
    origins = _origins(run, len(horizons))
    seen, quantiles = _look(run, origins, horizons), np.array(NORMAL)[:, None, None, None]
    if network.in_use:
        windows = replace(encode_windows(network, run.data.source, origins, horizons), units=None)
        paths = windows.forecast(tableau, _SAMPLES, seed=1)  # (n, S, K, C)
        quantiles = np.quantile(paths, [0.05, 0.25, 0.75, 0.95], axis=1, method="weibull")
    lowest, low, high, highest = quantiles
    inner = fit_interval(low, high, 0.5, INNER, seen)
    outer = fit_interval(lowest, highest, 0.9, OUTER, seen)
    network.calibration.set_quantiles(_ordered(inner, outer, network.calibration.points))
    rows = network.calibration.rows(torch.tensor(seen.horizons, dtype=torch.float32, device=network.device))
    stacked = torch.from_numpy(np.ascontiguousarray(np.broadcast_to(quantiles, (4, *seen.values.shape)).swapaxes(0, 1)))
    moved = network.calibration(stacked.to(network.device), rows).cpu().numpy().swapaxes(0, 1)
    return Calibrated(
        windows=float(effective_windows(seen.values.mean(axis=2), seen.horizons.tolist(), seen.places).mean()),
        before={"50": covered(low, high, seen), "90": covered(lowest, highest, seen)},
        after={"50": covered(moved[1], moved[2], seen), "90": covered(moved[0], moved[3], seen)},
    )


def _some(horizons: tuple[int, ...]) -> tuple[int, ...]:
    """Pick 24 of the trained horizons at most, at about equal ratios, the first and the last among them."""
    if len(horizons) <= _HORIZONS:
        return horizons
    wanted = np.geomspace(horizons[0], horizons[-1], _HORIZONS)
    return tuple(sorted({min(horizons, key=lambda one: abs(one - ratio)) for ratio in wanted}))


def _origins(run: Run, horizons: int) -> Origins:
    if run.network.in_use:
        return run.validation_origins
    most = max(2, min(_WINDOWS, _MOST_VALUES // (horizons * len(run.data.spec.targets))))
    return evenly_spaced(run.data.split.validation, most)


def _look(run: Run, origins: Origins, horizons: tuple[int, ...]) -> Observed:
    """Gather what came to be after the windows at ``origins``, in standard units.

    A window that stands still counts for little. Of a value that stands for many of the forecast's (a whole number, a
    bound) one of them is drawn, as the forecast has them.
    """
    network, source, spec = run.network, run.data.source, run.data.spec
    bars = torch.tensor(horizons, dtype=torch.float32, device=network.device)
    random = torch.Generator().manual_seed(0)
    values, weights = [], []
    for first in range(0, len(origins), _AT_ONCE):
        chunk = origins.take(slice(first, first + _AT_ONCE))
        raw = to_tensors(windows_at(source, chunk), spec, network.device)
        future = torch.from_numpy(futures_at(source, chunk, horizons)).to(network.device)
        location, scale = network.normalizer.location_scale(*raw, bars)
        if network.target_values.changes_samples:
            ends = (end.cpu() for end in _made_of(run, spec, future))
            low, high = ((end - location.cpu()) / scale.cpu() for end in ends)
            standard = _drawn(low, high, random)
        else:
            standard = network.normalizer.standardize(future, *raw, bars).double().cpu()
        values.append(standard)
        seen = torch.from_numpy(observed_at(source, chunk, horizons))
        weights.append(network.normalizer.weight(raw[0]).cpu().unsqueeze(1) * seen)
    observed, counted = torch.cat(values).numpy(), torch.cat(weights).double().numpy()
    known = np.isfinite(observed)
    counted = np.where(known, np.maximum(counted, 1e-9), 0.0)  # a draw of what is missing says next to nothing
    places = window_places(source, origins)
    return Observed(np.where(known, observed, 0.0), counted, np.array(horizons, dtype=np.float64), places)


def _made_of(run: Run, spec: DataSpec, future: Tensor) -> tuple[Tensor, Tensor]:
    """Ends of what becomes the observed values ``(B, K, C)`` by bounds and rounding, on the model's scale.

    Infinite beyond a bound, and both the same where a value is just itself.
    """
    target_values = run.network.target_values
    unbent = target_values.unbent(future)
    low, high = unbent.clone(), unbent.clone()
    if target_values.integers:
        low, high = (torch.where(target_values.whole, end + half, end) for end, half in ((low, -0.5), (high, 0.5)))
    low, high = target_values.scaled(low), target_values.scaled(high)
    for place, (least, largest) in enumerate(spec.bounds):
        if least is not None:
            low[..., place] = torch.where(future[..., place] <= least, -torch.inf, low[..., place])
        if largest is not None:
            high[..., place] = torch.where(future[..., place] >= largest, torch.inf, high[..., place])
    return low, high


def _drawn(low: Tensor, high: Tensor, random: torch.Generator) -> Tensor:
    """A standard normal between each two ends, float64; farther out than it is ever drawn, the nearer of them."""
    below, above = normal_share(low.clamp(-40, 40)), normal_share(high.clamp(-40, 40))
    share = below + (above - below) * torch.rand(low.shape, generator=random, dtype=torch.float64)
    drawn = normal_quantile((share - 0.5).float()).double()
    outside = torch.where(low > 0, low, high)
    drawn = torch.where((above < _TAIL) | (below > 1 - _TAIL), outside, drawn)
    return torch.where(low == high, low, torch.minimum(torch.maximum(drawn, low), high))


def _ordered(inner: tuple[Line, Line], outer: tuple[Line, Line], points: Tensor) -> Tensor:
    """Quantiles ``(G, 4, C)`` of two intervals, ascending."""
    at: Array = points.cpu().double().numpy()
    middle, half = (line.at(at) for line in inner)
    half = np.maximum(half, _LEAST_APART / 2)
    low, high = middle - half, middle + half
    middle, half = (line.at(at) for line in outer)
    lowest, highest = np.minimum(middle - half, low - _LEAST_APART), np.maximum(middle + half, high + _LEAST_APART)
    return torch.from_numpy(np.stack([lowest, low, high, highest], axis=1)).float()
