"""No constant is lost on the way from torch to an engine's graph."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir
import pytest
import torch
from compiled import Compiled, session_of
from torch import Tensor, nn

from sssd_export.graph import keep_constants as guards
from sssd_export.graph.check_constants import check_kept
from sssd_export.graph.compose import build_graph
from sssd_export.graph.keep_constants import optimise, small_constants
from sssd_export.graph.trace import OPSET, quiet
from sssd_registry.errors import SSSDError


class Standardised(nn.Module):
    """Divides by a deviation that is 0 for a constant row."""

    def __init__(self, epsilon: float) -> None:
        super().__init__()
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        centred = x - x.mean(dim=1, keepdim=True)
        return centred / self.spread(centred.square().mean(dim=1, keepdim=True).sqrt())

    def spread(self, deviation: Tensor) -> Tensor:
        return deviation + self.epsilon


class Bound(Standardised):
    def spread(self, deviation: Tensor) -> Tensor:
        return deviation.clamp(min=self.epsilon)


class Largest(Standardised):
    def spread(self, deviation: Tensor) -> Tensor:
        return torch.maximum(deviation, torch.full_like(deviation, self.epsilon))


class Buffered(Standardised):
    def __init__(self, epsilon: float) -> None:
        super().__init__(epsilon)
        self.register_buffer("small", torch.tensor(epsilon))

    def spread(self, deviation: Tensor) -> Tensor:
        return deviation + self.get_buffer("small")


class RootMeanSquare(Standardised):
    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.rms_norm(x, x.shape[1:], eps=self.epsilon)


class Logarithms(Standardised):
    """Three guards of one size, two of which are the same."""

    def forward(self, x: Tensor) -> Tensor:
        size = x.abs()
        return torch.log(size + self.epsilon) + 1 / (size + self.epsilon) - torch.sqrt(x.square() + self.epsilon)


class NearlyOne(Standardised):
    def forward(self, x: Tensor) -> Tensor:
        return x * (1 + self.epsilon) - x / (1 + 2 * self.epsilon) - (x - self.epsilon)


class Several(nn.Module):
    """Outputs of many modules, side by side: exporting takes a second whatever it is that is exported."""

    def __init__(self, modules: list[Standardised]) -> None:
        super().__init__()
        self.each = nn.ModuleList(modules)

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([module(x) for module in self.each])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_guard_of_any_size_survives(dtype: torch.dtype) -> None:
    kinds = (Standardised, Bound, Largest, Buffered, RootMeanSquare, Logarithms, NearlyOne)
    modules = [kind(epsilon) for kind in kinds for epsilon in (1e-5, 1e-8, 1e-12, 1e-30)]
    x = torch.tensor([[0.0, 0, 0, 0], [1, 1, 1, 1], [1e-9, 2e-9, 3e-9, 0], [1, 2, 3, 4]], dtype=dtype)
    seen = ran(export(Several(modules), x), x)
    for module, row in zip(modules, seen, strict=True):
        expected = module(x).numpy()
        assert row.dtype == expected.dtype
        rtol, atol = (1e-5, 1e-6 if isinstance(module, NearlyOne) else 0) if dtype == torch.float32 else (1e-7, 0)
        np.testing.assert_allclose(row, expected, rtol=rtol, atol=atol, err_msg=f"{module} {module.epsilon}")


def test_a_scalar_of_float64_arithmetic_has_its_own_precision() -> None:
    """As float32, in which torch's exporter writes it, this one is 1, and the other 0."""

    class Double(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * (1 + 1e-9) + torch.log(x - x + 1e-300)

    x = torch.tensor([[1.25, 3.5]], dtype=torch.float64)
    np.testing.assert_array_equal(ran(export(Double(), x), x), Double()(x).numpy())


def test_a_number_that_torch_itself_takes_for_nothing_is_not_missed() -> None:
    class Idle(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x / (x.abs() + 1e-300)

    x = torch.tensor([[-1.25, 3.5]])
    np.testing.assert_array_equal(ran(export(Idle(), x), x), [[-1, 1]])


def test_the_graph_is_optimised_nevertheless() -> None:
    class Idle(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return (x * 1.0 + 0.0) / 1.0 + 1e-8 + (x + 1e-8)

    model = export(Idle(), torch.ones(2, 3))
    assert [node.op_type for node in model.graph] == ["Add", "Add"]
    assert [value.name for value in model.graph.inputs] == ["x"]


def test_a_constant_that_is_lost_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With nothing hidden the optimiser is as it comes."""
    monkeypatch.setattr(guards, "_hide", lambda _graph: [])
    with pytest.raises(SSSDError, match=r"test cannot be exported: .* dropped the constant 1e-08 in add\w* \(add\)"):
        export(Standardised(1e-8), torch.ones(2, 3))


def test_one_lost_use_of_several_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others have the same constant, and so it is in the graph still."""
    optimise = guards.optimizer.optimize

    def careless(model: ir.Model) -> None:
        optimise(model)
        node = next(node for node in model.graph if node.op_type == "Add" and "hidden" in str(node.inputs[1].name))
        node.outputs[0].replace_all_uses_with(node.inputs[0])
        model.graph.remove(node, safe=True)

    monkeypatch.setattr(guards.optimizer, "optimize", careless)
    with pytest.raises(SSSDError, match=r"dropped the constant 1e-08 in node_add\w* \(Add\)"):
        export(Logarithms(1e-8), torch.ones(2, 3))


def test_a_guard_that_a_composed_graph_lacks_is_named(tiny: Compiled) -> None:
    whole = build_graph(tiny.pieces, tiny.tableau("ddim", 2))
    assert small_constants(tiny.pieces.normalise.graph), "the normaliser divides by what may be zero"
    check_kept(tiny.pieces, [whole])
    guard = next(value for value in whole.graph.initializers.values() if np.array_equal(value.const_value, 1e-8))
    guard.const_value = ir.tensor(np.zeros(()))
    with pytest.raises(SSSDError, match=r"the normaliser cannot be exported: .* dropped the constant 1e-08"):
        check_kept(tiny.pieces, [whole])


def export(module: nn.Module, x: Tensor) -> ir.Model:
    with quiet(), torch.no_grad():
        program = torch.onnx.export(
            module.eval(), (x,), dynamo=True, opset_version=OPSET, verbose=False, input_names=["x"],
            output_names=["y"], dynamic_shapes=({0: "rows"},), optimize=False,
        )  # fmt: skip
        assert program is not None
        return optimise("test", program)


def ran(model: ir.Model, x: Tensor) -> npt.NDArray[Any]:
    return np.asarray(session_of(model).run(None, {"x": x.numpy()})[0])
