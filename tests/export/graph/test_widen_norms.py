"""Group norms are rewritten to longer rows, and mean the same."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from sssd_export.graph import trace as tracing
from sssd_export.graph.trace import trace_head
from sssd_export.graph.widen_norms import widen_norms

WIDTH = 12


class Normed(nn.Module):
    """A head with two group norms of the same weights' shape along the horizons."""

    def __init__(self, groups: int, activation: nn.Module, affine: bool = True) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.enter, self.leave = nn.Linear(2, WIDTH), nn.Linear(WIDTH, 2)
        self.norms = nn.ModuleList(nn.GroupNorm(groups, WIDTH, affine=affine) for _ in range(2))
        self.activation = activation
        for norm in self.norms:
            if affine:
                nn.init.normal_(norm.weight)
                nn.init.normal_(norm.bias)

    def forward(self, z: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        x = (self.enter(z) + t[..., None, None] * 0.1 + cond[:, None, :, :1]).flatten(0, 1).mT  # (B S, H, K)
        for norm in self.norms:
            x = x + self.activation(norm(x))
        return torch.as_tensor(self.leave(x.mT)).view(z.shape)


def graphs(head: nn.Module, horizons: int, monkeypatch: pytest.MonkeyPatch) -> tuple[ir.Model, ir.Model]:
    """As the exporter writes it, and rewritten."""
    z, condition = torch.randn(2, 3, horizons, 2), torch.randn(2, horizons, 4)
    with monkeypatch.context() as patch:
        patch.setattr(tracing, "widen_norms", lambda graph: None)
        plain, _ = trace_head(head, z, condition)
    widened = plain.clone()
    widen_norms(widened.graph)
    return plain, widened


def outputs(model: ir.Model, horizons: int, windows: int, samples: int) -> np.ndarray:
    random = np.random.default_rng(0)
    session = onnxruntime.InferenceSession(ir.to_proto(model).SerializeToString(), providers=["CPUExecutionProvider"])
    feed = {
        "z": random.normal(size=(windows, samples, horizons, 2)),
        "t": np.full(session.get_inputs()[1].shape, 3.0),
        "condition": random.normal(size=(windows, horizons, 4)),
    }
    made = session.run(None, {name: array.astype(np.float32) for name, array in feed.items()})[0]
    assert isinstance(made, np.ndarray)
    return made


def readers_of_norms(model: ir.Model) -> list[str]:
    return [
        reader.op_type
        for node in model.graph
        if node.op_type == "InstanceNormalization"
        for reader in node.outputs[0].consumers()
    ]


@pytest.mark.parametrize("horizons", [1, 5])
@pytest.mark.parametrize(("groups", "activation"), [(1, nn.GELU()), (3, nn.SiLU()), (6, nn.Identity())])
def test_it_computes_the_same(
    horizons: int, groups: int, activation: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, widened = graphs(Normed(groups, activation), horizons, monkeypatch)
    assert readers_of_norms(plain) == ["Reshape"] * 2
    assert readers_of_norms(widened) == ["Mul"] * 2
    for windows, samples in ((1, 1), (2, 7)):
        expected = outputs(plain, horizons, windows, samples)
        np.testing.assert_allclose(outputs(widened, horizons, windows, samples), expected, rtol=1e-6, atol=1e-6)
    assert all(value.uses() for value in widened.graph.initializers.values())


def test_an_activation_goes_along(monkeypatch: pytest.MonkeyPatch) -> None:
    _, widened = graphs(Normed(1, nn.GELU()), 5, monkeypatch)
    for node in widened.graph:
        if node.op_type == "Gelu":
            assert [reader.op_type for reader in node.outputs[0].consumers()] == ["Reshape"]


def test_other_chains_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scale that depends on the condition is no constant to repeat."""

    class Modulated(Normed):
        def forward(self, z: Tensor, t: Tensor, cond: Tensor) -> Tensor:
            x = self.enter(z).flatten(0, 1).mT
            scale = cond[:, None, :, 0].expand(z.shape[:3]).flatten(0, 1)[:, None]  # (B S, 1, K)
            return torch.as_tensor(self.leave((self.norms[0](x) * scale + scale).mT)).view(z.shape)

    plain, widened = graphs(Modulated(1, nn.Identity(), affine=False), 5, monkeypatch)
    np.testing.assert_array_equal(outputs(widened, 5, 2, 3), outputs(plain, 5, 2, 3))
