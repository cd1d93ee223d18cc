"""Our own metrics keep the contract, and are what their papers say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sssd_registry.evaluation.scores import crps
from sssd_registry.plugin_api.registry import registry
from sssd_registry.testing import MetricConformance

OPTIONS: dict[str, dict[str, Any]] = {"wis": {}, "twcrps": {"above": 0.5}, "dss": {}}


def drawn() -> tuple[Any, Any]:
    random = np.random.default_rng(3)
    return random.normal(size=(20, 400, 3, 1)), random.normal(size=(20, 3, 1))


def made(name: str, **options: Any) -> Any:
    spec = registry().metrics[name]
    return spec.factory(spec.options(**options))


def test_every_metric_is_here() -> None:
    ours = [entry for entry in registry().entries if entry.kind == "metric" and entry.plugin == "metrics"]
    assert {entry.name for entry in ours} == set(OPTIONS)


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("check", [name for name in dir(MetricConformance) if name.startswith("test_")])
def test_it_keeps_the_contract(name: str, check: str) -> None:
    suite: Any = type("One", (MetricConformance,), {"name": name, "options": OPTIONS[name]})()
    getattr(suite, check)()


def test_the_weighted_interval_score_is_twice_the_pinball_loss_over_its_quantiles() -> None:
    """Bracher et al. 2021, section 2.2: of K intervals and the median, that is what it comes to, halved."""
    from sssd_metrics.weighted_interval import ALPHAS

    samples, y = drawn()
    levels = sorted({0.5, *(a / 2 for a in ALPHAS), *(1 - a / 2 for a in ALPHAS)})
    quantiles = np.quantile(samples, levels, axis=1)  # (Q, B, K, C)
    pinball = [np.maximum(level * (y - q), (level - 1) * (y - q)) for level, q in zip(levels, quantiles, strict=True)]
    np.testing.assert_allclose(made("wis")(samples, y), 2 * np.mean(pinball, axis=(0, 2, 3)))


def test_the_threshold_weighted_crps_is_the_crps_where_everything_lies_beyond() -> None:
    samples, y = drawn()
    whole = crps(samples, y).mean(axis=(1, 2))
    np.testing.assert_allclose(made("twcrps", above=-100.0)(samples, y), whole)
    np.testing.assert_allclose(made("twcrps", above=100.0)(samples, y), 0.0, atol=1e-12)
    halves = made("twcrps", above=0.2)(samples, y) + made("twcrps", above=0.2, below=True)(samples, y)
    np.testing.assert_allclose(halves, whole, err_msg="what lies above and below make up all")


def test_the_dawid_sebastiani_score_is_the_log_score_of_a_gaussian() -> None:
    from scipy.stats import norm

    samples, y = drawn()
    wanted = -2 * norm.logpdf(y, samples.mean(axis=1), samples.std(axis=1, ddof=1)) - np.log(2 * np.pi)
    np.testing.assert_allclose(made("dss")(samples, y), wanted.mean(axis=(1, 2)))
