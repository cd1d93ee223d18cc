"""How far intervals are moved: as far as windows say it surely, by shape, and not at all by chance."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from sssd_registry.data.effective_windows import WindowPlaces, one_series
from sssd_registry.evaluation.scores import Array
from sssd_registry.model.calibration import INNER, OUTER
from sssd_registry.training.interval_shares import Line, Observed, covered, fit_interval

HORIZONS = np.array([1.0, 2.0, 5.0, 12.0])


def seen(values: Array, places: WindowPlaces | None = None) -> Observed:
    return Observed(values, np.ones_like(values), HORIZONS, places or one_series(len(values)))


def fitted(observed: Observed, half: float, level: float) -> tuple[Array, Array]:
    middle, width = fit_interval(np.array(-half), np.array(half), level, half, observed)
    return middle.at(HORIZONS), width.at(HORIZONS)


def draw(law: str, n: int = 3000, targets: int = 1) -> Array:
    shape = (n, len(HORIZONS), targets)
    random = np.random.default_rng(4)
    if law == "fat":
        return random.standard_t(3, size=shape) / np.sqrt(3)
    if law == "skew":
        return random.exponential(size=shape) - 1
    return random.standard_normal(shape)


@pytest.mark.parametrize("law", ["fat", "skew"])
@pytest.mark.parametrize(("half", "level"), [(INNER, 0.5), (OUTER, 0.9)])
def test_intervals_cover_what_they_say_on_windows_that_nothing_was_fitted_to(
    law: str, half: float, level: float
) -> None:
    fit, held_out = np.split(draw(law, 6000), 2)
    middle, width = fitted(seen(fit), half, level)
    before = covered(np.array(-half), np.array(half), seen(held_out))
    after = covered(middle - width, middle + width, seen(held_out))
    assert abs(after - level) < 0.02
    assert abs(before - level) > 2 * abs(after - level) or abs(before - level) < 0.02
    if law == "skew" and level == 0.9:
        tails = [float((held_out < middle - width).mean()), float((held_out > middle + width).mean())]
        assert max(tails) < 0.08, "one side has all of the misses"


def test_a_calibrated_forecast_is_left_alone() -> None:
    for half, level in ((INNER, 0.5), (OUTER, 0.9)):
        middle, width = fitted(seen(draw("normal")), half, level)
        assert np.abs(middle).max() < 0.05
        assert np.abs(width - half).max() < 0.05


def test_few_windows_say_nothing_and_copies_are_not_more() -> None:
    few = draw("fat", 40)
    middle, width = fitted(seen(few), INNER, 0.5)
    assert np.array_equal(width, np.full_like(width, INNER))
    assert not middle.any()
    wide, series = 1.2 * draw("normal", 200), np.repeat(np.arange(50), 200)
    rows = np.tile(np.arange(200), 50)
    copies = seen(np.tile(wide, (50, 1, 1)), WindowPlaces(series, rows, rows))
    alone, together = fitted(seen(wide), INNER, 0.5)[1], fitted(copies, INNER, 0.5)[1]
    np.testing.assert_allclose(alone, together, atol=0.02)


def test_each_target_has_its_own_as_far_as_it_surely_differs() -> None:
    values = np.concatenate([draw("fat"), 1.5 * draw("normal")], axis=2)
    _, width = fitted(seen(values), INNER, 0.5)
    truth = [stats.t(3).ppf(0.75) / np.sqrt(3), 1.5 * INNER]
    assert np.abs(width - truth).max() < 0.05
    alike = np.concatenate([draw("fat"), draw("fat")], axis=2)
    _, width = fitted(seen(alike), INNER, 0.5)
    assert np.ptp(width, axis=1).max() < 1e-9


def test_near_horizons_may_be_other_than_far_ones() -> None:
    slopes = np.linspace(1.4, 0.7, len(HORIZONS))
    _, width = fitted(seen(draw("normal") * slopes[None, :, None]), INNER, 0.5)
    assert width[0, 0] > 1.15 * INNER
    assert width[-1, 0] < 0.9 * INNER


def test_weights_of_nothing_count_for_nothing() -> None:
    values, weights = draw("fat"), np.ones((3000, len(HORIZONS), 1))
    broken = values.copy()
    broken[::3], weights[::3] = 1e6, 0.0
    one = fit_interval(
        np.array(-INNER), np.array(INNER), 0.5, INNER, Observed(broken, weights, HORIZONS, one_series(3000))
    )
    assert one[1].at(HORIZONS).max() < 1.0


def test_a_line_is_over_log_horizons() -> None:
    line = Line(np.array([2.0]), np.array([0.5]), float(np.log(10)), 1.0)
    assert line.at(np.array([10.0, 10 * np.e]))[:, 0].tolist() == pytest.approx([2.0, 2.5])
