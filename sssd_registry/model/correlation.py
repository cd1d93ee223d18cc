"""Correlation of what is left of a forecast in standard units: over horizons, and over targets.

No forecast uses it yet: ``benchmarks/paths/start_paths.py`` measures what paths would be worth.

A forecast's residual ``y (K, C)`` is standard normal at every horizon and of every target, and white noise is coloured
by

    y_c = over_horizons[c] · (white · over_targetsᵀ)_c

with rows of unit norm in both factors: every marginal stays N(0, 1), and the whole is positive definite, whatever the
factors are. Targets that follow autoregressions of their own with correlated innovations are of this form exactly.

Noises are a path's innovations, bar after bar, for the bars between trained horizons too: a path there is not the mean
of both, a random walk has noise of its own (the Brownian bridge). Where standard units at the trained horizons come
from elsewhere, a network, paths are led through them (Matheron's rule; Journel & Huijbregts 1978, "Mining
Geostatistics").
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sssd_registry.data.spec import DataSpec
from sssd_registry.model.exact_buffers import ExactBuffers
from sssd_registry.model.horizon_grid import interpolation
from sssd_registry.model.path_volatility import PathVolatility

# Noises between trained horizons: as many as one for each bar of a few days of hours, but not more than so many
# numbers in all for a path.
_MOST_POINTS, _MOST_NOISES = 256, 4096
# Beyond so many numbers all targets share one factor over horizons: 16 MB.
_MOST_NUMBERS = 4_000_000
# A mixture of rows that cancel each other has no direction.
_LEAST_NORM = 1e-6


class Correlation(ExactBuffers):
    """See the module's text. Nothing hangs together before it is fitted.

    Factors are float32: samples are, and an error of 1e-7 in units of a forecast's own deviation is nothing. Whitening,
    which divides by small diagonals, is done in float64.

    Args:
        spec: targets and trained horizons.

    Attributes:
        points: float32 ``(G,)`` bars, ascending, the trained horizons among them: what has a noise of its own.
        over_horizons: float32 ``(C or 1, G, G)``, lower triangular.
        over_trained: float32 ``(C or 1, K, K)``, the same of the trained horizons by themselves.
        over_targets: float32 ``(C, C)``, lower triangular.
        lead: float32 ``(C or 1, G, K)``, by how much each noise changes with what a path has at each trained horizon.
        volatility: of paths, drawn from a last noise.
    """

    points: Tensor
    over_horizons: Tensor
    over_trained: Tensor
    over_targets: Tensor
    lead: Tensor

    def __init__(self, spec: DataSpec) -> None:
        super().__init__()
        channels = len(spec.targets)
        points = correlation_points(spec.horizons, channels)
        self.trained = [points.index(horizon) for horizon in spec.horizons]
        shared = channels * len(points) ** 2 > _MOST_NUMBERS
        identity = torch.eye(len(points)).repeat(1 if shared else channels, 1, 1)
        self.register_buffer("points", torch.tensor(points, dtype=torch.float32))
        self.register_buffer("over_horizons", identity)
        self.register_buffer("over_trained", identity[:, self.trained][:, :, self.trained].clone())
        self.register_buffer("lead", identity[:, :, self.trained].clone())
        self.register_buffer("over_targets", torch.eye(channels))
        self.volatility = PathVolatility(channels)

    @property
    def num_noises(self) -> int:
        """G + 1: how many white noises a path of one target has; the last is its volatility's."""
        return len(self.points) + 1

    def rows(self, bars: Tensor) -> Tensor:
        """Factor rows of any horizons ``(Kq,)`` in bars: ``(C or 1, Kq, G)``, each of norm 1.

        A horizon between two points, a fraction of a bar, is a mixture of both. One before the first bar, or beyond the
        last trained one, is as that.
        """
        return _unit(interpolation(self.points, bars) @ self.over_horizons)

    def paths(self, white: Tensor, bars: Tensor) -> Tensor:
        """White noise ``(B, S, G + 1, C)`` to standard units at any horizons ``(Kq,)``: float32 ``(B, S, Kq, C)``.

        Coloured, and each path as lively as its last noise says. Targets that go together are lively together.
        """
        count = len(self.points)
        volatility = white[:, :, count:] @ self.over_targets.mT
        lively: Tensor = self.volatility(self.colour(white[:, :, :count], bars), volatility)
        return lively

    def colour(self, white: Tensor, bars: Tensor) -> Tensor:
        """White noise ``(B, S, G, C)`` to Gaussian standard units at any horizons: float32 ``(B, S, Kq, C)``.

        What a horizon has does not depend on which others are asked for.
        """
        return _each_target(self.rows(bars), white @ self.over_targets.mT)

    def colour_trained(self, white: Tensor) -> Tensor:
        """White noise ``(B, S, K, C)`` to Gaussian standard units at the trained horizons: the inverse of `whiten`.

        The same as ``colour`` where all bars are trained.
        """
        return _each_target(self.over_trained, white @ self.over_targets.mT)

    def whiten(self, standard: Tensor) -> Tensor:
        """Standard units at the trained horizons ``(B, K, C)`` to white noise, of the dtype that came."""
        factor = self.over_trained.double()
        mixed = torch.linalg.solve_triangular(factor, standard.double().permute(2, 1, 0), upper=False)  # (C, K, B)
        unmixed: Tensor = torch.linalg.solve_triangular(self.over_targets.double(), mixed.flatten(1), upper=False)
        return unmixed.reshape(mixed.shape).permute(2, 1, 0).to(standard.dtype)

    def through(self, trained: Tensor, white: Tensor, bars: Tensor) -> Tensor:
        """Paths at any horizons ``(B, S, Kq, C)`` that have ``trained (B, S, K, C)`` at the trained ones.

        Between them they have noise of their own, from ``white (B, S, G, C)``.
        """
        rows, points = self.rows(bars), self.points[self.trained]
        missed = trained - self.colour(white, points)
        return self.colour(white, bars) + _each_target(rows @ self.lead, missed)

    @torch.no_grad()
    def set_horizons(self, matrices: Tensor) -> None:
        """Take correlation matrices ``(C or 1, G, G)`` of the points, positive definite."""
        rows = torch.linalg.cholesky(matrices.double())
        trained = rows[:, self.trained]
        factor = torch.linalg.cholesky(trained @ trained.mT)
        self.over_horizons.copy_(_unit(rows))
        self.over_trained.copy_(_unit(factor))
        self.lead.copy_(torch.cholesky_solve(trained, factor).mT)

    @torch.no_grad()
    def set_targets(self, matrix: Tensor) -> None:
        """Take the correlation matrix ``(C, C)`` of the targets' noises, positive definite."""
        self.over_targets.copy_(_unit(torch.linalg.cholesky(matrix.double())))


def correlation_points(horizons: Sequence[int], targets: int) -> tuple[int, ...]:
    """Bars, ascending: the trained horizons, and bars between them as far as a path's noises allow.

    Every bar up to 256, or else at equal ratios.
    """
    longest = max(horizons)
    more = min(_MOST_POINTS, _MOST_NOISES // targets - len(horizons))
    if longest <= _MOST_POINTS and longest - len(horizons) <= more:
        return tuple(range(1, longest + 1))
    between = {round(longest ** (step / more)) for step in range(more)} if more > 0 else set()
    return tuple(sorted({*horizons, *between}))


def _each_target(rows: Tensor, mixed: Tensor) -> Tensor:
    """Rows ``(C or 1, Kq, G)`` times noises ``(B, S, G, C)``: ``(B, S, Kq, C)``."""
    if len(rows) == 1:
        return rows[0] @ mixed
    coloured = mixed.permute(3, 0, 1, 2) @ rows.mT.unsqueeze(1)  # (C, B, S, Kq)
    return coloured.permute(1, 2, 3, 0)


def _unit(rows: Tensor) -> Tensor:
    """Rows of norm 1."""
    return rows / torch.sqrt(rows.square().sum(dim=-1, keepdim=True)).clamp(min=_LEAST_NORM)
