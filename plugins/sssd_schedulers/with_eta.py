"""diffusers takes eta with every step; here it is an option of the scheduler, as the loop passes nothing on."""

from __future__ import annotations

from typing import Any

from diffusers import DDIMScheduler, TCDScheduler
from torch import Tensor


class EtaDDIM(DDIMScheduler):  # type: ignore[misc]  # diffusers publishes no types
    """DDIM with noise."""

    eta = 0.0

    def step(self, model_output: Tensor, timestep: Any, sample: Tensor, **options: Any) -> Any:
        return super().step(model_output, timestep, sample, **{"eta": self.eta} | options)


class EtaTCD(TCDScheduler):  # type: ignore[misc]  # diffusers publishes no types
    """TCD with the amount of noise set beforehand."""

    eta = 0.0

    def step(self, model_output: Tensor, timestep: Any, sample: Tensor, **options: Any) -> Any:
        return super().step(model_output, timestep, sample, **{"eta": self.eta} | options)
