"""The forward process a model was trained with. Every scheduler is built from it, so none can sample another."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

BetaSchedule = Literal["cosine", "linear", "scaled_linear"]
PredictionType = Literal["v_prediction", "epsilon", "sample"]


@dataclass(frozen=True)
class NoiseSchedule:
    """``z_t = alpha_t x0 + sigma_t eps`` for t = 0 … T−1, with ``alpha_t² = prod_{i<=t} (1 − beta_i)``.

    Variance preserving: ``alpha_t² + sigma_t² = 1``. The network predicts, by ``prediction_type``:
    ``v = alpha_t eps − sigma_t x0`` (Salimans & Ho 2022, appendix D), ``eps``, or ``x0``.

    Attributes:
        beta_schedule: ``cosine`` (Nichol & Dhariwal 2021, eq. 17, betas capped at 0.999), ``linear``
            (Ho et al. 2020: 1e-4 to 0.02 for T = 1000) or ``scaled_linear`` (linear in the square root).
        num_train_timesteps: T.
        prediction_type: what the network's output means.
    """

    beta_schedule: BetaSchedule = "cosine"
    num_train_timesteps: int = 1000
    prediction_type: PredictionType = "v_prediction"

    @property
    def betas(self) -> npt.NDArray[np.float64]:
        """float64 ``(T,)``."""
        steps = self.num_train_timesteps
        if self.beta_schedule == "linear":
            return np.linspace(1e-4, 0.02, steps)
        if self.beta_schedule == "scaled_linear":
            return np.linspace(0.00085**0.5, 0.012**0.5, steps) ** 2
        alpha_bar = np.cos((np.arange(steps + 1) / steps + 0.008) / 1.008 * math.pi / 2) ** 2
        betas: npt.NDArray[np.float64] = np.minimum(1 - alpha_bar[1:] / alpha_bar[:-1], 0.999)
        return betas

    @property
    def alphas(self) -> npt.NDArray[np.float64]:
        """alpha_t, float64 ``(T,)``: the share of the data in z_t."""
        product: npt.NDArray[np.float64] = np.sqrt(np.cumprod(1 - self.betas))
        return product

    @property
    def sigmas(self) -> npt.NDArray[np.float64]:
        """sigma_t, float64 ``(T,)``: the share of the noise in z_t."""
        share: npt.NDArray[np.float64] = np.sqrt(1 - np.cumprod(1 - self.betas))
        return share

    def scheduler_config(self) -> dict[str, Any]:
        """The arguments that tell a diffusers scheduler to sample this process.

        The betas are passed as numbers: a schedule's name means different betas to different schedulers, and
        a name that one of them does not know falls back to another process without an error.
        """
        return {
            "num_train_timesteps": self.num_train_timesteps,
            "trained_betas": self.betas.tolist(),
            "prediction_type": self.prediction_type,
        }
