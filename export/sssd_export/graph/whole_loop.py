"""Encoder and sampling loop as one module of torch, for compilers that take torch's programs and not ONNX graphs."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from sssd_export.graph.stages import Encode, feature_names
from sssd_registry.model.network import SSSDNetwork
from sssd_registry.sampling.tableau import SolverTableau, Update


class WholeLoop(nn.Module):
    """Features of each timeframe and noise to latents: what the stages ``encode`` and ``denoise`` are in ONNX.

    Args:
        network: without FFT (:mod:`sssd_export.graph.s4_forms`), evaluation mode.
        tableau: the solver.
        one_time: the head takes a time step as one number, ``(1, 1)``, and not for each sample.
    """

    def __init__(self, network: SSSDNetwork, tableau: SolverTableau, one_time: bool) -> None:
        super().__init__()
        self.encode = Encode(network)
        self.network, self.tableau, self.one_time = network, tableau, one_time

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of what it takes, in order."""
        draws = ("draws",) if self.tableau.num_noises > 1 else ()
        return (*feature_names(self.network.spec), "noise", *draws)

    def forward(self, *given: Tensor) -> Tensor:
        """``features (B, L_tf, F)…, noise (B, S, P, C), draws (B, M, S, K, D) -> latents (B, S, K, D)``."""
        timeframes = len(self.network.spec.timeframes)
        condition = self.encode(*given[:timeframes])  # (B, K, C)
        paths, *drawn = given[timeframes:]
        noise = [self.network.first_latents(paths).float(), *(draws for each in drawn for draws in each.unbind(1))]
        memory = self.tableau.memory
        states: deque[Tensor] = deque(maxlen=memory)
        outputs: deque[Tensor] = deque(maxlen=memory)
        first, *updates = self.tableau.updates
        state = _combine(first, {"noise": noise})
        for timestep, update in zip(self.tableau.timesteps.tolist(), updates, strict=True):
            shape = (1, 1) if self.one_time else state.shape[:2]
            output = self.network.head(state, torch.full(shape, timestep, dtype=torch.float32), condition)
            states.appendleft(state)
            outputs.appendleft(output)
            state = _combine(update, {"noise": noise, "state": states, "output": outputs})
        return state


def _combine(update: Update, sources: Mapping[str, Sequence[Tensor] | deque[Tensor]]) -> Tensor:
    """The weighted sum that an update is; the state is float32."""
    total = None
    for term in update:
        value = sources[term.source][term.index] * float(term.weight)
        total = value if total is None else total + value
    assert total is not None
    return total
