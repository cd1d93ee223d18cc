"""Scores of a model's paths on its validation part, as the training record and engines' manifests keep them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

_Score = Annotated[float, Field(allow_inf_nan=False)]


class FunctionalRecord(BaseModel):
    """Scores of one functional of the paths, by target: CRPS in data units, and what its central intervals covered."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    crps: dict[str, _Score]
    coverage_50: dict[str, _Score]
    coverage_90: dict[str, _Score] = Field(min_length=1)


class ValidationPaths(BaseModel):
    """Scores of the model's paths at its trained horizons; what they are: ``sssd_registry.evaluation.path_scores``.

    Attributes:
        windows: how many were forecast, evenly spaced over the validation part.
        samples: of each.
        crps: data units, mean over horizons, by target.
        energy_score, variogram_score, crps_sum: of targets over ``target_scales``.
        target_scales: by target, data units.
        functionals: by name; those of which some target's was not observed are left out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    windows: int = Field(ge=1)
    samples: int = Field(ge=2)
    crps: dict[str, _Score] = Field(min_length=1)
    energy_score: _Score
    variogram_score: _Score
    crps_sum: _Score
    target_scales: dict[str, _Score]
    functionals: dict[str, FunctionalRecord] = Field(default_factory=dict)
