"""In which zone a forecast's times are written: as those of the data that it continues."""

from __future__ import annotations

import re
import zoneinfo
from datetime import tzinfo
from typing import TYPE_CHECKING

import numpy.typing as npt

from sssd_registry.errors import SSSDError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_OFFSET = re.compile(r"UTC(?:[+-](?:0\d|1[0-4]):[0-5]\d)?")


def zone_of(clock: tzinfo | None) -> str:
    """Name of the zone that times came in, ``Europe/Berlin`` or ``UTC+02:00``; ``UTC`` for one without such a name."""
    return str(clock) if is_written_zone(str(clock)) else "UTC"


def is_written_zone(name: str) -> bool:
    """Whether times can be written in a zone of that name: IANA's, UTC, or an offset as ``UTC+02:00``."""
    if _OFFSET.fullmatch(name):
        return True
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def in_zone(times: npt.NDArray[np.datetime64], zone: str | None) -> pd.DatetimeIndex:
    """UTC times ``(N,)`` on the clock of ``zone``, with their offset; without a zone as they are, and naive.

    Raises:
        SSSDError: there is no such zone on this machine.
    """
    import pandas as pd

    index = pd.DatetimeIndex(times)
    if zone is None:
        return index
    if not is_written_zone(zone):
        raise SSSDError(f"no time zone {zone!r}, in which this model writes times: install tzdata, or train again")
    return index.tz_localize("UTC").tz_convert(zone)
