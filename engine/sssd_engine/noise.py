"""The noise that a seed stands for, in a model and in its engines: numpy's, so that a runtime without torch draws it.

The initial noise of a forecast's samples is stratified. Of S samples, at each horizon and in each latent entry, one
lies in each of S equally likely parts of the normal distribution: Latin hypercube sampling (McKay, Beckman & Conover
1979, "A Comparison of Three Methods for Selecting Values of Input Variables"). A sample by itself is standard normal
as ever, and quantiles of 100 are about as exact as those of several hundred independent ones.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float32]


def draw_noise(seed: int, first_window: int, num_windows: int, shape: tuple[int, int, int, int]) -> Float:
    """Standard normal noise as engines take it, float32 ``(B, num_noises, S, K, D)``; ``shape`` is that without B.

    Each window's is :func:`fill_window_noise`'s.
    """
    noise = np.empty((num_windows, *shape), dtype=np.float32)
    for index in range(num_windows):
        fill_window_noise(noise[index], seed, first_window + index)
    return noise


def fill_window_noise(noise: Float, seed: int, window: int) -> None:
    """Fill ``noise (num_noises, S, K, D)`` with what ``seed`` stands for in that window.

    The first of ``num_noises`` is stratified over the samples, the others are independent. Each window has a stream
    of its own, ``default_rng([seed, window])``. So a forecast does not depend on how windows are batched. Schedulers
    that draw more share the initial noise with those that do not.
    """
    stream = np.random.default_rng([seed, window])
    noise[0] = stratified_normal(stream, list(noise.shape[1:]))
    noise[1:] = stream.standard_normal((len(noise) - 1, *noise.shape[1:]), dtype=np.float32)


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
    r = np.float32(0.180625) - q * q
    above = ((59.10937472 * r + 159.29113202) * r + 50.434271938) * r + 3.3871327179
    below = ((67.1875636 * r + 78.757757664) * r + 17.895169469) * r + 1
    z = np.asarray(q * above / below)
    far = np.abs(q) > 0.425
    r = np.sqrt(-np.log(np.maximum(0.5 - np.abs(q[far]), np.float32(2**-25)))) - np.float32(1.6)
    above = ((0.17023821103 * r + 1.3067284816) * r + 2.75681539) * r + 1.4234372777
    below = (0.12021132975 * r + 0.7370016425) * r + 1
    z[far] = np.copysign(above / below, q[far])
    return z
