"""The conformance suite for metrics, run on an installed plugin by its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pytest

from sssd_registry.errors import SSSDError
from sssd_registry.options import build_options
from sssd_registry.plugin_api.hookspecs import Metric, MetricSpec
from sssd_registry.plugin_api.registry import registry

Array = npt.NDArray[np.float64]

_WINDOWS, _SAMPLES, _HORIZONS, _TARGETS = 300, 80, 4, 2
# In deviations: how far a forecast is off that has to score worse.
_SHIFT = 1.5


class MetricConformance:
    """Subclass it in a test file and name the metric:

        class TestMine(MetricConformance):
            name = "mine"

    Attributes:
        name: as registered.
        options: other options than the defaults, such as a threshold among standard normal numbers.
    """

    name: ClassVar[str]
    options: ClassVar[Mapping[str, Any]] = {}

    @property
    def spec(self) -> MetricSpec:
        return registry().metrics[self.name]

    def make(self) -> Metric:
        """Make the metric, as an evaluation does."""
        return self.spec.factory(build_options("metric", self.name, self.spec.options, dict(self.options)))

    def ask(self, samples: Array, y: Array) -> Array:
        """Scores of read-only arrays."""
        for array in (samples, y):
            array.flags.writeable = False
        return np.asarray(self.make()(samples, y))

    def test_contract(self) -> None:
        assert self.spec.summary, f"{self.name}: MetricSpec.summary is empty; `sssd plugins` shows it"
        kind = self.spec.options
        assert kind.__dataclass_params__.frozen, f"{self.name}: {kind.__name__} is not frozen; write frozen=True"  # type: ignore[attr-defined]
        assert callable(self.make()), f"{self.name}: the factory has to return a function of samples and y"

    def test_a_number_for_each_window(self) -> None:
        samples, y = _drawn()
        scores = self.ask(samples, y)
        assert scores.shape == (_WINDOWS,), f"{self.name} gives shape {scores.shape} for {_WINDOWS} windows"
        assert np.isfinite(scores).all(), f"{self.name} gives scores that are no finite numbers"

    def test_windows_are_scored_by_themselves(self) -> None:
        """Some windows at a time are given, and how many is nobody's to know."""
        samples, y = _drawn()
        np.testing.assert_allclose(
            self.ask(samples[10:13].copy(), y[10:13].copy()), self.ask(samples, y)[10:13], rtol=1e-9,
            err_msg=f"{self.name} scores a window by those beside it",
        )  # fmt: skip

    def test_asking_again_gives_the_same(self) -> None:
        samples, y = _drawn()
        np.testing.assert_array_equal(self.ask(samples, y), self.ask(samples, y))

    def test_the_order_of_samples_does_not_matter(self) -> None:
        samples, y = _drawn()
        order = np.random.default_rng(1).permutation(_SAMPLES)
        np.testing.assert_allclose(self.ask(samples[:, order], y), self.ask(samples, y), rtol=1e-6, atol=1e-9)

    def test_what_is_missing_is_passed_over(self) -> None:
        samples, y = _drawn()
        missing = y.copy()
        missing[1, 2], missing[2] = np.nan, np.nan
        scores, whole = self.ask(samples, missing), self.ask(samples, y)
        assert np.isfinite(scores[1]), f"{self.name} cannot score a window of which something is missing"
        assert np.isnan(scores[2]), f"{self.name} scores a window of which nothing was observed"
        np.testing.assert_allclose(np.delete(scores, [1, 2]), np.delete(whole, [1, 2]), rtol=1e-9)

    def test_the_right_forecast_scores_lowest(self) -> None:
        """Compare means over many windows with those of forecasts that lie too high or too low."""
        samples, y = _drawn()
        right = self.ask(samples, y).mean()
        worst = max(self.ask(samples + shift, y).mean() for shift in (-_SHIFT, _SHIFT))
        assert right < worst, f"{self.name} rewards forecasts that are off: {worst:.4g}, and {right:.4g} for right ones"

    def test_an_unknown_option_is_refused(self) -> None:
        with pytest.raises(SSSDError, match="has no option 'no_such_option'"):
            build_options("metric", self.name, self.spec.options, {"no_such_option": 1})


def _drawn() -> tuple[Array, Array]:
    """Samples ``(B, S, K, C)`` of the law that ``y (B, K, C)`` is of: standard normal."""
    random = np.random.default_rng(0)
    samples = random.normal(size=(_WINDOWS, _SAMPLES, _HORIZONS, _TARGETS))
    return samples, random.normal(size=(_WINDOWS, _HORIZONS, _TARGETS))
