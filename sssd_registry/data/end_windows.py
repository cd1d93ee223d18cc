"""Last window of every series: what a forecast of a file starts from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from sssd_registry.data.far_values import warn_of_far_values
from sssd_registry.data.origins import Origins, last_origins, warn_of_early_ends
from sssd_registry.data.windows import Windows, WindowSource, windows_at, without_unknown


def end_windows(source: WindowSource, longest: int | None = None) -> tuple[Windows, Origins]:
    """The last windows, and where they lie; warns of series that are left out, and of what looks odd.

    A series of a panel has noise of its own, by its id: what is forecast for it does not depend on which others are in
    the file, nor on their order.

    Args:
        source: the data.
        longest: bars to be forecast; series of which it is not told what has to be known ahead of these are left out.

    Raises:
        SSSDError: no series is long enough for the lookback, or of none it is told what has to be known.
    """
    origins = last_origins(source)
    if longest is not None:
        origins = without_unknown(source, origins, longest)
    warn_of_early_ends(source, origins)
    warn_of_far_values(source, origins)
    windows = windows_at(source, origins)
    if source.spec.id is None:
        return windows, origins
    return replace(windows, streams=noise_streams(windows.series)), origins


def noise_streams(names: Iterable[str]) -> npt.NDArray[np.uint64]:
    """Numbers of the noise of what has these names, uint64 ``(B,)``: the first 8 bytes of each one's BLAKE2b."""
    digests = (hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest() for name in names)
    return np.array([int.from_bytes(digest, "little") for digest in digests], dtype=np.uint64)
