"""Heads that leave out an input, or everything: no loop, and no runtime, may stumble over what is not there."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from compiled import Compiled, session_of
from torch import Tensor, nn

from sssd_engine.engine import Engine
from sssd_engine.part import OnnxPart, Part
from sssd_engine.solver_loop import SolverLoop
from sssd_export.build.manifest_entries import solver_entry
from sssd_export.build.parity import TOLERANCE
from sssd_export.build.part_plan import HOST, layout
from sssd_export.graph.compose import build_graph


class Unconditional(nn.Module):
    def forward(self, z: Tensor, t: Tensor, _cond: Tensor) -> Tensor:
        return torch.tanh(z) * (t / 1000)[..., None, None]


class Blind(nn.Module):
    """Looks at the condition alone."""

    def forward(self, z: Tensor, _t: Tensor, cond: Tensor) -> Tensor:
        return torch.tanh(cond[..., :1]).unsqueeze(1).expand_as(z)


class Idle(nn.Module):
    """As a network is that was left out: its last layer is zero."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.layer = nn.Linear(1 + size, 1)
        nn.init.zeros_(self.layer.weight)
        nn.init.zeros_(self.layer.bias)

    def forward(self, z: Tensor, _t: Tensor, cond: Tensor) -> Tensor:
        wide = cond.unsqueeze(1).expand(-1, z.shape[1], -1, -1)
        out: Tensor = self.layer(torch.cat([z, wide], dim=-1))
        return out


HEADS = {"unconditional": Unconditional(), "blind": Blind(), "idle": Idle(16)}


@pytest.fixture(scope="module", params=list(HEADS))
def case(by_token: Compiled, request: pytest.FixtureRequest) -> Compiled:
    return by_token.with_head(HEADS[request.param])


@pytest.mark.parametrize("loop", ["unrolled", "loop", "step"])
def test_in_onnxruntime(case: Compiled, loop: str) -> None:
    engine = case.engine("dpmsolver++", 3, loop)
    assert case.error(engine, "dpmsolver++", 3, windows=2, samples=3) <= TOLERANCE


@pytest.mark.parametrize("loop", ["unrolled", "loop", "step"])
def test_in_openvino(case: Compiled, loop: str, tmp_path: Path) -> None:
    """Its ports have several names where layers were taken away, in no order."""
    pytest.importorskip("openvino", reason="the openvino extra is not installed")
    engine = Engine(case.engine("dpmsolver++", 3).manifest, openvino_parts(case, loop, tmp_path))
    assert case.error(engine, "dpmsolver++", 3, windows=2, samples=3) <= TOLERANCE


def openvino_parts(case: Compiled, loop: str, folder: Path) -> list[Part]:
    from sssd_engine.openvino_part import open_openvino
    from sssd_export.targets.openvino import save_ir

    tableau = case.tableau("dpmsolver++", 3)
    parts: list[Part] = []
    for plan in layout("openvino", False, loop, False):
        graph = build_graph(case.pieces, tableau, plan.stages, loop)
        if plan.runtime == HOST:
            parts.append(OnnxPart(session_of(graph)))
            continue
        made = save_ir(graph, folder, plan.name, dict)
        sides = {"inputs": graph.graph.inputs, "outputs": graph.graph.outputs}
        entry = {side: [{"name": str(value.name)} for value in values] for side, values in sides.items()}
        part = open_openvino(folder / made["graph"], {**entry, "precision": "fp32"}, 1)
        step = plan.stages == ("step",)
        parts.append(SolverLoop(part, solver_entry(tableau, case.head)) if step else part)
    return parts
