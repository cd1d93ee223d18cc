"""Sample paths given a part of what came to be: other targets' values, a known end point, the values about a hole."""

from __future__ import annotations

import torch
from torch import Tensor

from sssd_registry.model.correlation import Correlation

# In standard units: what lies farther off is no observation of this law, and would pull all else along.
_FARTHEST = 8.0
# Of a noise of one bar alone: keeps two horizons that are nearly the same from being divided by nothing.
_NUGGET = 1e-6


def conditioned(paths: Tensor, given: Tensor, correlation: Correlation, rows: Tensor) -> Tensor:
    """Move paths in standard units so that they pass through what is given, as their correlation tells.

    Matheron's rule (Journel and Huijbregts 1978, "Mining Geostatistics"): with a given part k and the rest u,
    ``path_u + R_uk R_kk⁻¹ (given_k - path_k)`` has the conditional law where paths are Gaussian with correlation R.
    Of paths that a network has moved it keeps their shape, and is near to it.

    Args:
        paths: ``(B, S, K, C)``.
        given: ``(B, K, C)``, NaN where nothing is.
        correlation: the network's.
        rows: of the K horizons, :meth:`Correlation.rows`.
    """
    whole = path_correlation(correlation, rows)
    made = paths.double().flatten(2)  # (B, S, K C)
    wanted = given.double().flatten(1).clamp(-_FARTHEST, _FARTHEST)  # (B, K C)
    for window in range(len(made)):
        known = ~wanted[window].isnan()
        if known.any():
            inner = whole[known][:, known]
            inner = inner + _NUGGET * torch.eye(len(inner), dtype=inner.dtype, device=inner.device)
            missed = (wanted[window][known] - made[window][:, known]).T  # (k, S)
            made[window] = made[window] + (whole[:, known] @ torch.linalg.solve(inner, missed)).T
    return made.reshape(paths.shape).to(paths.dtype)


def path_correlation(correlation: Correlation, rows: Tensor) -> Tensor:
    """Correlation of K horizons of C targets, float64 ``(K C, K C)``: that of coloured white noise."""
    points, targets = len(correlation.points), len(correlation.over_targets)
    count = points * targets
    white = torch.eye(count, dtype=torch.float64, device=rows.device).reshape(1, count, points, targets)
    factor = correlation.colour(white, rows)[0].flatten(1)  # (G C, K C)
    return factor.T @ factor
