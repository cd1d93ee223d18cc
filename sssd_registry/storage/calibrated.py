"""Record of a calibration: what intervals covered on the validation part before it, and after."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

_Share = Annotated[float, Field(ge=0, le=1)]


class Calibrated(BaseModel):
    """Coverage by level in percent, shares of observations; of as many independent windows, in the mean of horizons."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    windows: float = Field(ge=0, allow_inf_nan=False)
    before: dict[Literal["50", "90"], _Share]
    after: dict[Literal["50", "90"], _Share]

    def __str__(self) -> str:
        parts = [
            f"{level} % intervals cover {self.before[level]:.1%} → {self.after[level]:.1%}" for level in self.before
        ]
        return f"{', '.join(parts)} (about {self.windows:.0f} independent windows)"
