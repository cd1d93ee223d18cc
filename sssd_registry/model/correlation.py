"""Correlation of what is left of a forecast in standard units: over horizons, and over targets.

A forecast's residual ``y (G, C)`` is standard normal at every horizon and of every target, and white noise is coloured
by

    y_c = over_horizons[c] · (white · over_targetsᵀ)_c

with rows of unit norm in both factors: every marginal stays N(0, 1), and the whole is positive definite, whatever the
factors are. Targets that follow autoregressions of their own with correlated innovations are of this form exactly.

Any rotation of the white noise is white noise. Both factors are turned so that the first noises carry most of a path's
variance (Karhunen and Loève's expansion, of all targets' paths together): these few, the *latents* of a path, are what
diffusion works on. The rest stays Gaussian.

There is a noise for every bar as far as that is possible, between trained horizons too: a path there is not the mean
of both, a random walk has noise of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sssd_registry.config import ModelConfig
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

    Args:
        spec: targets and trained horizons.
        config: how many latents a path has.

    Attributes:
        points: float32 ``(G,)`` bars, ascending, the trained horizons among them: what has a noise of its own.
        over_horizons: float32 ``(C or 1, G, G)``, noises over horizons by how much of all targets' variance they carry.
        over_targets: float32 ``(C, C)``, the same over targets.
        to_components: float32 ``(C or 1, R, G)``, the first R of what undoes ``over_horizons``.
        to_mixtures: float32 ``(D, C)``, the first D of what undoes ``over_targets``.
        volatility: of paths, drawn from a last noise.
    """

    points: Tensor
    over_horizons: Tensor
    over_targets: Tensor
    to_components: Tensor
    to_mixtures: Tensor

    def __init__(self, spec: DataSpec, config: ModelConfig) -> None:
        super().__init__()
        channels = len(spec.targets)
        points = correlation_points(spec.horizons, channels)
        self.num_components = min(config.components, len(points))
        self.num_mixtures = min(config.target_components, channels)
        shared = channels * len(points) ** 2 > _MOST_NUMBERS
        identity = torch.eye(len(points)).repeat(1 if shared else channels, 1, 1)
        self.register_buffer("points", torch.tensor(points, dtype=torch.float32))
        self.register_buffer("over_horizons", identity)
        self.register_buffer("to_components", identity[:, : self.num_components].clone())
        self.register_buffer("over_targets", torch.eye(channels))
        self.register_buffer("to_mixtures", torch.eye(channels)[: self.num_mixtures].clone())
        self.volatility = PathVolatility(channels)

    @property
    def noise_shape(self) -> tuple[int, int]:
        """Numbers of white noise of one path, ``(G + 1, C)``; the last row is its volatility's."""
        return len(self.points) + 1, len(self.over_targets)

    def rows(self, bars: Tensor) -> Tensor:
        """Factor rows of any horizons ``(K,)`` in bars: ``(C or 1, K, G)``, each of norm 1.

        A horizon between two points, a fraction of a bar, is a mixture of both. One before the first bar, or beyond the
        last trained one, is as that.
        """
        return _unit(interpolation(self.points, bars) @ self.over_horizons)

    def colour(self, white: Tensor, rows: Tensor) -> Tensor:
        """White noise ``(B, S, G, C)`` to Gaussian standard units ``(B, S, K, C)``, of the dtype of ``white``.

        What a horizon has does not depend on which others are asked for.

        Args:
            white: noise.
            rows: of the horizons, see :meth:`rows`.
        """
        return _each_target(rows.to(white.dtype), self._mixed(white))

    def lively(self, normal: Tensor, last: Tensor) -> Tensor:
        """Standard normal paths ``(B, S, K, C)``, each made as lively as its last noise ``(B, S, 1, C)`` says.

        Targets that go together are lively together.
        """
        made: Tensor = self.volatility(normal, self._mixed(last))
        return made

    def latents(self, white: Tensor) -> Tensor:
        """Return what of white noise ``(B, S, G or G + 1, C)`` diffusion works on: ``(B, S, R, D)``."""
        return white[:, :, : self.num_components, : self.num_mixtures]

    def spread(self, latents: Tensor, rows: Tensor) -> Tensor:
        """Return what latents ``(B, S, R, D)`` are of a path at some horizons, ``(B, S, K, C)``: ``colour`` of them."""
        mixed = latents @ self.over_targets[:, : self.num_mixtures].T
        return _each_target(rows[:, :, : self.num_components], mixed)

    def extract(self, standard: Tensor) -> Tensor:
        """Standard units at all points ``(B, G, C)`` to latents ``(B, R, D)``, white on the training data."""
        undone = self.to_components.expand(standard.shape[-1], -1, -1)
        return torch.einsum("crg,bgc->brc", undone, standard) @ self.to_mixtures.T

    def _mixed(self, white: Tensor) -> Tensor:
        """Noises of each target of noises of mixtures, ``(B, S, G, C)``."""
        return white if len(self.over_targets) == 1 else white @ self.over_targets.T.to(white.dtype)

    @torch.no_grad()
    def set_horizons(self, matrices: Tensor) -> None:
        """Take correlation matrices ``(C or 1, G, G)`` of the points, positive definite."""
        rows = _unit(torch.linalg.cholesky(matrices.double()))
        turn = torch.eye(len(self.points), dtype=torch.float64)
        if self.num_components < len(self.points):
            turn = _leading((rows.mT @ rows).sum(dim=0))
        whole = torch.eye(len(turn), dtype=torch.float64).expand_as(rows)
        undone = turn.T @ torch.linalg.solve_triangular(rows, whole, upper=False)
        self.over_horizons.copy_(rows @ turn)
        self.to_components.copy_(undone[:, : self.num_components])

    @torch.no_grad()
    def set_targets(self, matrix: Tensor) -> None:
        """Take the correlation matrix ``(C, C)`` of the targets' noises, positive definite."""
        rows = _unit(torch.linalg.cholesky(matrix.double()))
        turn = torch.eye(len(rows), dtype=torch.float64)
        if self.num_mixtures < len(rows):
            turn = _leading(rows.T @ rows)
        self.over_targets.copy_(rows @ turn)
        self.to_mixtures.copy_((turn.T @ torch.linalg.inv(rows))[: self.num_mixtures])


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


def _leading(square: Tensor) -> Tensor:
    """Eigenvectors ``(G, G)`` of a second moment, the largest eigenvalue's first, of a sign that is always the same."""
    vectors = torch.linalg.eigh(square).eigenvectors.flip(-1)
    largest = vectors.gather(0, vectors.abs().argmax(dim=0, keepdim=True))
    return vectors * torch.where(largest < 0, -1.0, 1.0)


def _each_target(rows: Tensor, mixed: Tensor) -> Tensor:
    """Rows ``(C or 1, K, G)`` times noises ``(B, S, G, C)``: ``(B, S, K, C)``."""
    if len(rows) == 1:
        return rows[0] @ mixed
    coloured = mixed.permute(3, 0, 1, 2) @ rows.mT.unsqueeze(1)  # (C, B, S, K)
    return coloured.permute(1, 2, 3, 0)


def _unit(rows: Tensor) -> Tensor:
    """Rows of norm 1."""
    return rows / torch.sqrt(rows.square().sum(dim=-1, keepdim=True)).clamp(min=_LEAST_NORM)
