"""``--horizons 1,4,24`` or ``15min,1h,4h``."""

from __future__ import annotations

import json

from sssd_registry.errors import SSSDError


def horizon_list(text: str, unit: str) -> str:
    """The option's text as a TOML list: plain numbers are bars, or minutes with ``--unit min``."""
    return json.dumps(split_horizons(text, unit))


def split_horizons(text: str, unit: str = "bars") -> list[float | str]:
    """Parts of the option: numbers where they count bars, durations otherwise.

    Raises:
        SSSDError: nothing asked for, or an unknown unit.
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
    if unit == "min":
        return f"{text}min"
    return int(number) if number == int(number) else number
