"""Table of a comparison: rows, the front, the best, the choice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from sssd_registry.comparison.candidates import Skipped

Item = TypeVar("Item")


@dataclass(frozen=True)
class Row:
    """One scheduler in one number of steps.

    Attributes:
        calls: network calls of a forecast.
        crps: mean over windows, horizons and targets, in standard units.
        crps_se: its standard error over windows.
        excess: CRPS over the best row's, less one.
        excess_se: standard error of that, from the same windows and noise.
        good_enough: the excess is within the tolerance. Where ``excess_se`` is larger than that, more windows or
            samples would tell more: of many stochastic rows, the luckiest is the best.
        milliseconds: of one window's forecast, encoder included; the median of alternating rounds.
        energy: mean energy score of windows' paths, in standard units.
        energy_se: its standard error over windows.
        variogram: mean variogram score of the same (p = 0.5, weights that sum to 1).
        variogram_se: its standard error.
    """

    scheduler: str
    steps: int
    calls: int
    crps: float
    crps_se: float
    excess: float
    excess_se: float
    good_enough: bool
    coverage_50: float
    coverage_90: float
    milliseconds: float
    energy: float
    energy_se: float
    variogram: float
    variogram_se: float

    @property
    def label(self) -> str:
        return f"{self.scheduler}-{self.steps}"


@dataclass(frozen=True)
class Comparison:
    """Rows by CRPS, best first.

    Attributes:
        network_in_use: as in the model's training record. If not, all that solvers have to sample is the Gaussian that
            diffusion starts from, and how they rank says nothing about another model.
    """

    rows: tuple[Row, ...]
    skipped: tuple[Skipped, ...]
    tolerance: float
    part: str
    windows: int
    samples: int
    threads: int
    network_in_use: bool

    @property
    def best(self) -> Row:
        return self.rows[0]

    @property
    def choice(self) -> Row:
        """The cheapest that is good enough."""
        return cheapest(self.rows)

    def to_dict(self) -> dict[str, Any]:
        """Return the entries for JSON."""
        on_front = {row.label for row in front(self.rows)}
        return {
            "part": self.part, "windows": self.windows, "samples": self.samples, "threads": self.threads,
            "unit": "standard units: each horizon and target over its own scale", "tolerance": self.tolerance,
            "best": self.best.label, "choice": self.choice.label, "network_in_use": self.network_in_use,
            "rows": [asdict(row) | {"front": row.label in on_front} for row in self.rows],
            "skipped": [asdict(one) for one in self.skipped],
        }  # fmt: skip


NETWORK_UNUSED = (
    "training left this model's network out: it forecasts a Gaussian in closed form, the same by every solver, and what"
    " is best here says nothing about a model whose network is in use"
)


def front(rows: Sequence[Row]) -> list[Row]:
    """The Pareto front, fastest first: rows that none is at once as fast as and better than, or as good and faster."""
    return pareto(rows, lambda row: (row.milliseconds, row.crps))


def pareto(items: Sequence[Item], costs: Callable[[Item], tuple[float, float]]) -> list[Item]:
    """The items that no other is at least as low as in both of their two costs, by the first."""
    kept: list[Item] = []
    for item in sorted(items, key=costs):
        if not kept or costs(item)[1] < costs(kept[-1])[1]:
            kept.append(item)
    return kept


def cheapest(rows: Sequence[Row]) -> Row:
    """The fewest network calls, then the lowest CRPS, among those that are good enough."""
    return min((row for row in rows if row.good_enough), key=lambda row: (row.calls, row.crps))
