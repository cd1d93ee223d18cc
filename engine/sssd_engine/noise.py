"""The noise that a seed stands for, in a model and in its engines: numpy's, so that a runtime without torch draws it.

A path has noise of its own, from which a forecast begins; a solver may draw more on its way. The first rows of paths'
noise, which carry most of their variance, are stratified: of S samples one lies in each of S equally likely parts of
the normal distribution, in each entry: Latin hypercube sampling (McKay, Beckman & Conover 1979, "A Comparison of Three
Methods for Selecting Values of Input Variables"). A sample by itself is standard normal as ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float32]

# Names of an engine's inputs that are noise.
NOISE = ("noise", "draws")
# Rows of paths' noise that are stratified.
_STRATIFIED = 8


@dataclass(frozen=True)
class NoiseShape:
    """Numbers of standard normal noise that one sample takes.

    Attributes:
        paths: ``(P, C)``, of its path.
        draws: ``(M, K, D)``, of what a solver draws on its way; M is 0 for most.
    """

    paths: tuple[int, int]
    draws: tuple[int, int, int] = (0, 1, 1)

    @property
    def size(self) -> int:
        """All of these numbers."""
        (points, channels), (count, tokens, latent) = self.paths, self.draws
        return points * channels + count * tokens * latent


def draw_noise(
    seed: int, first_window: int | Sequence[int], num_windows: int, samples: int, shape: NoiseShape
) -> tuple[Float, Float]:
    """Standard normal noise as engines take it, float32: of paths ``(B, S, P, C)``, and draws ``(B, M, S, K, D)``.

    Each window has a stream of its own, ``default_rng([seed, window])``. So a forecast does not depend on how windows
    are batched. Solvers that draw more share the paths' noise with those that do not.

    Args:
        seed: of all streams.
        first_window: number of the first window, from which on the others are counted; or the number of each.
        num_windows: B.
        samples: S.
        shape: of one sample's noise.
    """
    numbers = range(first_window, first_window + num_windows) if isinstance(first_window, int) else first_window
    count, *latent = shape.draws
    paths = np.empty((num_windows, samples, *shape.paths), dtype=np.float32)
    draws = np.empty((num_windows, count, samples, *latent), dtype=np.float32)
    for index, number in enumerate(numbers):
        stream = np.random.default_rng([seed, number])
        paths[index, :, :_STRATIFIED] = stratified_normal(stream, list(paths[index, :, :_STRATIFIED].shape))
        paths[index, :, _STRATIFIED:] = stream.standard_normal(paths[index, :, _STRATIFIED:].shape, dtype=np.float32)
        draws[index] = stream.standard_normal(draws[index].shape, dtype=np.float32)
    return paths, draws


def stratified_normal(stream: np.random.Generator, shape: list[int]) -> Float:
    """Standard normal, float32 ``(S, …)``; along the first axis one value in each of S equally likely parts."""
    count = shape[0]
    share = stream.random(shape, dtype=np.float32)  # where in its part
    share += np.arange(count, dtype=np.float32).reshape(-1, *[1] * (len(shape) - 1))
    return stream.permuted(normal_quantile(share / np.float32(count) - np.float32(0.5)), axis=0)


def normal_quantile(q: Float) -> Float:
    """The standard normal's quantile function at ``q + 1/2``, float32, with q in [-1/2, 1/2].

    Rational approximations to seven digits: PPND7 (Wichura 1988, Algorithm AS 241). Nothing is farther than 5.5.
    """
    z = np.asarray(central_quantile(q))
    far = np.abs(q) > CENTRAL
    depth = -np.log(np.maximum(0.5 - np.abs(q[far]), np.float32(LEAST_SHARE)))
    z[far] = np.copysign(tail_quantile(np.sqrt(depth)), q[far])
    return z


# The approximations' two halves, for arrays of numpy and tensors of torch alike: how far the first reaches, and the
# least share of the distribution that the second is for.
CENTRAL, LEAST_SHARE = 0.425, 2**-25


def central_quantile(q: Any) -> Any:
    """Quantiles at ``q + 1/2``, for q within :data:`CENTRAL` of 0."""
    r = 0.180625 - q * q
    above = ((59.10937472 * r + 159.29113202) * r + 50.434271938) * r + 3.3871327179
    below = ((67.1875636 * r + 78.757757664) * r + 17.895169469) * r + 1
    return q * above / below


def tail_quantile(root: Any) -> Any:
    """Distance from 0 of the quantiles beyond which a share of ``exp(-root²)`` of the distribution lies."""
    r = root - 1.6
    above = ((0.17023821103 * r + 1.3067284816) * r + 2.75681539) * r + 1.4234372777
    below = (0.12021132975 * r + 0.7370016425) * r + 1
    return above / below
