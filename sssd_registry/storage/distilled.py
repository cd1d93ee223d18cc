"""A distilled model: its head was trained to give in a few steps of one solver what it gave in many."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from sssd_registry.errors import SSSDError
from sssd_registry.plugin_api.make_scheduler import make_scheduler, solver_tableau
from sssd_registry.sampling.limits import MAX_INFERENCE_STEPS
from sssd_registry.sampling.noise_schedule import NoiseSchedule
from sssd_registry.sampling.tableau import SolverTableau


class Distilled(BaseModel):
    """The one solver that a distilled model is sampled with, and what it is as good as.

    Attributes:
        scheduler: as ``--scheduler`` takes it.
        steps: its inference steps.
        teacher_crps: validation CRPS, in standard units, of the model it was distilled from, in many steps.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    scheduler: str
    steps: int = Field(ge=1, le=MAX_INFERENCE_STEPS)
    teacher_crps: float = Field(ge=0, allow_inf_nan=False)

    def __str__(self) -> str:
        return f"{self.scheduler} in {self.steps} step{'s' * (self.steps > 1)}"

    def tableau(self, schedule: NoiseSchedule) -> SolverTableau:
        """Tableau of the solver, from the coefficients.

        Raises:
            SSSDError: the scheduler is a plugin's that is not installed, or not for this kind of process.
        """
        return solver_tableau(make_scheduler(self.scheduler, schedule), schedule, self.steps)


def check_solver(tableau: SolverTableau, distilled: Distilled | None, schedule: NoiseSchedule) -> None:
    """Refuse any solver but a distilled model's own: its forecasts would be wrong, silently.

    Raises:
        SSSDError: says which one it is, and what to do.
    """
    if distilled is not None and tableau != distilled.tableau(schedule):
        raise SSSDError(
            f"this model was distilled for {distilled} and forecasts wrong with any other solver: leave out the"
            " scheduler and the steps, or take the model it was distilled from"
        )
