"""Entry of a manifest that lets forecasts be given a part of the future: numbers in a file, and their shapes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from sssd_registry.model.colouring import JointColouring
from sssd_registry.model.network import SSSDNetwork

FILE = "correlation.bin"


def conditioning_entry(network: SSSDNetwork, horizons: Sequence[int], folder: Path) -> dict[str, Any]:
    """Write the correlation's factor at K horizons into ``folder``; returns the manifest's entry.

    Little-endian float32: rows ``(K C, G C)`` where one factor joins all, else ``(C or 1, K, G)`` and then the factor
    over targets ``(C, C)``. ``margins`` are the bounds', ``(2, C)``.
    """
    correlation, values = network.correlation, network.target_values
    count = len(network.spec.targets)
    arrays = [correlation.rows(torch.tensor(list(horizons), dtype=torch.float32))]
    if not isinstance(correlation.colouring, JointColouring):
        single = count == 1  # whose noise is not mixed with any
        arrays.append(torch.ones(1, 1) if single else correlation.colouring.over_targets)
    made = [array.detach().cpu().numpy().astype("<f4") for array in arrays]
    (folder / FILE).write_bytes(b"".join(array.tobytes() for array in made))
    margins = values.margins.tolist() if values.bounded else [[0.0] * count] * 2
    return {"file": FILE, "shapes": [list(array.shape) for array in made], "margins": margins}
