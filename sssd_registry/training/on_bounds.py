"""Shares of forecasts that lie on a bound, beside those of what came to be: nothing is clipped that nobody sees."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch

from sssd_registry.data.windows import futures_at
from sssd_registry.evaluation.encoded_windows import encode_windows
from sssd_registry.evaluation.scores import Array
from sssd_registry.sampling.tableau import SolverTableau
from sssd_registry.training.state import Run

_SAMPLES = 48


def on_bounds(run: Run, tableau: SolverTableau) -> dict[str, str]:
    """Words by target that has a bound, of forecasts of the validation windows; ``{}`` where none has."""
    spec, source, origins = run.data.spec, run.data.source, run.validation_origins
    windows = encode_windows(run.network, source, origins, spec.horizons)
    if not spec.bounds or windows.units is None:
        return {}
    paths = torch.from_numpy(replace(windows, units=None).forecast(tableau, _SAMPLES, seed=0))
    samples = run.network.restore(paths.to(run.network.device), *windows.units).cpu().numpy()  # (B, S, K, C)
    future = futures_at(source, origins, spec.horizons)
    return {
        name: "; ".join(_words(run, place, samples[..., place], future[..., place]))
        for place, name in enumerate(spec.targets)
        if spec.bounds[place] != (None, None)
    }


def _words(run: Run, place: int, samples: Array, future: Array) -> Iterator[str]:
    """Yield words on each end."""
    margins = run.network.target_values.margins[:, place].tolist()
    for side, (end, margin) in enumerate(zip(run.data.spec.bounds[place], margins, strict=True)):
        if end is None:
            continue
        which = ("at least", "at most")[side]
        if margin > 0 or (run.data.spec.target_kind == "price" and end <= 0):
            yield f"{which} {end:g}, which training never saw and no sample reaches"
        else:
            seen = (future == end).mean()
            yield f"{which} {end:g}, where {(samples == end).mean():.1%} of samples lie, and {seen:.1%} of what came"
