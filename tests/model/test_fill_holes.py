"""Holes of a window filled from that window: nothing observed is changed, and nothing is made up where all is there."""

from __future__ import annotations

import numpy as np
import torch

from sssd_registry.model.fill_holes import filled_window

RANDOM = np.random.default_rng(0)


def holed(values: np.ndarray, share: float) -> torch.Tensor:
    return torch.from_numpy(np.where(RANDOM.random(values.shape) < share, np.nan, values))


def test_what_was_observed_stays_to_the_last_bit() -> None:
    raw = holed(RANDOM.normal(size=(5, 60, 3)), 0.4)
    made = filled_window(raw, 7, [True, False, True])
    seen = ~raw.isnan()
    assert bool((made[seen] == raw[seen]).all())
    assert bool(made.isfinite().all())


def test_without_a_season_holes_lie_on_the_line_between_their_neighbours() -> None:
    raw = holed(RANDOM.normal(size=(8, 50, 2)), 0.5)
    made = filled_window(raw, 1, [True, True]).numpy()
    for window, column in np.ndindex(8, 2):
        values = raw[window, :, column].numpy()
        seen = np.flatnonzero(~np.isnan(values))
        np.testing.assert_allclose(made[window, :, column], np.interp(np.arange(50), seen, values[seen]), atol=1e-12)


def test_a_season_fills_a_whole_missing_day() -> None:
    hours = np.arange(24 * 7)
    day = 10 + 3 * np.sin(2 * np.pi * hours / 24) + hours / 50
    values = day.copy()
    values[24 * 3 : 24 * 4] = np.nan
    values[-10:] = np.nan
    raw = torch.from_numpy(values)[None, :, None]
    seasonal, plain = (filled_window(raw, 24, [uses])[0, :, 0].numpy() for uses in (True, False))
    gone = np.isnan(values)
    assert np.abs(seasonal - day)[gone].mean() < 0.35 * np.abs(plain - day)[gone].mean()


def test_windows_and_columns_do_not_touch_each_other() -> None:
    raw = holed(RANDOM.normal(size=(4, 40, 2)), 0.3)
    whole = filled_window(raw, 5, [True, True])
    for window in range(4):
        torch.testing.assert_close(filled_window(raw[[window]], 5, [True, True]), whole[[window]])
    torch.testing.assert_close(filled_window(raw[..., [1]], 5, [True]), whole[..., [1]])


def test_a_window_of_nothing_is_finite() -> None:
    assert bool((filled_window(torch.full((1, 9, 1), torch.nan, dtype=torch.float64), 3, [True]) == 1).all())
