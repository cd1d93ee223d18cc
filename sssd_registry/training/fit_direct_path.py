"""Fit of the direct path, on the training part; whether and how much it counts is chosen on the validation part.

It is trained by the CRPS of a Gaussian, in closed form (Gneiting et al. 2005), with early stopping. The linear
forecast then stays as it is, or is averaged with it where that is surely better.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from diffusers.optimization import get_cosine_schedule_with_warmup
from torch import Tensor
from torch.func import functional_call

from sssd_registry.model.batches import TrainingData, make_batch
from sssd_registry.model.network import SSSDNetwork
from sssd_registry.training.choose_share import choose_share
from sssd_registry.training.direct_path_windows import (
    CPU,
    DirectPathFit,
    farthest_deviation,
    gaussian_crps,
    known_numbers,
    moved_in,
    validation_batches,
    validation_origins,
    weigh,
)

# Steps done, steps in all, and how validation goes.
Told = Callable[[int, int, str], None]

# So many passes over the training part, but not more steps; validations are evenly spaced among them.
_PASSES, _MOST_STEPS, _WARMUP, _VALIDATIONS, _PATIENCE = 15, 8000, 0.05, 25, 5
_LEARNING_RATE, _WEIGHT_DECAY, _MAX_GRAD_NORM, _EMA, _DROP = 1e-3, 1e-2, 1.0, 0.995, 0.2
# Windows times targets of a step, but not fewer windows than the last.
_ROWS, _MOST_WINDOWS, _LEAST_WINDOWS = 1024, 128, 16


def fit_direct_path(network: SSSDNetwork, data: TrainingData, tell: Told | None = None) -> None:
    """Fit the normaliser's :class:`DirectPath`, and take it into use where it is surely better.

    Random numbers are the same in every run, and no other's are touched.
    """
    normalizer, direct = network.normalizer, network.normalizer.direct
    if direct is None:
        raise ValueError("this network has no direct path")
    farthest = farthest_deviation(normalizer, direct, data)
    if data.spec.known:
        direct.set_typical(known_numbers(data))
    fit = DirectPathFit(normalizer, direct, data, validation_origins(data), farthest)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        best = _train(fit, tell)
    with torch.no_grad():
        for name, value in best.items():
            direct.get_buffer(name).copy_(value)
    choose_share(fit)


def _train(fit: DirectPathFit, tell: Told | None) -> dict[str, Tensor]:
    """Return the averaged weights of the lowest validation CRPS."""
    random, direct, data = np.random.default_rng(0), fit.direct, fit.data
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
        batch = make_batch(data, chosen, fit.horizons, CPU)
        location, log_scale = functional_call(direct, weights, (batch.values, batch.times, batch.horizons, _DROP))
        loss = (gaussian_crps(location, log_scale, moved_in(fit, batch)) * weigh(fit, batch)).mean()
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
            score = _score(fit, average)
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
def _score(fit: DirectPathFit, weights: dict[str, Tensor]) -> float:
    """Weighted CRPS of the members' average on the validation part."""
    total = 0.0
    for batch in validation_batches(fit):
        made = functional_call(fit.direct, weights, (batch.values, batch.times, batch.horizons))
        location, log_scale = (member.mean(dim=0) for member in made)
        scores = gaussian_crps(location, log_scale, moved_in(fit, batch)) * weigh(fit, batch)
        total += float(scores.sum()) / scores[0].numel()
    return total / len(fit.validation)
