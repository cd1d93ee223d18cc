"""``--horizons 1,4,24`` or ``15min,1h,4h``."""

from __future__ import annotations

import json
import math

from sssd_registry.errors import SSSDError, shortened


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


def split_horizons(text: str, unit: str = "bars") -> list[float | str]:
    """Parts of the option: numbers where they count bars, durations otherwise.

    Raises:
        SSSDError: nothing asked for, not a finite number, or an unknown unit.
    """
    if unit not in ("bars", "min"):
        raise SSSDError(f"--unit takes bars or min, got {unit!r}")
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts:
        raise SSSDError("--horizons is empty: give bars or durations, such as 1,4,24 or 15min,1h,4h")
    return [_part(part, unit) for part in parts]


def _part(text: str, unit: str) -> float | str:
    try:
        number = float(text)
    except ValueError:
        return text
    if not math.isfinite(number):
        raise SSSDError(f"--horizons: {shortened(text)!r} is not a horizon: give bars or durations, such as 4 or 1h")
    if unit == "min":
        return f"{text}min"
    return int(number) if number == int(number) else number
