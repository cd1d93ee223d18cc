"""Noise by seed: independent of batching, shared between schedulers."""

from __future__ import annotations

import numpy as np

from sssd_registry.noise import draw_noise


def test_a_windows_noise_does_not_depend_on_its_batch() -> None:
    whole = draw_noise(3, 0, 5, (2, 4, 3, 1))
    parts = [draw_noise(3, 0, 2, (2, 4, 3, 1)), draw_noise(3, 2, 3, (2, 4, 3, 1))]
    np.testing.assert_array_equal(whole, np.concatenate(parts, axis=1))


def test_schedulers_that_draw_more_share_the_initial_noise() -> None:
    few, many = draw_noise(0, 0, 3, (1, 8, 2, 1)), draw_noise(0, 0, 3, (21, 8, 2, 1))
    np.testing.assert_array_equal(few[0], many[0])


def test_seeds_and_windows_differ_and_the_noise_is_normal() -> None:
    noise = draw_noise(0, 0, 2, (1, 5000, 1, 1))
    assert not np.array_equal(noise, draw_noise(1, 0, 2, (1, 5000, 1, 1)))
    assert not np.array_equal(noise[:, 0], noise[:, 1])
    assert noise.dtype == np.float32
    assert abs(noise.mean()) < 0.05
    assert abs(noise.std() - 1) < 0.05
