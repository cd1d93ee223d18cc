"""Fit of the direct path, on the training part; whether and how much it counts is chosen on the validation part.

It is trained by the CRPS of a Gaussian, in closed form (Gneiting et al. 2005), with early stopping. The linear
forecast then stays as it is, or is averaged with it where that is surely better.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from diffusers.optimization import get_cosine_schedule_with_warmup
from torch import Tensor
from torch.func import functional_call

from sssd_registry.data.windows import Origins, window_places
from sssd_registry.evaluation.scores import standard_error
from sssd_registry.model.batches import Batch, TrainingData, evenly_spaced, make_batch
from sssd_registry.model.direct_path import DirectPath
from sssd_registry.model.network import SSSDNetwork
from sssd_registry.model.normalizer import WindowNormalizer

# Steps done, steps in all, and how validation goes.
Told = Callable[[int, int, str], None]

# So many passes over the training part, but not more steps; validations are evenly spaced among them.
_PASSES, _MOST_STEPS, _WARMUP, _VALIDATIONS, _PATIENCE = 15, 8000, 0.05, 25, 5
_LEARNING_RATE, _WEIGHT_DECAY, _MAX_GRAD_NORM, _EMA, _DROP = 1e-3, 1e-2, 1.0, 0.995, 0.2
# Windows times targets of a step, but not fewer windows than the last; and of the validation part, times horizons.
_ROWS, _MOST_WINDOWS, _LEAST_WINDOWS = 1024, 128, 16
_VALIDATED, _MAX_VALUES, _AT_ONCE = 2048, 1 << 23, 256
_SHARES = tuple(round(0.1 * tenth, 1) for tenth in range(1, 11))
# Of a window's errors in data units and in its own deviations, the geometric mean counts; but no window for more.
_POWER, _MOST_WEIGHT = 0.5, 10.0
# Ninety percent of a Gaussian lie within so many deviations.
_COVERED, _DEVIATIONS = 0.9, 1.6448536
# In typical scores of the linear forecast, the most that one counts for where the two are compared.
_FARTHEST = 10.0
# A gain of so many standard errors has one chance in twenty of being none.
_ERRORS = 1.64
_LEAST_STRETCH, _MOST_STRETCH = 0.5, 2.0
_CPU = torch.device("cpu")


@dataclass(frozen=True)
class _Forecasts:
    """Forecasts of n windows, float64 ``(n, K, C)``, in units of each window's one-bar movement.

    Attributes:
        moved: what came to be.
        linear, direct: location and log scale of either.
        weights: ``(n, 1, C)``, how much an error counts.
    """

    moved: Tensor
    linear: tuple[Tensor, Tensor]
    direct: tuple[Tensor, Tensor]
    weights: Tensor


def fit_direct_path(network: SSSDNetwork, data: TrainingData, tell: Told | None = None) -> None:
    """Fit the normaliser's :class:`DirectPath`, and take it into use where it is surely better.

    Random numbers are the same in every run, and no other's are touched.
    """
    direct, origins = network.normalizer.direct, _validation_origins(data)
    if direct is None:
        raise ValueError("this network has no direct path")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        best = _train(network.normalizer, direct, data, origins, tell)
    with torch.no_grad():
        for name, value in best.items():
            direct.get_buffer(name).copy_(value)
        found = _forecasts(network.normalizer, direct, data, origins)
        linear = gaussian_crps(*found.linear, found.moved) * found.weights
        limit = _limit(linear)
        share, stretch, scores = min(
            (_averaged(found, share, limit) for share in _SHARES), key=lambda one: float(one[2].mean())
        )
        better = _surely_better(scores - linear.minimum(limit), direct, data, origins)
        direct.use(share if better else 0.0, stretch if better else torch.ones_like(stretch))


def _surely_better(difference: Tensor, direct: DirectPath, data: TrainingData, origins: Origins) -> bool:
    """Tell whether scores that differ so, ``(n, K, C)``, are lower than the linear forecast's by more than chance."""
    error = standard_error(difference.numpy(), direct.horizons.tolist(), window_places(data.source, origins))
    return bool(difference.mean() < -_ERRORS * error)


def gaussian_crps(location: Tensor, log_scale: Tensor, y: Tensor) -> Tensor:
    """CRPS of Gaussians at ``y``, element by element: Gneiting et al. 2005, eq. 5, as the evaluation's."""
    scale = log_scale.exp()
    z = (y - location) / scale
    density = torch.exp(-0.5 * z.square()) / math.sqrt(2 * math.pi)
    return scale * (z * torch.erf(z / math.sqrt(2)) + 2 * density - 1 / math.sqrt(math.pi))


def _train(
    normalizer: WindowNormalizer, direct: DirectPath, data: TrainingData, origins: Origins, tell: Told | None
) -> dict[str, Tensor]:
    """Return the averaged weights of the lowest validation CRPS."""
    random, horizons = np.random.default_rng(0), tuple(int(point) for point in direct.horizons)
    direct.draw_weights(torch.Generator().manual_seed(0))
    weights = {name: direct.get_buffer(name).clone().requires_grad_() for name in direct.weight_names()}
    average = {name: weight.detach().clone() for name, weight in weights.items()}
    optimizer = torch.optim.AdamW(weights.values(), lr=_LEARNING_RATE, weight_decay=_WEIGHT_DECAY)
    count = max(_LEAST_WINDOWS, min(_MOST_WINDOWS, _ROWS // len(data.spec.targets)))
    steps = max(_VALIDATIONS, min(_MOST_STEPS, _PASSES * len(data.split.train) // count))
    every = -(-steps // _VALIDATIONS)
    schedule = get_cosine_schedule_with_warmup(optimizer, round(_WARMUP * steps), steps)
    best, least, stale = average, math.inf, 0
    for step in range(1, steps + 1):
        chosen = data.split.train.take(random.integers(len(data.split.train), size=count))
        batch = make_batch(data, chosen, horizons, _CPU)
        location, log_scale = functional_call(direct, weights, (batch.values, batch.times, batch.horizons, _DROP))
        loss = (gaussian_crps(location, log_scale, _moved(normalizer, batch)) * _weights(normalizer, batch)).mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        torch.nn.utils.clip_grad_norm_(weights.values(), _MAX_GRAD_NORM)
        optimizer.step()
        schedule.step()
        with torch.no_grad():
            decay = min(_EMA, step / (step + 9))
            for name, weight in weights.items():
                average[name].lerp_(weight, 1 - decay)
        if step % every == 0 or step == steps:
            score = _score(normalizer, direct, average, data, origins)
            if score < least:
                best, least, stale = {name: value.clone() for name, value in average.items()}, score, 0
            else:
                stale += 1
            if tell is not None:
                tell(step, steps, f"validation CRPS {least:.4f}")
            if stale >= _PATIENCE:
                break
    return best


@torch.no_grad()
def _score(
    normalizer: WindowNormalizer, direct: DirectPath, weights: dict[str, Tensor], data: TrainingData, origins: Origins
) -> float:
    """Weighted CRPS of the members' average on the validation part."""
    total = 0.0
    for batch in _batches(direct, data, origins):
        made = functional_call(direct, weights, (batch.values, batch.times, batch.horizons))
        location, log_scale = (member.mean(dim=0) for member in made)
        scores = gaussian_crps(location, log_scale, _moved(normalizer, batch)) * _weights(normalizer, batch)
        total += float(scores.sum()) / scores[0].numel()
    return total / len(origins)


def _forecasts(normalizer: WindowNormalizer, direct: DirectPath, data: TrainingData, origins: Origins) -> _Forecasts:
    moved, linear, made, weights = [], [], [], []
    for batch in _batches(direct, data, origins):
        location, scale = normalizer.linear_location_scale(batch.values, batch.times, batch.horizons)
        linear.append(torch.stack([location, scale.log()]))
        made.append(torch.stack([member.mean(dim=0) for member in direct(batch.values, batch.times, batch.horizons)]))
        moved.append(_moved(normalizer, batch))
        weights.append(_weights(normalizer, batch))
    first, second = (torch.cat(parts, dim=1) for parts in (linear, made))
    return _Forecasts(torch.cat(moved), (first[0], first[1]), (second[0], second[1]), torch.cat(weights))


def _limit(scores: Tensor) -> Tensor:
    """What no score counts for more than, ``(K, C)``: windows with one wrong reading of 1e9 would decide alone."""
    typical = torch.nanmedian(scores.masked_fill(scores <= 0, torch.nan), dim=0).values
    return (_FARTHEST * typical).nan_to_num(0.0)


def _averaged(found: _Forecasts, share: float, limit: Tensor) -> tuple[float, Tensor, Tensor]:
    """Return the share, each target's stretch and the weighted scores ``(n, K, C)`` of an average."""
    location, log_scale = (torch.lerp(*pair, share) for pair in zip(found.linear, found.direct, strict=True))
    size = ((found.moved - location).abs() / log_scale.exp()).flatten(0, 1)  # (n K, C)
    counted = found.weights.expand_as(found.moved).flatten(0, 1)
    stretch = (_weighted_quantile(size, counted, _COVERED) / _DEVIATIONS).clamp(_LEAST_STRETCH, _MOST_STRETCH)
    scores = gaussian_crps(location, log_scale + stretch.log(), found.moved) * found.weights
    return share, stretch, scores.minimum(limit)


def _weighted_quantile(values: Tensor, weights: Tensor, level: float) -> Tensor:
    """Return the value of each column of ``(n, C)`` that so much of the weights lies below, ``(C,)``."""
    ordered, order = values.sort(dim=0)
    below = weights.gather(0, order).cumsum(dim=0)
    place = torch.searchsorted(below.T.contiguous(), (level * below[-1:]).T.contiguous()).T  # (1, C)
    return ordered.gather(0, place.clamp(max=len(values) - 1))[0]


def _moved(normalizer: WindowNormalizer, batch: Batch) -> Tensor:
    """Changes since the origin in units of the window's one-bar movement, float64 ``(B, K, C)``."""
    since = normalizer.origin(batch.values).unsqueeze(1)
    return normalizer.movement.between(since, batch.future) / normalizer.scale(batch.values).unsqueeze(1)


def _weights(normalizer: WindowNormalizer, batch: Batch) -> Tensor:
    """How much an error in units of the window's one-bar movement counts, ``(B, 1, C)``; little in a still window."""
    direct = normalizer.direct
    assert direct is not None
    _, _, deviation, unit = direct.window(batch.values)
    usual = normalizer.usual(batch.values).clamp(min=1e-30)
    size = (deviation / usual).pow(_POWER).clamp(max=_MOST_WEIGHT)
    return normalizer.weight(batch.values).unsqueeze(1) * size * unit / deviation


def _validation_origins(data: TrainingData) -> Origins:
    """As many windows as fit, evenly spaced."""
    values = max(data.spec.horizons) * len(data.spec.targets)
    return evenly_spaced(data.split.validation, max(2, min(_VALIDATED, _MAX_VALUES // values)))


def _batches(direct: DirectPath, data: TrainingData, origins: Origins) -> Iterator[Batch]:
    horizons = tuple(int(point) for point in direct.horizons)
    for first in range(0, len(origins), _AT_ONCE):
        yield make_batch(data, origins.take(slice(first, first + _AT_ONCE)), horizons, _CPU)
