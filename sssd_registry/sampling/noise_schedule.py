"""The forward process a model was trained with. Every scheduler is built from it, so none can sample another."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from sssd_registry.errors import SSSDError
from sssd_registry.sampling.limits import MAX_TIMESTEPS

BetaSchedule = Literal["cosine", "linear", "scaled_linear", "flow"]
PredictionType = Literal["v_prediction", "epsilon", "sample", "flow_prediction"]
Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class NoiseSchedule:
    """``z_t = alpha_t x0 + sigma_t eps`` for T time steps.

    With betas it is variance preserving, t = 0 … T−1: ``alpha_t² = prod_{i<=t} (1 − beta_i) = 1 − sigma_t²``. Flow
    matching (Lipman et al. 2023, eq. 22 with sigma_min = 0; rectified flow) is straight, t = 1 … T:
    ``sigma_t = t / T = 1 − alpha_t``.

    The network predicts, by ``prediction_type``: ``v = alpha_t eps − sigma_t x0`` (Salimans & Ho 2022, appendix D),
    ``eps``, ``x0``, or for flow matching ``eps − x0``.

    Attributes:
        beta_schedule: ``cosine`` (Nichol & Dhariwal 2021, eq. 17, betas capped at 0.999), ``linear``
            (Ho et al. 2020: 1e-4 to 0.02 for T = 1000), ``scaled_linear`` (linear in the square root), or ``flow``.
        num_train_timesteps: T.
        prediction_type: what the network's output means.

    Raises:
        SSSDError: ``flow`` without ``flow_prediction``, or the other way round; or T out of all bounds.
    """

    beta_schedule: BetaSchedule = "cosine"
    num_train_timesteps: int = 1000
    prediction_type: PredictionType = "v_prediction"

    def __post_init__(self) -> None:
        if not 2 <= self.num_train_timesteps <= MAX_TIMESTEPS:
            raise SSSDError(f"num_train_timesteps is from 2 to {MAX_TIMESTEPS:,}, got {self.num_train_timesteps}")
        if (self.prediction_type == "flow_prediction") is not self.is_flow:
            raise SSSDError(
                f"the flow schedule goes with prediction type flow_prediction, and no other does; got"
                f" {self.beta_schedule} with {self.prediction_type}"
            )

    @property
    def is_flow(self) -> bool:
        """Straight paths, no betas."""
        return self.beta_schedule == "flow"

    @property
    def timesteps(self) -> Array:
        """Time steps as the network is told them, float64 ``(T,)``, ascending."""
        return np.arange(self.num_train_timesteps, dtype=np.float64) + self.is_flow

    @property
    def betas(self) -> Array:
        """float64 ``(T,)``.

        Raises:
            ValueError: flow matching has none.
        """
        steps = self.num_train_timesteps
        if self.is_flow:
            raise ValueError("flow matching has no betas")
        if self.beta_schedule == "linear":
            return np.linspace(1e-4, 0.02, steps)
        if self.beta_schedule == "scaled_linear":
            return np.linspace(0.00085**0.5, 0.012**0.5, steps) ** 2
        alpha_bar = np.cos((np.arange(steps + 1) / steps + 0.008) / 1.008 * math.pi / 2) ** 2
        betas: Array = np.minimum(1 - alpha_bar[1:] / alpha_bar[:-1], 0.999)
        return betas

    @property
    def alphas(self) -> Array:
        """alpha_t, float64 ``(T,)``: the share of the data in z_t."""
        share: Array = 1 - self.sigmas if self.is_flow else np.sqrt(np.cumprod(1 - self.betas))
        return share

    @property
    def sigmas(self) -> Array:
        """sigma_t, float64 ``(T,)``: the share of the noise in z_t."""
        if self.is_flow:
            return self.timesteps / self.num_train_timesteps
        share: Array = np.sqrt(1 - np.cumprod(1 - self.betas))
        return share

    def marginal(self, t: npt.ArrayLike) -> tuple[Array, Array]:
        """``alpha_t`` and ``sigma_t`` at time steps between those of training, too; held constant beyond them.

        Between two steps of training, ``log(sigma_t / alpha_t)`` is taken for linear in t, as diffusers does where
        it turns sigmas into time steps (``_sigma_to_t``).
        """
        t = np.asarray(t, dtype=np.float64)
        if self.is_flow:
            sigma: Array = np.clip(t / self.num_train_timesteps, 0.0, 1.0)
            return 1 - sigma, sigma
        ratio = np.exp(np.interp(t, self.timesteps, np.log(self.sigmas / self.alphas)))
        alpha: Array = 1 / np.sqrt(1 + ratio**2)
        return alpha, ratio * alpha

    def scheduler_config(self) -> dict[str, Any]:
        """The arguments that tell a diffusers scheduler to sample this process.

        The betas are passed as numbers: a schedule's name means different betas to different schedulers, and
        a name that one of them does not know falls back to another process without an error. Flow matching has none:
        of diffusers' schedulers some do it always, and others with ``use_flow_sigmas=True``.
        """
        config: dict[str, Any] = {
            "num_train_timesteps": self.num_train_timesteps,
            "prediction_type": self.prediction_type,
        }
        return config if self.is_flow else config | {"trained_betas": self.betas.tolist()}
