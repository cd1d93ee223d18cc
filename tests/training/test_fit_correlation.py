"""How forecasts hang together is found where the law is known, and nothing is made up where there is nothing to see."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import torch
from torch import Tensor

from sssd_registry.config import load_config
from sssd_registry.data.spec import DataSpec
from sssd_registry.model.batches import training_data
from sssd_registry.model.correlation import Correlation
from sssd_registry.model.normalizer import WindowNormalizer
from sssd_registry.plugin_api.make_network import make_network
from sssd_registry.training.fit_correlation import fit_correlation
from sssd_registry.training.fit_normalizer import fit_normalizer

Array = npt.NDArray[np.float64]

# From the last values (B, 1, C), their times (B, 1) in seconds and horizons (K,) to means (B, K, C).
Law = Callable[[Tensor, Tensor, Tensor], Tensor]

DENSE, SPARSE = tuple(range(1, 13)), (1, 4, 12)
BARS = torch.tensor([1.0, 3.0, 4.0, 8.0, 12.0])


def hourly(values: Array) -> pd.DataFrame:
    """Of ``(n, C)``."""
    frame = pd.DataFrame({f"v{k}": column for k, column in enumerate(values.T)})
    frame.insert(0, "time", pd.date_range("2020-01-01", periods=len(values), freq="h"))
    return frame


def fitted(frame: pd.DataFrame, horizons: tuple[int, ...] = DENSE, *more: str, law: Law | None = None) -> Correlation:
    """By the start that training begins with, or by forecasts of a ``law`` that is known."""
    settings = [f"data.horizons={list(horizons)}", 'data.timeframes={"1h" = 48}', "data.targets=all"]
    settings += ["model.location_scale=linear", *more]
    config = load_config(None, settings)
    data = training_data(frame, config.data)
    network = make_network(data.spec, config.model)
    fit_normalizer(network, data)
    correlation = Correlation(data.spec, config.model)
    fit_correlation(correlation, network.normalizer if law is None else BestForecast(data.spec, law), data)
    return correlation


class BestForecast(WindowNormalizer):
    """Whose location is the mean of a law that is known: what its errors have in common is then known as well."""

    def __init__(self, spec: DataSpec, law: Law) -> None:
        super().__init__(spec)
        self.law = law

    def location_scale(
        self, values: Mapping[str, Tensor], times: Mapping[str, Tensor], horizons: Tensor
    ) -> tuple[Tensor, Tensor]:
        location = self.law(self.origin(values).unsqueeze(1), times["1h"][:, -1:], horizons.double())
        return location, torch.ones_like(location)


def matrix(correlation: Correlation, bars: Tensor) -> Tensor:
    """Of coloured samples of all targets, one after another: ``(C · K, C · K)``; what 100,000 of them have."""
    channels = len(correlation.over_targets)
    white = torch.randn(1, 100_000, len(correlation.points), channels, generator=torch.Generator().manual_seed(0))
    samples = correlation.colour(white, correlation.rows(bars))[0]
    return torch.corrcoef(samples.permute(2, 1, 0).flatten(0, 1))


def forecast_errors(memory: Sequence[float], innovations: Array, bars: Tensor) -> Tensor:
    """Correlation of the best forecasts' errors, of autoregressions with correlated ``innovations (C, C)``."""
    steps = [int(bar) for bar in bars]
    impulse = np.zeros((len(memory), len(steps), max(steps)))
    for target, kept in enumerate(memory):
        for row, step in enumerate(steps):
            impulse[target, row, :step] = kept ** np.arange(step - 1, -1, -1)
    covariance = np.einsum("cd,chi,dki->chdk", innovations, impulse, impulse).reshape(2 * [len(memory) * len(steps)])
    deviation = np.sqrt(np.diag(covariance))
    return torch.from_numpy(covariance / deviation / deviation[:, None]).float()


def autoregressions(memory: Sequence[float], innovations: Array, rows: int = 12_000, seed: int = 0) -> Array:
    noise = np.random.default_rng(seed).normal(size=(rows, len(memory))) @ np.linalg.cholesky(innovations).T
    values = np.zeros_like(noise)
    for row in range(1, rows):
        values[row] = np.asarray(memory) * values[row - 1] + noise[row]
    return values


ALONE, PAIR = np.eye(1), np.array([[1.0, 0.7], [0.7, 1.0]])
LAWS = {"walk": ((1.0,), ALONE), "two walks": ((1.0, 1.0), PAIR), "vector autoregression": ((0.95, 0.6), PAIR)}


@pytest.mark.parametrize("horizons", [DENSE, SPARSE])
@pytest.mark.parametrize("law", LAWS)
def test_a_known_law_is_found(law: str, horizons: tuple[int, ...]) -> None:
    memory, innovations = LAWS[law]
    kept = torch.tensor(memory, dtype=torch.float64)
    correlation = fitted(
        hourly(autoregressions(memory, innovations)),
        horizons,
        law=lambda last, _, bars: last * kept ** bars.unsqueeze(1),
    )
    truth = forecast_errors(memory, innovations, BARS)
    torch.testing.assert_close(matrix(correlation, BARS), truth, rtol=0, atol=0.05)


def test_a_season_with_correlated_noise_is_found() -> None:
    """Every hour's noise is its own, but for what the targets have in common."""
    noise = np.random.default_rng(0).normal(size=(12_000, 2)) @ np.linalg.cholesky(PAIR).T

    def season(_last: Tensor, seconds: Tensor, bars: Tensor) -> Tensor:
        angle = 2 * torch.pi * (seconds / 3600 + bars) / 24
        return torch.stack([5 * torch.sin(angle), 9 * torch.cos(angle)], dim=-1)

    frame = hourly(noise)
    seconds = torch.from_numpy(frame["time"].to_numpy("datetime64[s]").astype(np.int64))
    frame[["v0", "v1"]] += season(torch.zeros(()), seconds.unsqueeze(1), torch.zeros(1))[:, 0].numpy()
    truth = torch.kron(torch.from_numpy(PAIR).float(), torch.eye(5))
    torch.testing.assert_close(matrix(fitted(frame, law=season), BARS), truth, rtol=0, atol=0.05)
    # Found from the past, a season is not known to the last digit, and forecasts of all horizons miss it together.
    torch.testing.assert_close(matrix(fitted(frame), BARS), truth, rtol=0, atol=0.12)


@pytest.mark.parametrize("law", LAWS)
def test_wrong_readings_cost_little(law: str) -> None:
    """One reading in a hundred of what is to come is a hundred steps off."""
    memory, innovations = LAWS[law]
    values = autoregressions(memory, innovations)
    kept, clean = torch.tensor(memory, dtype=torch.float64), torch.from_numpy(values.copy())
    random = np.random.default_rng(1)
    wrong = random.random(values.shape) < 0.01
    values[wrong] += 100 * random.choice([-1.0, 1.0], size=wrong.sum())
    frame = hourly(values)
    first = int(frame["time"].to_numpy("datetime64[s]").astype(np.int64)[0])

    def from_clean(_last: Tensor, seconds: Tensor, bars: Tensor) -> Tensor:
        return clean[(seconds - first) // 3600] * kept ** bars.unsqueeze(1)

    truth = forecast_errors(memory, innovations, BARS)
    torch.testing.assert_close(matrix(fitted(frame, law=from_clean), BARS), truth, rtol=0, atol=0.05)


def test_wrong_origins_cost_little_too() -> None:
    values = autoregressions((1.0,), ALONE)
    wrong = np.random.default_rng(1).random(values.shape) < 0.01
    values[wrong] += 100.0
    truth = forecast_errors((1.0,), ALONE, BARS)
    torch.testing.assert_close(matrix(fitted(hourly(values)), BARS), truth, rtol=0, atol=0.1)


def test_a_panel_is_one_correlation() -> None:
    series = [hourly(autoregressions((1.0,), ALONE, 900, seed)).assign(id=f"s{seed}") for seed in range(12)]
    correlation = fitted(pd.concat(series, ignore_index=True), DENSE, "data.id=id")
    truth = forecast_errors((1.0,), ALONE, BARS)
    torch.testing.assert_close(matrix(correlation, BARS), truth, rtol=0, atol=0.05)
    assert correlation.volatility.spread < 0.12, "Gaussian steps are of one volatility"


def test_volatile_windows_are_found() -> None:
    """Volatility that wanders for weeks and that no feature tells: its level is drawn anew every 48 hours."""
    random = np.random.default_rng(0)
    volatility = np.exp(0.4 * random.normal(size=1000)).repeat(12)
    values = (volatility * random.normal(size=12_000)).cumsum()[:, None]
    spread = float(fitted(hourly(values)).volatility.spread)
    assert 0.2 < spread <= 0.5


def test_targets_that_do_not_go_together_are_left_alone() -> None:
    correlation = fitted(hourly(autoregressions((1.0, 1.0, 1.0), np.eye(3), 3000)))
    torch.testing.assert_close(correlation.over_targets, torch.eye(3), rtol=0, atol=0.05)


def test_no_later_value_changes_it() -> None:
    """Fitted on the training part alone: validation and test may be anything."""
    values = autoregressions((1.0, 0.8), PAIR, 2000)
    other = values.copy()
    other[1400:] = other[1400:] * 7 + 3  # 70 % are for training
    first, second = (fitted(hourly(one)).state_dict() for one in (values, other))
    torch.testing.assert_close(first, second, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("rows", "horizons"), [(300, (1,)), (300, tuple(range(1, 25))), (400, tuple(range(1, 49))), (300, (24,))]
)
@pytest.mark.parametrize("kind", ["walk", "constant", "copies", "zeros", "one moves"])
def test_little_or_degenerate_data_give_a_correlation(rows: int, horizons: tuple[int, ...], kind: str) -> None:
    random = np.random.default_rng(0)
    walk = random.normal(size=(rows, 2)).cumsum(axis=0)
    still = np.where(np.arange(rows) < 0.75 * rows, 3.0, walk[:, 0])  # all through the training part
    values = {
        "walk": walk,
        "constant": np.stack([still, still], axis=1),
        "copies": walk[:, [0, 0]],
        "zeros": np.where(random.random((rows, 2)) < 0.1, 1.0, 0.0),
        "one moves": np.stack([walk[:, 0], still], axis=1),
    }[kind]
    correlation = fitted(hourly(values), horizons, "model.location_scale=random-walk")
    for buffer in correlation.buffers():
        assert torch.isfinite(buffer).all()
    rows_of = correlation.rows(torch.tensor(horizons, dtype=torch.float32))
    torch.testing.assert_close(rows_of.norm(dim=-1), torch.ones(rows_of.shape[:-1]))
    white = torch.randn(50, 1, len(correlation.points), 2, generator=torch.Generator().manual_seed(0))
    coloured = correlation.colour(white, correlation.rows(correlation.points))[:, 0]
    torch.testing.assert_close(
        correlation.extract(coloured * correlation.training_size), correlation.latents(white)[:, 0], rtol=0, atol=5e-3
    )
    if kind == "one moves":
        torch.testing.assert_close(correlation.over_targets, torch.eye(2), rtol=0, atol=1e-3)
