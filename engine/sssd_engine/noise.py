"""The noise a seed stands for, with numpy alone.

But for the order of its first two axes the same as the eager pipeline's ``sssd_registry.sampling.noise``, where it is explained
and which is not imported here: an engine runs without the project (a test holds the two together).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float32]


def draw_noise(seed: int, first_window: int, num_windows: int, shape: tuple[int, int, int, int]) -> Float:
    """The noise that ``seed`` stands for: float32 ``(B, num_noises, S, K, D)``, ``shape`` without B."""
    num_noises, *one = shape
    noise = np.empty((num_windows, num_noises, *one), dtype=np.float32)
    for index in range(num_windows):
        stream = np.random.default_rng([seed, first_window + index])
        noise[index, 0] = _stratified_normal(stream, one)
        noise[index, 1:] = stream.standard_normal((num_noises - 1, *one), dtype=np.float32)
    return noise


def _stratified_normal(stream: np.random.Generator, shape: list[int]) -> Float:
    """Along the samples' axis, the first, one value in each of as many equally likely parts."""
    share = stream.random(shape, dtype=np.float32)
    share += np.arange(shape[0], dtype=np.float32)[:, None, None]
    return stream.permuted(_normal_quantile(share / np.float32(shape[0]) - np.float32(0.5)), axis=0)


def _normal_quantile(q: Float) -> Float:
    """At ``q + 1/2``: PPND7 (Wichura 1988, Algorithm AS 241)."""
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
