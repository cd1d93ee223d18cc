"""Settings that a command which trains is asked for: ``--config``, ``--set`` and ``--horizons``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sssd_registry.errors import SSSDError
from sssd_registry.horizons import split_horizons

if TYPE_CHECKING:
    from sssd_registry.config import Config


def asked_settings(config: Path | None, overrides: Sequence[str] | None, horizons: str | None, unit: str) -> Config:
    """The configuration file with what ``--set`` and ``--horizons`` change of it.

    Raises:
        SSSDError: as :func:`sssd_registry.config.load_config` and :func:`horizon_list`.
    """
    from sssd_registry.config import load_config

    asked = list(overrides or [])
    if horizons is not None:
        asked.append(f"data.horizons={horizon_list(horizons, unit)}")
    return load_config(config, asked)


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
