"""Conversion of what a network predicts to what a solver works with, for ``z = alpha x0 + sigma eps``."""

from __future__ import annotations

from typing import Any


def to_eps(prediction_type: str, z: Any, output: Any, alpha: Any, sigma: Any) -> Any:
    """The noise in ``z``; for v, ``eps = sigma z + alpha v`` (Salimans & Ho 2022, appendix D)."""
    if prediction_type == "v_prediction":
        return sigma * z + alpha * output
    return output if prediction_type == "epsilon" else (z - alpha * output) / sigma


def to_x0(prediction_type: str, z: Any, output: Any, alpha: Any, sigma: Any) -> Any:
    """The data in ``z``; for v, ``x0 = alpha z − sigma v``."""
    if prediction_type == "v_prediction":
        return alpha * z - sigma * output
    return output if prediction_type == "sample" else (z - sigma * output) / alpha
