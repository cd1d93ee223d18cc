"""Parity check: an engine gives what its scheduler gives. Made after every build; a miss is an error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sssd_engine.engine import Engine
from sssd_engine.noise import draw_noise
from sssd_export.build.joint_errors import largest_path_error, network_share
from sssd_export.build.odd_windows import odd_windows
from sssd_export.forecaster import engine_inputs
from sssd_registry.data.windows import Windows
from sssd_registry.errors import SSSDError
from sssd_registry.model.batches import to_tensors
from sssd_registry.model.network import SSSDNetwork
from sssd_registry.sampling.scheduler_loop import run_scheduler

Array = npt.NDArray[np.float64]
# Largest error of any sample, as a share of the samples' standard deviation.
TOLERANCES = {"fp32": 1e-4, "fp16": 2e-2, "bf16": 1e-1, "int8": 1.0}
TOLERANCE = TOLERANCES["fp32"]
# Relative error of a float64 after a few operations.
_ROUNDING = 2.0**-50
_SAMPLES = 32
_ODD_SAMPLES = 16
# Odd windows may feed the network features that no data do: an error is allowed to be so many times an example's,
_ODD = 10
# or this share of the level.
_UNSEEN = 1e-9
# Steps of paths may be off by so many times more, in their own and smaller standard deviations.
_PATHS = 30
_SEED = 20_240
# Farther than this from a whole number nothing is rounded to it.
_HALF = 0.5


def check_parity(
    engine: Engine,
    network: SSSDNetwork,
    scheduler_factory: Callable[[], Any],
    num_inference_steps: int,
    examples: Windows,
    precision: str = "fp32",
) -> dict[str, Any]:
    """Run the engine and the live scheduler's own ``step()`` loop on the same windows and noise.

    On the examples, and on windows such as examples seldom are (:mod:`sssd_export.build.odd_windows`); and the
    quantiles have to be those of the samples.

    Returns:
        ``max_error`` on the examples (share of the samples' standard deviation at each window, horizon and target),
        ``path_error``, the same of steps of a path, the tolerance, how far the network moves samples
        (``network_share``, in standard deviations; 0 says that nothing of it was seen), and how many windows, odd
        windows and samples were compared.

    Raises:
        SSSDError: the error is above the precision's tolerance; the model has no finite forecast after some window.
    """
    check = _Check(engine, network, scheduler_factory, num_inference_steps)
    tolerance = TOLERANCES[precision]
    seen, expected, measure = check.run(examples, _SAMPLES)
    _refuse_infinite(expected, ["one of its own examples"] * len(examples))
    error = largest_error(seen, expected, measure)
    if not error <= tolerance:
        raise SSSDError(
            f"the engine is off its scheduler {engine.manifest['scheduler']} by {error:.2e} of the samples' standard"
            f" deviation; {tolerance:.0e} is allowed in {precision}: it was not written"
        )
    of_paths = largest_path_error(seen, expected)
    if not of_paths <= _PATHS * tolerance:
        raise SSSDError(
            f"the engine's paths are off its scheduler's by {of_paths:.2e} of the standard deviation of their steps;"
            f" {_PATHS * tolerance:.0e} is allowed in {precision}: it was not written"
        )
    noise, _ = draw_noise(_SEED, 0, len(examples), _SAMPLES, engine.noise_shape)
    share = network_share(network, expected, examples, engine.horizons, noise) if network.in_use else 0.0
    names, odd = odd_windows(examples, network.spec)
    for first in range(0, len(odd), len(examples)):
        chunk = slice(first, first + len(examples))
        _compare_odd(names[chunk], *check.run(odd.part(chunk.start, chunk.stop), _ODD_SAMPLES), tolerance)
    return {
        "max_error": error,
        "path_error": of_paths,
        "network_share": share,
        "tolerance": tolerance,
        "windows": len(examples),
        "odd_windows": len(odd),
        "samples": _SAMPLES,
    }


@dataclass(frozen=True)
class _Check:
    """An engine, and what it is to do the same as."""

    engine: Engine
    network: SSSDNetwork
    scheduler_factory: Callable[[], Any]
    steps: int

    def run(self, windows: Windows, count: int) -> tuple[Array, Array, Array]:
        """Samples of both, float64 ``(B, S, K, C)``, the engine's first; and what their spread is measured on.

        That is the model's samples before bounds bring them together. A whole number of the engine's counts as the
        number nearest to the model's that is rounded to it.

        Raises:
            SSSDError: the engine's quantiles are not those of its samples.
        """
        engine = self.engine
        noise, draws = draw_noise(_SEED, 0, len(windows), count, engine.noise_shape)
        scheduler = self.scheduler_factory()
        values = self.network.target_values
        levels = live_levels(self.network, scheduler, self.steps, windows, engine.horizons, (noise, draws))
        expected = values.within(levels).numpy()
        made = engine(engine_inputs(windows, engine.horizons), noise=noise, draws=draws)
        if np.isfinite(made.samples).all():
            quantiles = np.quantile(made.samples, self.engine.quantile_levels, axis=1).swapaxes(0, 1)
            size = np.abs(made.samples).max(axis=1, keepdims=True)
            if (np.abs(made.quantiles - quantiles) > 1e-12 * size).any():
                raise SSSDError("the engine's quantiles are not those of its samples: it was not written")
        seen = made.samples
        if values.integers:
            seen = np.where(values.whole.numpy(), np.clip(expected, seen - _HALF, seen + _HALF), seen)
        return seen, expected, levels.numpy()


def _compare_odd(names: Sequence[str], seen: Array, expected: Array, measure: Array, tolerance: float) -> None:
    """Compare odd windows: as close as examples have to be, or so close that in data units nobody sees it.

    A still window's unit is tiny.
    """
    _refuse_infinite(expected, [f"a window with {name}" for name in names])
    for name, one, other, measured in zip(names, seen, expected, measure, strict=True):
        if not np.isfinite(one).all():
            raise SSSDError(
                f"the engine gives {'NaN' if np.isnan(one).any() else 'infinity'}, and the model does not, after a"
                f" window with {name}: it was not written"
            )
        allowed = np.maximum(_ODD * tolerance * measured.std(axis=0), _UNSEEN * np.abs(other))
        if (np.abs(one - other) > allowed).any():
            error = float((np.abs(one - other) / (measured.std(axis=0) + np.finfo(np.float64).tiny)).max())
            raise SSSDError(
                f"the engine is off its scheduler by {error:.2e} of the samples' standard deviation after a window with"
                f" {name}: it was not written"
            )


def _refuse_infinite(expected: Array, names: Sequence[str]) -> None:
    """Refuse windows that the model itself cannot forecast: no engine can be checked by them."""
    for name, one in zip(names, expected, strict=True):
        if not np.isfinite(one).all():
            raise SSSDError(
                f"the model itself gives {'NaN' if np.isnan(one).any() else 'infinity'} after {name}, so"
                " no engine was written: its weights, its head or the scheduler are at fault"
            )


def largest_error(
    seen: npt.NDArray[np.float64], expected: npt.NDArray[np.float64], measure: npt.NDArray[np.float64] | None = None
) -> float:
    """Largest difference of samples ``(B, S, K, C)``, in standard deviations over the S of ``expected``.

    Or over those of ``measure``: two or three can lie so close together that they are no measure of themselves. What
    float64 cannot hold is no error: after a window of equal values all samples are the last value but for its last
    digits.
    """
    spread = (expected if measure is None else measure).std(axis=1, keepdims=True)  # (B, 1, K, C)
    difference = np.abs(seen - expected) - _ROUNDING * np.abs(expected)
    return float((difference.clip(min=0) / (spread + np.finfo(np.float64).tiny)).max())


def live_samples(
    network: SSSDNetwork,
    scheduler: Any,
    num_inference_steps: int,
    windows: Windows,
    horizons: tuple[int, ...],
    noise: tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]],
) -> npt.NDArray[np.float64]:
    """Samples by the eager network and the scheduler's own loop, float64 ``(B, S, K, C)``; see :func:`live_levels`."""
    levels = live_levels(network, scheduler, num_inference_steps, windows, horizons, noise)
    values = network.target_values
    array: npt.NDArray[np.float64] = values.rounded(values.within(levels)).numpy()
    return array


@torch.no_grad()
def live_levels(
    network: SSSDNetwork,
    scheduler: Any,
    num_inference_steps: int,
    windows: Windows,
    horizons: tuple[int, ...],
    noise: tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]],
) -> Tensor:
    """The same before bounds and rounding, float64 ``(B, S, K, C)``.

    The loop's state is float64 here, so that these samples carry no rounding of the loop's own. Network and colouring
    run as ever.

    Args:
        network: of which an engine was made.
        scheduler: a live one.
        num_inference_steps: of it.
        windows: B.
        horizons: K, in bars.
        noise: of paths, and what the scheduler draws, as an engine takes them.
    """
    values, times = to_tensors(windows, network.spec, torch.device("cpu"))
    bars = torch.tensor(horizons, dtype=torch.float32)
    units = network.normalizer.location_scale(values, times, bars)
    paths, draws = (torch.from_numpy(one) for one in noise)
    rows = network.correlation.rows(bars)
    made = network.start(paths, rows)
    if network.in_use:
        denoiser, first = (
            network.denoiser(network.condition(network.encode(values, times))),
            network.first_latents(paths),
        )
        drawn = [first, *draws.unbind(dim=1)]

        def denoise(_call: int, z: Tensor, timestep: float) -> Tensor:
            return denoiser(z.float(), torch.full(z.shape[:2], timestep, dtype=torch.float32)).double()

        last, _, _ = run_scheduler(scheduler, num_inference_steps, denoise, lambda index: drawn[index].double())
        made = network.moved(made, first, last.float(), rows)
    return network.target_values.levels(network.scaled(network.calibrated(made, bars), *units))
