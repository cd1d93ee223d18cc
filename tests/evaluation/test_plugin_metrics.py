"""Metrics of plugins: asked by name, some windows at a time, and what is wrong with one is a line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from sssd_registry.data.effective_windows import one_series
from sssd_registry.errors import SSSDError, UnknownNameError
from sssd_registry.evaluation.plugin_metrics import AskedMetric, find_metrics, metric_score

RANDOM = np.random.default_rng(0)
SAMPLES, Y = RANDOM.normal(size=(150, 20, 2, 1)), RANDOM.normal(size=(150, 2, 1))


def scored(score: Callable[[Any, Any], Any], y: Any = Y) -> Any:
    return metric_score(AskedMetric("mine", "plugin 'm' of mine 1.0", score), SAMPLES, y, (1, 4), one_series(len(y)))


def test_windows_come_in_parts_and_are_scored_as_a_whole() -> None:
    seen: list[int] = []

    def score(samples: Any, y: Any) -> Any:
        seen.append(len(y))
        return np.abs(samples.mean(axis=1) - y).mean(axis=(1, 2))

    found = scored(score)
    assert len(seen) > 1
    assert sum(seen) == 150
    assert found.mean == pytest.approx(np.abs(SAMPLES.mean(axis=1) - Y).mean())
    assert 0 < found.se < found.mean


def test_a_window_of_which_nothing_was_observed_is_passed_over() -> None:
    y = Y.copy()
    y[3:50] = np.nan
    found = scored(lambda samples, y: np.nan_to_num(np.abs(samples.mean(axis=1) - y)).mean(axis=(1, 2)), y)
    seen = np.delete(np.abs(SAMPLES.mean(axis=1) - Y).mean(axis=(1, 2)), range(3, 50))
    assert found.mean == pytest.approx(seen.mean())


@pytest.mark.parametrize(
    ("score", "message"),
    [
        (lambda *_: 1 / 0, "failed: ZeroDivisionError: division by zero"),
        (lambda _, y: y, r"gave an array of shape \(64, 2, 1\) for 64 windows; it has to give one number for each"),
        (lambda _, y: np.full(len(y), np.nan), "gave a score that is no finite number"),
        (lambda samples, _: samples.sort(axis=1), "failed: ValueError: .*read-only"),
    ],
)
def test_what_is_wrong_names_metric_and_plugin(score: Callable[[Any, Any], Any], message: str) -> None:
    with pytest.raises(SSSDError, match=rf"metric 'mine' \(plugin 'm' of mine 1\.0\) {message}") as error:
        scored(score)
    assert "\n" not in str(error.value)


def test_metrics_are_found_by_name_with_their_options() -> None:
    low, high = find_metrics(["twcrps:above=-1e9", "twcrps:above=1e9"])
    ones = np.ones((2, 3, 1, 1))
    assert low.score(ones, 3 * ones[:, 0]).tolist() == [2.0, 2.0]
    assert high.score(ones, 3 * ones[:, 0]).tolist() == [0.0, 0.0]
    with pytest.raises(UnknownNameError, match="no metric named 'wiss': did you mean 'wis'"):
        find_metrics(["wiss"])
    with pytest.raises(SSSDError, match="'twcrps' has no option 'over'"):
        find_metrics(["twcrps:over=1"])
