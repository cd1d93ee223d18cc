"""Checks of what an engine is given beside its windows: seeds, numbers of samples, and noise. numpy only."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sssd_engine.inputs import check_array
from sssd_engine.manifest import EngineError
from sssd_engine.noise import Float, NoiseShape

Noise = npt.NDArray[Any] | None


def is_whole(value: Any) -> bool:
    """Tell whether it is a whole number, Python's or numpy's; ``True`` is none."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def check_whole(name: str, value: Any) -> None:
    """Check a number that may be 0 or any above, such as a seed.

    Raises:
        EngineError: it is another.
    """
    if not is_whole(value) or value < 0:
        raise EngineError(f"{name} has to be a whole number, 0 or more, got {value!r:.60}")


def given_noise(noise: Any, draws: Any) -> tuple[Noise, Noise]:
    """Noise that a caller gave, as arrays.

    Raises:
        EngineError: they are none, or ``draws`` came alone.
    """
    try:
        arrays = [None if each is None else np.asarray(each) for each in (noise, draws)]
    except (ValueError, TypeError) as error:
        raise EngineError(f"noise and draws have to be arrays: {error}") from None
    if arrays[0] is None and arrays[1] is not None:
        raise EngineError("draws go with noise: give both, or a seed")
    return arrays[0], arrays[1]


def samples_of_noise(noise: npt.NDArray[Any], num_samples: int | None) -> int | None:
    """S of given noise ``(B, S, P, C)``, or None where it has not these axes, which :func:`checked_noise` says.

    Raises:
        EngineError: another number was asked for.
    """
    if noise.ndim != 4:
        return num_samples
    if num_samples is not None and num_samples != noise.shape[1]:
        raise EngineError(f"noise is of {noise.shape[1]} samples, and num_samples is {num_samples!r:.60}: leave it out")
    return int(noise.shape[1])


def checked_noise(noise: Noise, draws: Noise, windows: int, samples: int, shape: NoiseShape) -> dict[str, Float]:
    """Noise under the names that parts take it by, float32: ``noise (B, S, P, C)``, ``draws (B, M, S, K, D)``.

    Raises:
        EngineError: another shape or type, numbers that are not finite, or draws that are missing or not wanted.
    """
    assert noise is not None
    number, *latent = shape.draws
    given = {"noise": _checked("noise", noise, (windows, samples, *shape.paths))}
    if not number:
        if draws is not None and draws.size:
            raise EngineError("this engine's solver draws no noise on its way: leave draws out")
        return given
    if draws is None:
        raise EngineError(f"this engine's solver draws noise on its way: give draws, {number} for each sample, too")
    return given | {"draws": _checked("draws", draws, (windows, number, samples, *latent))}


def _checked(name: str, array: npt.NDArray[Any], shape: tuple[int, ...]) -> Float:
    check_array(name, array, np.float32, shape)
    made: Float = np.asarray(array, dtype=np.float32)
    if not np.isfinite(made).all():
        place = ", ".join(map(str, np.argwhere(~np.isfinite(made))[0]))
        raise EngineError(f"{name}[{place}] is {made[~np.isfinite(made)][0]}, and has to be a finite number")
    return made
