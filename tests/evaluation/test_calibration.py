"""Calibration: uniform where forecasts are right, and outside of the band of chance where they are not."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sssd_registry.data.effective_windows import one_series
from sssd_registry.evaluation.calibration import calibration, chance_band, pit


def drawn(spread: float, bias: float = 0.0, windows: int = 600) -> tuple[np.ndarray, np.ndarray]:
    """Samples (B, 50, 3, 1) of N(bias, spread²) beside observations of N(0, 1)."""
    rng = np.random.default_rng(7)
    return bias + spread * rng.standard_normal((windows, 50, 3, 1)), rng.standard_normal((windows, 3, 1))


def outside(values: np.ndarray, band: np.ndarray) -> np.ndarray:
    return (values < band[..., 0]) | (values > band[..., 1])


def test_right_forecasts_lie_within_the_band() -> None:
    samples, y = drawn(1.0)
    found = calibration(samples, y, [1, 1.5, 2], places=one_series(600, stride=2))
    assert found.pit.shape == (3, 10)
    np.testing.assert_allclose(found.pit.sum(axis=1), 1)
    assert outside(found.pit, found.pit_band[:, None]).mean() < 0.15
    for level, shares in found.coverage.items():
        assert not outside(shares, found.coverage_band[level]).any(), level
    json.dumps(found.to_dict())


@pytest.mark.parametrize(("spread", "middle"), [(2.0, "hill"), (0.5, "valley")])
def test_forecasts_of_the_wrong_width_leave_it(spread: float, middle: str) -> None:
    found = calibration(*drawn(spread), [1, 1, 1])
    ends, centre = found.pooled[[0, -1]], found.pooled[4:6]
    low, high = found.pooled_band
    assert (centre > high).all() if middle == "hill" else (centre < low).all()
    assert (ends < low).all() if middle == "hill" else (ends > high).all()
    assert outside(found.coverage[0.9], found.coverage_band[0.9]).all()


def test_bias_slopes() -> None:
    found = calibration(*drawn(1.0, bias=1.0), [1, 1, 1])
    assert found.pooled[0] > 0.2 > 0.05 > found.pooled[-1]


def test_ties_are_spread_evenly() -> None:
    """Where all samples equal what came to be, as at zero sales, any rank is as good."""
    values = pit(np.zeros((4000, 9, 1, 1)), np.zeros((4000, 1, 1)))
    np.testing.assert_allclose(np.histogram(values, 10, (0, 1))[0] / 4000, 0.1, atol=0.02)


def test_the_ranks_of_one_more_sample_are_uniform_however_few_they_are() -> None:
    rng = np.random.default_rng(3)
    values = pit(rng.standard_normal((5000, 3, 1, 1)), rng.standard_normal((5000, 1, 1)))
    np.testing.assert_allclose(np.histogram(values, 10, (0, 1))[0] / 5000, 0.1, atol=0.02)


def test_overlapping_windows_widen_the_band() -> None:
    samples, y = drawn(1.0)
    near, far = (calibration(samples, y, [h, h, h]) for h in (1, 20))
    width = [np.ptp(one.coverage_band[0.9], axis=1) for one in (near, far)]
    assert (width[1] > 3 * width[0]).all()


def test_the_band_is_the_binomial_counts() -> None:
    """Ten fair coins: 2 to 8 heads hold 97.9 %, 3 to 7 only 89 %."""
    np.testing.assert_allclose(chance_band(0.5, np.array([10.9])), [[0.2, 0.8]])
