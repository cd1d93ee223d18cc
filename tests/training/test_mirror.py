"""Windows turned upside down are windows of the opposite moves."""

from __future__ import annotations

import pandas as pd
import pytest
import torch

from sssd_registry.config import load_config
from sssd_registry.errors import SSSDError
from sssd_registry.model.batches import make_batch, training_data
from sssd_registry.model.normalizer import WindowNormalizer
from sssd_registry.training.mirror import mirrored

CPU = torch.device("cpu")


@pytest.mark.parametrize("kind", ["level", "log-return"])
def test_changes_take_the_other_sign_and_bars_stay_bars(
    tiny_frame: pd.DataFrame, tiny_settings: list[str], kind: str
) -> None:
    data = training_data(tiny_frame, load_config(None, [*tiny_settings, f"data.target_kind={kind}"]).data)
    spec, normalizer = data.spec, WindowNormalizer(data.spec)
    batch = make_batch(data, data.split.train.take(slice(0, 4)), (1, 4), CPU)
    chosen = torch.tensor([True, False, True, False])
    turned = mirrored(batch, spec, chosen)
    close, high, low = (spec.columns.index(name) for name in ("close", "high", "low"))
    for name, values in turned.values.items():
        given = batch.values[name]
        change = normalizer.movement.change
        torch.testing.assert_close(change(values)[chosen][..., close], -change(given)[chosen][..., close])
        assert (values[..., high] >= values[..., [close, low]].amax(-1) - 1e-12).all()
        assert torch.equal(values[~chosen], given[~chosen])
        assert torch.equal(values[..., spec.roles.index("volume")], given[..., spec.roles.index("volume")])
    before, after = (normalizer.standardize(one.future, one.values, one.times, one.horizons) for one in (batch, turned))
    torch.testing.assert_close(after[chosen], -before[chosen], atol=1e-5, rtol=1e-5)
    assert torch.equal(after[~chosen], before[~chosen])


def test_twice_is_not_at_all(tiny_frame: pd.DataFrame, tiny_settings: list[str]) -> None:
    data = training_data(tiny_frame, load_config(None, tiny_settings).data)
    batch = make_batch(data, data.split.train.take(slice(0, 4)), (1, 4), CPU)
    every = torch.ones(4, dtype=torch.bool)
    again = mirrored(mirrored(batch, data.spec, every), data.spec, every)
    torch.testing.assert_close(again.values, batch.values)
    torch.testing.assert_close(again.future, batch.future)


def test_highs_and_lows_that_are_forecast_change_places(tiny_frame: pd.DataFrame, tiny_settings: list[str]) -> None:
    """As they would if the frame itself were turned about the close."""
    settings = [*tiny_settings, 'data.targets=["high", "low", "close"]']
    data = training_data(tiny_frame, load_config(None, settings).data)
    batch = make_batch(data, data.split.train.take(slice(0, 4)), (1, 4), CPU)
    turned = mirrored(batch, data.spec, torch.ones(4, dtype=torch.bool))
    close = batch.values["1h"][:, -1:, data.spec.columns.index("close")]  # (B, 1)
    high, low, last = (turned.future[..., index] for index in range(3))
    torch.testing.assert_close(high, 2 * close - batch.future[..., 1])
    torch.testing.assert_close(low, 2 * close - batch.future[..., 0])
    assert (high >= low).all()
    assert (high >= last).all()


@pytest.mark.parametrize("targets", ['["high"]', '["close", "low"]', '["volume"]'])
def test_what_has_no_other_side_is_refused(tiny_frame: pd.DataFrame, tiny_settings: list[str], targets: str) -> None:
    data = training_data(tiny_frame, load_config(None, [*tiny_settings, f"data.targets={targets}"]).data)
    batch = make_batch(data, data.split.train.take(slice(0, 2)), (1,), CPU)
    with pytest.raises(SSSDError, match="cannot be turned upside down"):
        mirrored(batch, data.spec, torch.ones(2, dtype=torch.bool))
