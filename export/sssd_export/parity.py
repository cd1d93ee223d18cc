"""Does an engine give what its scheduler gives? Checked after every build; a miss is an error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sssd_export.engine import Engine
from sssd_export.forecaster import engine_inputs
from sssd_export.noise import draw_noise
from sssd_registry.data.windows import Windows
from sssd_registry.errors import SSSDError
from sssd_registry.live import run_scheduler
from sssd_registry.model.network import SSSDNetwork
from sssd_registry.training.dataset import to_tensors

# Largest error of any sample, as a share of the samples' standard deviation.
TOLERANCES = {"fp32": 1e-4, "fp16": 2e-2, "bf16": 1e-1, "int8": 1.0}
TOLERANCE = TOLERANCES["fp32"]
# Relative error of a float64 after a few operations.
_ROUNDING = 2.0**-50
_SAMPLES = 32
_SEED = 20_240


def check_parity(
    engine: Engine,
    network: SSSDNetwork,
    scheduler_factory: Callable[[], Any],
    num_inference_steps: int,
    examples: Windows,
    precision: str = "fp32",
) -> dict[str, Any]:
    """Run the engine and the live scheduler's own ``step()`` loop on the same windows and noise.

    Returns:
        ``max_error`` (share of the samples' standard deviation at each window, horizon and target), the
        tolerance, and how many windows and samples were compared.

    Raises:
        SSSDError: the error is above the precision's tolerance.
    """
    manifest, tolerance = engine.manifest, TOLERANCES[precision]
    shape = (manifest["num_noises"], _SAMPLES, len(engine.horizons), manifest["latent_size"])
    noise = draw_noise(_SEED, 0, len(examples), shape)
    expected = live_samples(network, scheduler_factory(), num_inference_steps, examples, engine.horizons, noise)
    seen = engine(engine_inputs(examples), noise=noise).samples
    error = largest_error(seen, expected)
    if not error <= tolerance:
        raise SSSDError(
            f"the engine is off its scheduler {manifest['scheduler']} by {error:.2e} of the samples' standard"
            f" deviation; {tolerance:.0e} is allowed in {precision}: it was not written"
        )
    return {"max_error": error, "tolerance": tolerance, "windows": len(examples), "samples": _SAMPLES}


def largest_error(seen: npt.NDArray[np.float64], expected: npt.NDArray[np.float64]) -> float:
    """Largest difference of samples ``(B, S, K, C)``, in standard deviations over the S of ``expected``.

    ``seen`` may be its first samples only: two or three can lie so close together that they are no measure of
    themselves. What float64 cannot hold is no error: after a window of equal values all samples are the last value
    but for its last digits.
    """
    spread = expected.std(axis=1, keepdims=True)  # (B, 1, K, C)
    same = expected[:, : seen.shape[1]]
    difference = np.abs(seen - same) - _ROUNDING * np.abs(same)
    return float((difference.clip(min=0) / (spread + np.finfo(np.float64).tiny)).max())


@torch.no_grad()
def live_samples(
    network: SSSDNetwork,
    scheduler: Any,
    num_inference_steps: int,
    windows: Windows,
    horizons: tuple[int, ...],
    noise: npt.NDArray[np.float32],
) -> npt.NDArray[np.float64]:
    """Samples by the eager network and the scheduler's own loop, float64 ``(B, S, K, C)``.

    The loop's state is float64 here, so that the reference carries no rounding of its own; network and codec run in
    float32 as ever.
    """
    values, times = to_tensors(windows, torch.device("cpu"))
    bars = torch.tensor(horizons, dtype=torch.float32)
    condition = network.condition(network.encode(values, times), bars)
    draws = torch.from_numpy(noise).swapaxes(0, 1)  # (num_noises, B, S, K, D)

    def denoise(_call: int, z: Tensor, timestep: float) -> Tensor:
        t = torch.full(z.shape[:2], timestep, dtype=torch.float32)
        return torch.as_tensor(network.head(z.float(), t, condition)).double()

    latents, _, _ = run_scheduler(scheduler, num_inference_steps, denoise, lambda index: draws[index].double())
    samples = network.decode(latents.float(), *network.normalizer.location_scale(values, times, bars))
    array: npt.NDArray[np.float64] = samples.numpy()
    return array
