"""Noise for intervals of sigma: the ``noise_sampler(sigma, sigma_next)`` that loop samplers ask.

Increments of one Brownian motion in sigma, each divided by its own deviation. Disjoint intervals get independent
noises; where two overlap, as in samplers that look ahead, they share what they share (k-diffusion's
``BrownianTreeNoiseSampler`` does the same, from a seed).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from torch import Tensor

from sssd_registry.errors import SSSDError

# The two ends of neighbouring intervals may be rounded differently.
_SAME = 1e-9


class IntervalNoise:
    """A noise sampler made of one draw for each piece of the line that no interval divides.

    Args:
        intervals: all that will be asked for, in any order.
        draw: the next draw, standard normal.
    """

    def __init__(self, intervals: Iterable[tuple[float, float]], draw: Callable[[], Tensor]) -> None:
        ends = np.unique([end for interval in intervals for end in interval])
        apart = np.diff(ends, prepend=-np.inf) > _SAME * np.abs(ends)
        self.ends = ends[apart]
        self.draw = draw
        self.pieces: dict[int, Tensor] = {}

    def __call__(self, sigma: float | Tensor, sigma_next: float | Tensor) -> Tensor:
        """Standard normal noise of the interval.

        Raises:
            SSSDError: an interval that was not told.
        """
        first, last = self._end(float(sigma)), self._end(float(sigma_next))
        if first == last:  # an interval of no length shares nothing with another
            return self.draw()
        low, high = sorted((first, last))
        length = self.ends[high] - self.ends[low]
        made = sum(
            self._piece(index) * float(np.sqrt((self.ends[index + 1] - self.ends[index]) / length))
            for index in reversed(range(low, high))
        )
        return made if first > last else -made  # type: ignore[return-value]  # a sum of one or more tensors

    def _end(self, sigma: float) -> int:
        index = int(np.abs(self.ends - sigma).argmin()) if len(self.ends) else 0
        if not len(self.ends) or abs(self.ends[index] - sigma) > 10 * _SAME * abs(sigma):
            raise SSSDError("the intervals that it draws noise for depend on the data")
        return index

    def _piece(self, index: int) -> Tensor:
        if index not in self.pieces:
            self.pieces[index] = self.draw()
        return self.pieces[index]
