"""The noise a seed stands for: numpy's, so that a runtime without torch draws the same."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def draw_noise(
    seed: int, first_window: int, num_windows: int, shape: tuple[int, int, int, int]
) -> npt.NDArray[np.float32]:
    """Standard normal noise, float32 ``(num_noises, B, S, K, D)``, for ``shape = (num_noises, S, K, D)``.

    Each window has a stream of its own, ``default_rng([seed, window])``: a forecast does not depend on how
    windows are batched, and schedulers that draw more share the initial noise with those that do not.
    """
    noise = np.empty((shape[0], num_windows, *shape[1:]), dtype=np.float32)
    for index in range(num_windows):
        stream = np.random.default_rng([seed, first_window + index])
        noise[:, index] = stream.standard_normal(shape, dtype=np.float32)
    return noise
