"""The noise that a seed stands for, as the sampler takes it; an engine draws the same (:mod:`sssd_engine.noise`)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sssd_engine.noise import fill_window_noise


def draw_noise(
    seed: int, first_window: int, num_windows: int, shape: tuple[int, int, int, int]
) -> npt.NDArray[np.float32]:
    """Standard normal noise, float32 ``(num_noises, B, S, K, D)``, for ``shape = (num_noises, S, K, D)``."""
    num_noises, *one = shape
    noise = np.empty((num_noises, num_windows, *one), dtype=np.float32)
    for index in range(num_windows):
        fill_window_noise(noise[:, index], seed, first_window + index)
    return noise
