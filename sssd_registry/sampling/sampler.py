"""The one loop that makes samples: a tableau's numbers, a network, noise."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from sssd_registry.sampling.tableau import SolverTableau, Update

Denoiser = Callable[[Tensor, Tensor], Tensor]


@torch.no_grad()
def sample(
    denoiser: Denoiser,
    tableau: SolverTableau,
    noise: Tensor,
    *,
    on_call: Callable[[int], None] | None = None,
) -> Tensor:
    """Turn noise into latents, without a graph of gradients; otherwise :func:`solve`."""
    return solve(denoiser, tableau, noise, on_call=on_call)


def solve(
    denoiser: Denoiser,
    tableau: SolverTableau,
    noise: Tensor,
    *,
    on_call: Callable[[int], None] | None = None,
) -> Tensor:
    """Turn noise into latents; gradients reach the denoiser, which distillation needs.

    Args:
        denoiser: ``(z (B, S, K, D), t (B, S)) -> (B, S, K, D)``, the noise head with its condition bound.
        tableau: what the scheduler does in its number of steps.
        noise: standard normal, ``(num_noises, B, S, K, D)``: the initial noise, then each draw in order.
        on_call: told the number of network calls done, for progress bars.

    Returns:
        latents ``(B, S, K, D)``, in noise's dtype.

    Raises:
        ValueError: ``noise`` has not the tableau's number of noises.
    """
    if noise.shape[0] != tableau.num_noises:
        raise ValueError(f"noise has {noise.shape[0]} entries on axis 0; the tableau needs {tableau.num_noises}")
    states: deque[Tensor] = deque(maxlen=tableau.memory)
    outputs: deque[Tensor] = deque(maxlen=tableau.memory)
    sources: Mapping[str, Sequence[Tensor] | Tensor] = {"state": states, "output": outputs, "noise": noise}
    state = combine(tableau.updates[0], sources)  # (B, S, K, D)
    for call, timestep in enumerate(tableau.timesteps):
        t = torch.full(noise.shape[1:3], float(timestep), device=noise.device)  # (B, S)
        states.appendleft(state)
        outputs.appendleft(denoiser(state, t).to(noise.dtype))
        state = combine(tableau.updates[call + 1], sources)  # (B, S, K, D)
        if on_call is not None:
            on_call(call + 1)
    return state


def combine(update: Update, sources: Mapping[str, Sequence[Tensor] | Tensor]) -> Tensor:
    """The weighted sum that an update is."""
    first, *rest = update
    total = sources[first.source][first.index] * first.weight
    for term in rest:
        total.add_(sources[term.source][term.index], alpha=term.weight)
    return total
