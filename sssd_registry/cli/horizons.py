"""``--horizons`` of `sssd train`."""

from __future__ import annotations

import json

from sssd_registry.errors import SSSDError
from sssd_registry.horizons import split_horizons


def horizon_list(text: str, unit: str) -> str:
    """The option's text as a TOML list, for training: plain numbers are bars, or minutes with ``--unit min``.

    Raises:
        SSSDError: as :func:`split_horizons`, or a fraction of a bar.
    """
    horizons = split_horizons(text, unit)
    for horizon in horizons:
        if isinstance(horizon, float):
            raise SSSDError(f"--horizons: training takes whole bars, got {horizon:g}")
    return json.dumps(horizons)
