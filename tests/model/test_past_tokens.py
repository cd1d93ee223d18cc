"""Tokens of the past: what of a window each knows, and what a head that sees them is given."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from sssd_registry.config import load_config
from sssd_registry.errors import SSSDError
from sssd_registry.model.batches import make_batch, training_data
from sssd_registry.model.network import SSSDNetwork
from sssd_registry.model.past_tokens import PastTokens
from sssd_registry.plugin_api.make_network import make_network
from sssd_registry.testing.parameters import fill_zeros


@pytest.mark.parametrize(("length", "count", "tokens"), [(24, 4, 4), (25, 4, 4), (3, 16, 3), (1, 16, 1)])
def test_stretches_end_with_the_last_bar(length: int, count: int, tokens: int) -> None:
    made = PastTokens(length, 2, count, 2)
    with torch.no_grad():
        made.project.weight.copy_(torch.eye(2))
        made.project.bias.zero_()
        made.place.zero_()
        states = torch.arange(length, dtype=torch.float32).reshape(1, length, 1).expand(-1, -1, 2)
        found = made(states)[0, :, 0]
    bars = length // tokens
    expected = torch.arange(length - tokens * bars, length, dtype=torch.float32).reshape(tokens, bars).mean(dim=1)
    torch.testing.assert_close(found, expected)


def network_with(frame: pd.DataFrame, settings: list[str], head: str) -> tuple[SSSDNetwork, torch.Tensor]:
    """A network whose parameters are not zero, and its condition of two windows."""
    config = load_config(None, [*settings, f"model.head={head}", "model.head_options={}", "model.past_tokens=3"])
    data = training_data(frame, config.data)
    network = make_network(data.spec, config.model).eval()
    fill_zeros(network)
    far_apart = data.split.train.take(np.array([0, 100]))
    batch = make_batch(data, far_apart, (1, 4), torch.device("cpu"))
    with torch.no_grad():
        return network, network.condition(network.encode(batch.values, batch.times))


def test_only_heads_that_ask_are_given_any(tiny_frame: pd.DataFrame, tiny_settings: list[str]) -> None:
    plain, condition = network_with(tiny_frame, tiny_settings, "adaln")
    assert condition.shape == (2, 1, 8)
    assert not [name for name in plain.state_dict() if "past" in name]
    seeing, condition = network_with(tiny_frame, tiny_settings, "attend")
    assert condition.shape == (2, 1 + 3 + 3, 8)  # of both timeframes
    assert torch.isfinite(condition).all()
    assert (condition[0] != condition[1]).any(dim=-1).all(), "each row is of its window"
    assert [name for name in seeing.state_dict() if "past" in name]


def test_rows_and_tokens_are_of_one_size(tiny_frame: pd.DataFrame, tiny_settings: list[str]) -> None:
    """A head that sees components as tokens and the past as well: rows have an embedding, the past has none."""
    network, _ = network_with(tiny_frame, tiny_settings, "attend")
    both = SSSDNetwork(network.spec, network.config, lambda _, size: torch.nn.Linear(size, 1), tokens=True, past=True)
    fill_zeros(both)
    encoded = torch.randn(2, 7, 8)
    condition = both.condition(encoded)
    rows = both.latent_shape[0]
    assert condition.shape == (2, rows + 6, 8 + network.config.token_size)
    torch.testing.assert_close(condition[:, :rows, :8], encoded[:, :1].expand(-1, rows, -1))
    torch.testing.assert_close(condition[:, rows:, :8], encoded[:, 1:])
    assert not condition[:, rows:, 8:].any()


def test_a_streamable_model_cannot_attend(tiny_frame: pd.DataFrame, tiny_settings: list[str]) -> None:
    with pytest.raises(SSSDError, match="streamable is for heads that see the context alone"):
        network_with(tiny_frame, [*tiny_settings, "model.streamable=true"], "attend")
