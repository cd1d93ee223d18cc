"""A head that attends to the past, in engines: the same samples, and keys and values made once a window."""

from __future__ import annotations

import pytest
import torch
from compiled import Compiled, compile_network, liven

from sssd_export.build.parity import TOLERANCE
from sssd_export.graph.head_partition import split_head
from sssd_registry.plugin_api.make_network import make_network

BLOCKS = 2


@pytest.fixture(scope="module")
def attending(tiny: Compiled) -> Compiled:
    """The tiny model's data, and a head that sees three tokens of each timeframe's past."""
    options = {"width": 8, "blocks": BLOCKS, "heads": 2, "time_size": 8}
    config = tiny.network.config.model_copy(update={"head": "attend", "head_options": options, "past_tokens": 3})
    torch.manual_seed(0)
    return compile_network(liven(make_network(tiny.network.spec, config)), tiny.windows, tiny.windows)


@pytest.mark.parametrize("loop", ["unrolled", "loop", "step"])
def test_an_engine_sees_the_past_as_the_model_does(attending: Compiled, loop: str) -> None:
    engine = attending.engine("unipc", 4, loop)
    assert attending.error(engine, "unipc", 4, windows=3, samples=7) <= TOLERANCE


def test_it_matters_to_the_samples(attending: Compiled) -> None:
    """Else parity of what is not looked at would be no test."""
    network = attending.network
    z, t = torch.randn(2, 5, *network.latent_shape), torch.full((1, 1), 500.0)
    condition = torch.randn(2, 1 + 6, network.config.context_size)
    other = condition.clone()
    other[:, -1] += 1.0
    change = (network.head(z, t, other) - network.head(z, t, condition)).abs().max()
    assert change > 1e-2 * network.head(z, t, condition).std()


def test_keys_and_values_are_hoisted(attending: Compiled) -> None:
    """Of products with the tokens ``(B, N, C)`` none is left for a step to do."""
    assert attending.pieces.head is not None
    parts = split_head(attending.pieces.head.model.graph)
    biased = [
        [node for node in group if any("key_value.bias" in str(one and one.name) for one in node.inputs)]
        for group in (parts.hoisted, parts.step)
    ]  # the products' own weights have lost their names in being transposed
    assert [len(group) for group in biased] == [BLOCKS, 0]
