"""Programs that are traced once, and those that are taken apart first all the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from compiled import session_of
from torch import Tensor, nn

from sssd_export.graph import lean_export
from sssd_export.graph.trace import export_module


class Everyday(nn.Module):
    """What our own stages use, with numbers that float32 does not have."""

    def forward(self, x: Tensor) -> Tensor:
        moved = (0.1 - x.double().movedim(-1, 1)).square()  # (B, C, K)
        turned = torch.rsub(moved[0].T, 0.3, alpha=0.7) + torch.tensor([1e-300, 2.0, 0.1]).double()[:2]
        return (1 - torch.where(turned > 0, turned, moved[:, :, 1:].mean())).to(torch.float64)


class WritesInto(nn.Module):
    """A slice of a copy is filled in place, and not only read."""

    def forward(self, x: Tensor) -> Tensor:
        made = x.double().clone()
        made[:, 0] = 7.0
        return made.mul_(2.0)


class WithoutGradients(nn.Module):
    """Part of it is a region of its own to torch's exporter."""

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            fixed = x.double().exp()
        return fixed + 1


class TakenApart(nn.Module):
    """An operator that ONNX has no translation of."""

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = torch.special.xlogy(x.double().abs(), 2.5)
        return made


@pytest.fixture
def decomposed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every program that is traced a second time."""
    seen: list[Any] = []
    decompose = lean_export._decompose

    def noted(program: Any, table: Any) -> Any:
        seen.append(program)
        return decompose(program, table)

    monkeypatch.setattr(lean_export, "_decompose", noted)
    return seen


@pytest.mark.parametrize(
    ("module", "times"), [(Everyday(), 0), (WritesInto(), 1), (WithoutGradients(), 1), (TakenApart(), 1)]
)
def test_a_program_is_decomposed_only_where_it_has_to_be(module: nn.Module, times: int, decomposed: list[Any]) -> None:
    x = torch.randn(2, 3, 2, generator=torch.Generator().manual_seed(0))
    model = export_module("module", module, [x], ["x"], ["y"], [{0: "windows"}])
    (seen,) = session_of(model).run(None, {"x": x.numpy()})
    expected = module(x).numpy()
    assert seen.dtype == expected.dtype == np.float64
    np.testing.assert_allclose(seen, expected, rtol=1e-15, atol=0)
    assert len(decomposed) == times


def test_what_fails_undecomposed_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever torch leaves to decompositions without saying so in its table."""
    monkeypatch.setattr(lean_export, "_to_decompose", lambda *_: False)
    x = torch.tensor([[0.5, 1.5], [0.0, 2.0]])
    model = export_module("module", TakenApart(), [x], ["x"], ["y"], [{0: "windows"}])
    np.testing.assert_allclose(session_of(model).run(None, {"x": x.numpy()})[0], TakenApart()(x).numpy(), rtol=1e-15)
