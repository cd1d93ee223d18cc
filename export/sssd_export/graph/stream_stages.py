"""The encoder of a streamable model, bar by bar: what it knows of the last bars comes in, and goes out with one more.

    advance_*   values_*, times_*, memory_*  -> token, memory      one timeframe's stack, when a bar of it is complete
    mix         tokens                       -> condition          attention across timeframes
    measure     values_*, times_*            -> location, scale    the normaliser's, of the whole window

Each layer sees its last R inputs only, so that these are all its state: its last output is their weighted sum. The
diagonal recurrence that S4 is as well would have to be told what leaves the R bars again, is no smaller (N numbers a
channel) and gathers rounding errors.
"""

from __future__ import annotations

from typing import Any

import onnx_ir as ir
import onnx_ir.passes.common as common_passes
import torch
from torch import Tensor, nn

from sssd_export.graph.s4_forms import kernel_with_skip
from sssd_export.graph.stages import UNITS
from sssd_export.graph.trace import WINDOWS, export_module
from sssd_registry.data.spec import Timeframe
from sssd_registry.model.encoder import S4Stack
from sssd_registry.model.network import SSSDNetwork
from sssd_registry.model.own_units import layer_reach, statistics_bars
from sssd_registry.model.s4d import S4D, S4Block


class Advance(nn.Module):
    """A stack after one more bar.

    Args:
        network: streamable, without fft.
        timeframe: the stack's.
    """

    weights: Tensor  # (layers, R, H)

    def __init__(self, network: SSSDNetwork, timeframe: Timeframe) -> None:
        super().__init__()
        position = network.spec.timeframes.index(timeframe)
        stack = network.encoder.stacks[position]
        assert isinstance(stack, S4Stack)
        self.timeframe, self.normalizer, self.stack = timeframe, network.normalizer, stack
        reach = layer_reach(timeframe.lookback, len(stack.blocks))
        self.register_buffer("weights", torch.stack([_taps(block, reach) for block in stack.blocks]))

    def forward(self, values: Tensor, times: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Last bars ``(B, 1 + M, V)`` and ``(B, 1 + M)``, ``memory (B, layers, R, H)`` to token ``(B, H)``, memory.

        What each layer has kept is weighed for all of them at once: only what is new has to wait for the layer before.
        """
        x = self.stack.project(self.normalizer.last_features(self.timeframe, values, times))  # (B, 1, H)
        before = memory[:, :, 1:]
        known = (before * self.weights[:, :-1]).sum(dim=2)  # (B, layers, H)
        new = []
        for number, block in enumerate(self.stack.blocks):
            assert isinstance(block, S4Block)
            new.append(block.norm(x))
            x = block.after(x, known[:, number : number + 1] + new[-1] * self.weights[number, -1])
        return self.stack.norm(x[:, 0]), torch.cat([before, torch.stack(new, dim=1)], dim=2)


def _taps(block: nn.Module, reach: int) -> Tensor:
    """Weights of a layer's last R inputs in its output, ``(R, H)``."""
    assert isinstance(block, S4Block)
    assert isinstance(block.ssm, S4D)
    return kernel_with_skip(block.ssm, reach).flip(-1).mT.contiguous()


class Mix(nn.Module):
    """Tokens ``(B, T, H)`` to the head's condition ``(B, K, C)``."""

    def __init__(self, network: SSSDNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, tokens: Tensor) -> Tensor:
        """Attention, and the condition of each of the head's tokens."""
        return self.network.condition(self.network.encoder.mix(tokens))


def seen_bars(timeframe: Timeframe) -> int:
    """Bars that a new bar's features are made of, its own among them: 1 + M, or as many as there are."""
    return min(timeframe.lookback, 1 + statistics_bars(timeframe.lookback))


def memory_shape(network: SSSDNetwork, timeframe: Timeframe) -> tuple[int, int, int]:
    """``(layers, R, H)``."""
    config = network.config
    return config.num_layers, layer_reach(timeframe.lookback, config.num_layers), config.feature_size


def trace_stream(network: SSSDNetwork, normalise: ir.Model) -> dict[str, ir.Model]:
    """Graphs of a streamable network's encoder, by name.

    Args:
        network: CPU, evaluation mode, in use.
        normalise: the traced stage, of which ``measure`` is a part.
    """
    made = {f"advance_{tf.name}": _traced_advance(network, tf) for tf in network.spec.timeframes}
    tokens = torch.zeros(2, len(network.spec.timeframes), network.config.feature_size)
    made["mix"] = export_module("encoder", Mix(network), [tokens], ["tokens"], ["condition"], [{0: WINDOWS}])
    return made | {"measure": _measure(normalise)}


def _traced_advance(network: SSSDNetwork, timeframe: Timeframe) -> ir.Model:
    name, bars = timeframe.name, seen_bars(timeframe)
    inputs: list[Any] = [
        torch.ones(2, bars, len(network.spec.columns), dtype=torch.float64),
        torch.arange(bars).repeat(2, 1) * timeframe.seconds,
        torch.zeros(2, *memory_shape(network, timeframe)),
    ]
    names = [f"values_{name}", f"times_{name}", f"memory_{name}"]
    outputs = ["token", "memory"]
    return export_module("encoder", Advance(network, timeframe), inputs, names, outputs, [{0: WINDOWS}] * 3)


def _measure(normalise: ir.Model) -> ir.Model:
    """The stage ``normalise`` without what makes features."""
    model = normalise.clone()
    kept = [value for value in model.graph.outputs if value.name in UNITS]
    model.graph.outputs.clear()
    model.graph.outputs.extend(kept)
    common_passes.RemoveUnusedNodesPass()(model)
    return model
