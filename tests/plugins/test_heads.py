"""Purpose of each head; that all keep the contract is tests/testing/test_first_party.py."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
import torch
from torch import nn

from sssd_registry.config import load_config
from sssd_registry.errors import SSSDError
from sssd_registry.model.batches import training_data
from sssd_registry.options import build_options
from sssd_registry.plugin_api.make_network import make_network
from sssd_registry.plugin_api.registry import registry
from sssd_registry.testing.parameters import fill_zeros

SMALL: dict[str, dict[str, Any]] = {
    "mlp": {"hidden_sizes": [16]},
    "adaln": {"width": 16, "blocks": 1},
    "attend": {"width": 16, "blocks": 1},
    "dit": {"width": 16, "blocks": 1},
    "film-unet": {"widths": [8, 16]},
    "unet1d": {"block_out_channels": [32]},
    "unet1d-attn": {"block_out_channels": [32]},
    "unet2d": {"block_out_channels": [8, 16], "columns": 4},
}


def make(name: str) -> nn.Module:
    spec = registry().heads[name]
    torch.manual_seed(0)
    return spec.factory(2, 5, build_options("head", name, spec.options, SMALL[name])).eval()


def filled(name: str) -> nn.Module:
    """As after some training: no parameter is zero."""
    head = make(name)
    fill_zeros(head, std=0.3)
    return head


def test_every_first_party_head_is_here() -> None:
    heads = registry().heads
    assert set(SMALL) == {name for name in heads if "sssd_heads" in heads[name].factory.__module__}


@pytest.mark.parametrize("name", SMALL)
def test_it_starts_at_zero(name: str) -> None:
    """Which is the right answer of v-prediction for standard normal data: training starts at the start."""
    assert not make(name)(torch.randn(1, 2, 5, 2), torch.full((1, 2), 9.0), torch.randn(1, 5, 5)).any()


@pytest.mark.parametrize("name", SMALL)
def test_whether_horizons_see_each_other(name: str) -> None:
    head = filled(name)
    z, t, cond = torch.randn(1, 2, 9, 2), torch.full((1, 2), 300.0), torch.randn(1, 9, 5)
    moved = z.clone()
    moved[:, :, 3] += 1.0
    with torch.no_grad():
        change = (head(moved, t, cond) - head(z, t, cond)).abs().amax(dim=(0, 1, 3))  # (K,)
    others = torch.cat([change[:3], change[4:]])
    assert change[3] > 1e-4
    assert (others.max() < 1e-6) == (name in ("mlp", "adaln", "attend"))


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("horizons", [1, 2, 7, 30])
def test_time_may_be_one_number(name: str, horizons: int) -> None:
    """So that it is a constant of each step in an engine."""
    head = filled(name)
    z, cond = torch.randn(2, 3, horizons, 2), torch.randn(2, horizons, 5)
    with torch.no_grad():
        full, single = (head(z, torch.full(shape, 250.0), cond) for shape in ((2, 3), (1, 1)))
    torch.testing.assert_close(full, single, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("dit", "{width = 30}", "width 30 is not a multiple of heads 4"),
        ("unet1d", "{block_out_channels = [24]}", "multiples of 32"),
        ("unet2d", "{columns = 0}", "columns: Input should be greater than or equal to 1"),
        ("mlp", "{hidden_sizes = []}", "hidden_sizes: .* at least 1 item"),
        ("dit", "{heads = 0}", "heads: Input should be greater"),
        ("film-unet", "{kernel_size = 4}", "odd kernel_size"),
        ("film-unet", "{widths = []}", "one width or more"),
    ],
)
def test_options_that_cannot_be_are_named(
    tiny_frame: pd.DataFrame, tiny_settings: list[str], name: str, options: str, words: str
) -> None:
    config = load_config(None, [*tiny_settings, f"model.head={name}", f"model.head_options={options}"])
    with pytest.raises(SSSDError, match=f"head '{name}'.*{words}"):
        make_network(training_data(tiny_frame, config.data).spec, config.model)
