"""Measures of a parity check that one sample's largest error does not give: of paths, and of the network's say."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from sssd_registry.data.windows import Windows
from sssd_registry.model.batches import to_tensors
from sssd_registry.model.network import SSSDNetwork

Array = npt.NDArray[np.float64]
# Steps of a path that vary less than this, in standard deviations of its values, are measured as if they varied so.
_LEAST_STEP = 1e-2
_TINY = np.finfo(np.float64).tiny
# Relative error of a float64 after a few operations.
_ROUNDING = 2.0**-50


def largest_path_error(seen: Array, expected: Array) -> float:
    """Largest error of any step of a path, in standard deviations of that step.

    Values of a path that go together differ by little, so that an error that is small beside either may be large
    beside their difference. A step is from one value of a path to the next, over horizons and then over targets.

    Args:
        seen: samples ``(B, S, K, C)``.
        expected: the same as they should be.
    """
    spread = expected.std(axis=1, keepdims=True) + _TINY  # (B, 1, K, C)
    paths = expected.shape[0], expected.shape[1], -1
    difference, rounding = seen - expected, _ROUNDING * np.abs(expected)
    difference -= np.clip(difference, -rounding, rounding)
    error = np.diff((difference / spread).swapaxes(2, 3).reshape(paths), axis=2)  # (B, S, C K - 1)
    steps = np.diff((expected / spread).swapaxes(2, 3).reshape(paths), axis=2).std(axis=1, keepdims=True)
    if not error.size:
        return 0.0
    return float((np.abs(error) / np.maximum(steps, _LEAST_STEP)).max())


@torch.no_grad()
def network_share(
    network: SSSDNetwork, expected: Array, windows: Windows, horizons: tuple[int, ...], noise: npt.NDArray[np.float32]
) -> float:
    """Measure how far the network moves samples: root mean square from where sampling begins, in standard deviations.

    With 0 the network is idle, and nothing that goes wrong in it can be seen in ``expected``.

    Args:
        network: the model's.
        expected: its samples ``(B, S, K, C)``.
        windows: B.
        horizons: K, in bars.
        noise: of paths ``(B, S, P, C)``, that ``expected`` are of.
    """
    values, times = to_tensors(windows, network.spec, torch.device("cpu"))
    bars = torch.tensor(horizons, dtype=torch.float32)
    begun = network.start(torch.from_numpy(noise), network.correlation.rows(bars))
    scaled = network.scaled(network.calibrated(begun, bars), *network.normalizer.location_scale(values, times, bars))
    still = network.target_values.within(network.target_values.levels(scaled)).numpy()
    spread = expected.std(axis=1, keepdims=True) + _TINY
    return float(np.sqrt((((expected - still) / spread) ** 2).mean()))
