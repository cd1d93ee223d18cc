"""Phase of a bar in its day, week and year."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sssd_registry.data.durations import DAY

_MONDAY = 3 * DAY  # 1970 began on a Thursday


def phase(times: Tensor, periods: Sequence[int]) -> Tensor:
    """Int64 seconds since 1970 ``(…)`` to the angle in each of P periods, in seconds: float32 ``(…, P)``."""
    lengths = torch.tensor(periods, dtype=torch.int64, device=times.device)
    return ((times + _MONDAY).unsqueeze(-1) % lengths).float() * (2 * torch.pi / lengths.float())
