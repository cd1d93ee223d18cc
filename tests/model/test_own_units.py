"""A streamable model tells a bar once and for all, and looks no further back than a window holds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from sssd_registry.config import load_config
from sssd_registry.data.origins import all_origins
from sssd_registry.data.windows import windows_at
from sssd_registry.errors import SSSDError
from sssd_registry.model.batches import to_tensors, training_data
from sssd_registry.model.network import SSSDNetwork
from sssd_registry.model.own_units import layer_reach, own_features, statistics_bars
from sssd_registry.model.s4d import S4D
from sssd_registry.plugin_api.make_network import make_network

LAYERS = 3


@pytest.fixture(scope="module")
def network(tiny_frame: pd.DataFrame, tiny_settings: list[str]) -> SSSDNetwork:
    return streamable(tiny_frame, tiny_settings)


def streamable(frame: pd.DataFrame, settings: list[str], *more: str) -> SSSDNetwork:
    shape = ('data.timeframes={"1h" = 40, "4h" = 10}', f"model.num_layers={LAYERS}", "model.streamable=true")
    config = load_config(None, [*settings, *shape, *more])
    torch.manual_seed(0)
    return make_network(training_data(frame, config.data).spec, config.model).eval().requires_grad_(False)


def windows(network: SSSDNetwork, frame: pd.DataFrame) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    data = training_data(frame, load_config(None, ['data.timeframes={"1h" = 40, "4h" = 10}']).data)
    chosen = windows_at(data.source, all_origins(data.source).take(np.arange(3, 300, 40)))
    return to_tensors(chosen, network.spec, torch.device("cpu"))


@pytest.mark.parametrize("lookback", [*range(1, 40), 96, 166, 500, 1000])
@pytest.mark.parametrize("layers", [1, 2, 4, 9])
def test_what_is_looked_at_is_within_the_lookback(lookback: int, layers: int) -> None:
    span, reach = statistics_bars(lookback), layer_reach(lookback, layers)
    assert span == 1 << (span.bit_length() - 1)
    assert reach >= 1
    assert lookback == 1 or 1 + span + layers * (reach - 1) <= lookback


def test_features_of_a_bar_stay_what_they_are(network: SSSDNetwork, tiny_frame: pd.DataFrame) -> None:
    """Whatever comes after it, and however long the window before the bars that it looks at."""
    values, times = windows(network, tiny_frame)
    for timeframe in network.spec.timeframes:
        v, t, span = values[timeframe.name], times[timeframe.name], statistics_bars(timeframe.lookback)
        whole = network.normalizer.timeframe_features(timeframe, v, t)
        assert whole.isfinite().all()
        assert whole[:, span:].abs().max() < 50  # the first has no bar before it
        for end in range(span + 1, timeframe.lookback + 1):
            short = network.normalizer.timeframe_features(
                timeframe, v[:, end - span - 1 : end], t[:, end - span - 1 : end]
            )
            assert torch.equal(short[:, -1], whole[:, end - 1])


def test_features_of_the_last_bar_alone(network: SSSDNetwork, tiny_frame: pd.DataFrame) -> None:
    """Of its 1 + M bars, without those of the others: sums are of the same numbers, in another order."""
    values, times = windows(network, tiny_frame)
    for timeframe in network.spec.timeframes:
        v, t, bars = values[timeframe.name], times[timeframe.name], 1 + statistics_bars(timeframe.lookback)
        expected = network.normalizer.timeframe_features(timeframe, v, t)[:, -1:]
        seen = network.normalizer.last_features(timeframe, v[:, -bars:], t[:, -bars:])
        assert torch.allclose(seen, expected, rtol=1e-6, atol=1e-6)
        nearly_still = v.clone()
        nearly_still[..., -1] = 1e8 + nearly_still[..., -1]  # squares of its logarithm cancel
        expected = network.normalizer.timeframe_features(timeframe, nearly_still, t)[:, -1:]
        seen = network.normalizer.last_features(timeframe, nearly_still[:, -bars:], t[:, -bars:])
        assert torch.allclose(seen, expected, rtol=1e-6, atol=1e-6)


def test_units_are_those_of_the_bars_before(network: SSSDNetwork, tiny_frame: pd.DataFrame) -> None:
    """Against sums written out: changes have a mean square of 1 over the M bars in units of the last."""
    values, _ = windows(network, tiny_frame)
    levels, span = values["1h"], 16
    made = own_features(network.normalizer.movement, levels, span)[:, -1].double()
    columns = network.normalizer.movement.columns("open", "close", "value")
    moved = levels[..., columns].diff(dim=1)[:, -span:]
    unit = moved.square().mean(dim=1).sqrt()
    mean = levels[:, -span:, columns].mean(dim=1)
    expected = torch.cat([moved[:, -1] / unit, (levels[:, -1, columns] - mean) / unit / 4], dim=-1)
    count = len(columns)
    torch.testing.assert_close(made[:, [*range(count), *range(2 * count, 3 * count)]], expected, rtol=1e-5, atol=1e-6)


def test_the_encoder_forgets_what_no_window_holds(network: SSSDNetwork, tiny_frame: pd.DataFrame) -> None:
    values, times = windows(network, tiny_frame)
    torch.nn.init.normal_(network.encoder.context.weight, generator=torch.Generator().manual_seed(1))
    expected = network.encode(values, times)
    for timeframe in network.spec.timeframes:
        span = statistics_bars(timeframe.lookback)
        seen = 1 + span + LAYERS * (layer_reach(timeframe.lookback, LAYERS) - 1)
        for changed, same in ((timeframe.lookback - seen, True), (timeframe.lookback - span, False)):
            other = values[timeframe.name].clone()
            other[:, :changed] *= 1.5
            made = network.encode({**values, timeframe.name: other}, times)
            assert bool(((made - expected).abs() < 2e-6).all()) == same


def test_a_kernel_ends_where_its_layer_reaches() -> None:
    torch.manual_seed(0)
    layer = S4D(3, 8, reach=5)
    kernel = layer.kernel(12)
    assert torch.equal(kernel[:, 5:], torch.zeros(3, 7))
    layer.reach = None
    torch.testing.assert_close(kernel[:, :5], layer.kernel(12)[:, :5], atol=1e-6, rtol=1e-5)


def test_missing_values_are_refused_before_anything_is_trained(
    tiny_frame: pd.DataFrame, tiny_settings: list[str]
) -> None:
    frame = tiny_frame.assign(volume=tiny_frame["volume"].where(tiny_frame["volume"] > 150))
    with pytest.raises(SSSDError, match=r"without missing values .* --set model\.streamable=false"):
        streamable(frame, tiny_settings)
