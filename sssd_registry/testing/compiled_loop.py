"""Loops compiled in a moment for any tableau around a head that was traced once: for tests of parity."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sssd_registry.sampling.tableau import SolverTableau

_COND, _HORIZONS = 5, 3


class _Head(nn.Module):
    """Two layers, with time and condition each on its own way in."""

    def __init__(self, latent_size: int, width: int = 16) -> None:
        super().__init__()
        self.z, self.t, self.cond = nn.Linear(latent_size, width), nn.Linear(1, width), nn.Linear(_COND, width)
        self.out = nn.Linear(width, latent_size)

    def forward(self, z: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        hidden = self.z(z) + self.t(t[..., None, None] / 1000) + self.cond(cond).unsqueeze(1)
        return torch.as_tensor(self.out(torch.tanh(hidden)))


@dataclass(frozen=True)
class Head:
    """The head in float32 between float64 states, as the live loop runs it."""

    module: nn.Module
    latent_size: int

    def network(self, z: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        return torch.as_tensor(self.module(z.float(), t.float(), condition)).double()


Run = Callable[[SolverTableau, Tensor, Tensor], Tensor]


@functools.cache
def compiled_loop() -> tuple[Head, Tensor, Run]:
    """The head, a condition for two windows, and ``(tableau, condition, noise) -> latents`` by ONNX Runtime."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        head = Head(_Head(4).eval().requires_grad_(False), 4)
        condition = torch.randn(2, _HORIZONS, _COND)
    return head, condition, compile_head(head.module, condition, head.latent_size)


def compile_head(head: nn.Module, condition: Tensor, latent_size: int, rows: int | None = None) -> Run:
    """Trace ``head`` once, for conditions ``(B, K, C)``; the loop around it is composed for each tableau.

    ``rows`` are K, where the condition has tokens of the past after them.
    """
    import onnx_ir as ir
    import onnxruntime

    from sssd_export.graph.compose import build_loop
    from sssd_export.graph.trace import trace_head

    z = torch.randn(2, 3, rows or condition.shape[1], latent_size, generator=torch.Generator().manual_seed(0))
    traced, single = trace_head(head, z, condition)

    def run(tableau: SolverTableau, given: Tensor, noise: Tensor) -> Tensor:
        model = build_loop(traced, single, tableau)
        serial = ir.to_proto(model).SerializeToString()
        session = onnxruntime.InferenceSession(serial, providers=["CPUExecutionProvider"])
        feed = {"condition": given.numpy(), "noise": noise.float().swapaxes(0, 1).numpy()}
        return torch.from_numpy(session.run(None, feed)[0])

    return run
