"""Speed of an S4 layer without an FFT, in the forms that an engine could have, in ONNX Runtime.

At the reference sizes: the longest timeframe's lookback, one window and 64. The forms give the same, which is
asserted beside the time.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from alternate import one_round
from conftest import session, summary
from torch import Tensor, nn

from sssd_export.graph.s4_forms import FourierS4D, TwoLevelS4D, fourier_matrices, kernel_with_skip, two_level_matrices
from sssd_registry.model.s4d import S4D

CHANNELS, STATE, LENGTH = 200, 128, 500
FFT, CHOSEN = "FFT, torch", "Fourier in two levels"


class Convolution(nn.Module):
    """A depthwise convolution with the layer's kernel, as long as the lookback."""

    def __init__(self, layer: S4D) -> None:
        super().__init__()
        self.register_buffer("kernel", kernel_with_skip(layer, LENGTH).flip(-1).unsqueeze(1))  # (H, 1, L)

    def forward(self, u: Tensor) -> Tensor:
        return nn.functional.conv1d(nn.functional.pad(u, (LENGTH - 1, 0)), self.kernel, groups=CHANNELS)


class Toeplitz(nn.Module):
    """A product with each channel's own lower triangular matrix."""

    def __init__(self, layer: S4D) -> None:
        super().__init__()
        kernel = nn.functional.pad(kernel_with_skip(layer, LENGTH), (LENGTH, 0))  # (H, 2 L)
        at = torch.arange(LENGTH)
        self.register_buffer("matrix", kernel[:, LENGTH + at - at.unsqueeze(1)])  # (H, L, L)

    def forward(self, u: Tensor) -> Tensor:
        return (u.transpose(0, 1) @ self.matrix).transpose(0, 1)


def in_onnxruntime(module: nn.Module, u: Tensor) -> Callable[[], Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(module, (u,), dynamo=True, verbose=False)
    assert program is not None
    made = session(program.model)
    feed = {made.get_inputs()[0].name: u.numpy()}
    return lambda: made.run(None, feed)[0]


@pytest.mark.parametrize("windows", [1, 64])
def test_forms_of_s4(benchmark: Any, windows: int, results: dict[str, Any]) -> None:
    torch.manual_seed(0)
    layer = S4D(CHANNELS, STATE).eval().requires_grad_(False)
    u = torch.randn(windows, CHANNELS, LENGTH)
    forms = {
        CHOSEN: TwoLevelS4D(layer, LENGTH, two_level_matrices(LENGTH)),
        "Fourier matrices": FourierS4D(layer, LENGTH, *fourier_matrices(LENGTH)),
        "convolution": Convolution(layer),
        "Toeplitz matrices": Toeplitz(layer),
    }
    expected = layer(u).numpy()
    contenders: dict[str, Callable[[], Any]] = {FFT: lambda: layer(u)}
    for name, form in forms.items():
        contenders[name] = in_onnxruntime(form.eval(), u)
        np.testing.assert_allclose(contenders[name](), expected, atol=1e-4 * float(expected.std()))
    rounds: list[dict[str, float]] = []
    benchmark.pedantic(lambda: rounds.append(one_round(contenders)), rounds=5, iterations=1, warmup_rounds=0)
    table = summary(benchmark, rounds, CHOSEN)
    for name, form in forms.items():
        table[name]["megabytes"] = round(sum(buffer.nbytes for buffer in form.buffers()) / 1e6, 1)
    results[f"S4 forms, {windows} windows"] = table
