"""Samples that pass through what is given of the future, as the model's correlation tells. numpy only.

What an engine keeps for it is the correlation, little-endian float32 in a file by itself; what a window's samples are
measured in, ``location`` and ``scale``, its graphs give beside the samples.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sssd_engine.manifest import EngineError

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

# As in the model: see sssd_registry.model.conditioning.
_FARTHEST, _NUGGET = 8.0, 1e-6


@dataclass(frozen=True, eq=False)
class Conditioning:
    """Correlation of the parts of a path, and how its values came to be within bounds.

    Attributes:
        rows: of the factor of a correlation, each of norm 1: float64 ``(K C, N)`` of all horizons and targets
            together, or ``(C or 1, K, G)`` over horizons for each target, or for all.
        over_targets: float64 ``(C, C)``, with the latter: the factor over targets.
        log: samples are exponentials.
        ends: float64 ``(2, C)``, bounds; infinite where there is none.
        margins: float64 ``(2, C)``, from how near to a bound on values are bent.
        whole: bool ``(C,)``, which targets are whole numbers.
    """

    rows: Array
    over_targets: Array | None
    log: bool
    ends: Array
    margins: Array
    whole: Mask

    def with_known(self, known: Mask) -> Array:
        """Correlation of all with what is known, bool ``(K, C)``: float64 ``(K C, n)``."""
        if self.over_targets is None:
            return np.asarray(self.rows @ self.rows[known.reshape(-1)].T)
        at, of = np.nonzero(known)
        among = self.over_targets @ self.over_targets.T  # (C, C)
        rows = np.broadcast_to(self.rows, (len(among), *self.rows.shape[1:]))  # (C, K, G)
        together = np.einsum("ckg,ng->kcn", rows, rows[of, at]) * among[:, of]  # (K, C, n)
        return np.asarray(together.reshape(-1, len(at)))

    def samples(self, made: Mapping[str, npt.NDArray[Any]], given: Array) -> Array:
        """Samples ``(B, S, K, C)`` that pass through ``given (B, K, C)``, NaN where nothing is.

        By Matheron's rule (Journel and Huijbregts 1978, "Mining Geostatistics"), in standard units; what was given is
        there as it was given.

        Args:
            made: ``samples``, before bounds ``levels``, and ``location`` and ``scale (B, K, C)``, all in data units but
                for logarithms.
            given: float64.
        """
        levels = np.asarray(made.get("levels", made["samples"]), dtype=np.float64)
        location, scale = (np.asarray(made[name], dtype=np.float64) for name in ("location", "scale"))
        scaled = np.log(levels) if self.log else levels.copy()
        wanted = ((np.log(given) if self.log else given) - location) / scale
        wanted = location + scale * np.clip(wanted, -_FARTHEST, _FARTHEST)
        known = ~np.isnan(given)
        patterns, which = np.unique(known.reshape(len(known), -1), axis=0, return_inverse=True)
        for number, pattern in enumerate(patterns):
            if not pattern.any():
                continue
            gain = self._gain(pattern.reshape(known.shape[1:]))  # (K C, n)
            for window in np.flatnonzero(which.reshape(-1) == number):
                units = scale[window].reshape(-1)
                missed = (wanted[window] - scaled[window]).reshape(len(scaled[window]), -1)[:, pattern]  # (S, n)
                change = (missed / units[pattern]) @ gain.T * units  # (S, K C)
                scaled[window] += change.reshape(scaled[window].shape)
        return np.where(known[:, None], given[:, None], self._values(np.exp(scaled) if self.log else scaled))

    def _gain(self, known: Mask) -> Array:
        """Gain: how far all goes where what is known misses by 1, ``R_uk R_kk⁻¹``, ``(K C, n)``."""
        along = self.with_known(known)
        inner = along[known.reshape(-1)]
        return np.asarray(np.linalg.solve(inner + _NUGGET * np.eye(len(inner)), along.T).T)

    def _values(self, levels: Array) -> Array:
        """Levels within their bounds, whole where they are to be: as ``TargetValues`` of the model has them."""
        (low, high), (below, above) = self.ends, self.margins
        with np.errstate(divide="ignore", invalid="ignore"):  # of what is not taken, and of ends that are infinite
            bent = low + below**2 / (2 * below + low - levels)
            made = np.where(levels < low + below, bent, levels)
            bent = high - above**2 / (2 * above + made - high)
            made = np.where(made > high - above, bent, made)
        return np.where(self.whole, np.rint(made), made)


def read_conditioning(folder: Path, manifest: Mapping[str, Any]) -> Conditioning | None:
    """Read what an engine keeps for it; None of one that keeps nothing. The entry and the file's hash were checked.

    Raises:
        EngineError: the file, or what the manifest says of bounds, is not what it should be.
    """
    entry = manifest.get("conditioning")
    if entry is None:
        return None
    spec, shapes = manifest["spec"], [tuple(shape) for shape in entry["shapes"]]
    try:
        numbers = np.frombuffer((folder / entry["file"]).read_bytes(), dtype="<f4").astype(np.float64)
        parts = np.split(numbers, np.cumsum([math.prod(shape) for shape in shapes])[:-1])
        rows, *over_targets = [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]
        return Conditioning(
            rows,
            over_targets[0] if over_targets else None,
            spec.get("target_kind") == "price",
            target_ends(spec),
            np.asarray(entry["margins"], dtype=np.float64),
            np.array([name in spec.get("integers", ()) for name in spec["targets"]]),
        )
    except (ValueError, TypeError, IndexError) as error:
        raise EngineError(
            f"{folder}/{entry['file']} is not of this engine's correlation ({error}): export anew"
        ) from None


def target_ends(spec: Mapping[str, Any]) -> Array:
    """Bounds of the C targets of a manifest's ``spec``, float64 ``(2, C)``: infinite where there are none."""
    bounds = spec.get("bounds") or [[None, None]] * len(spec["targets"])
    ends = [[sign * np.inf if pair[side] is None else pair[side] for pair in bounds]
            for side, sign in enumerate((-1, 1))]  # fmt: skip
    return np.array(ends, dtype=np.float64)
