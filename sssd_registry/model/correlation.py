"""Correlation of what is left of a forecast in standard units: over horizons, and over targets.

A forecast's residual is standard normal at every horizon and of every target; white noise is coloured by factors with
rows of unit norm (:mod:`sssd_registry.model.colouring`): every marginal stays N(0, 1), and the whole is positive
definite, whatever the factors are.

There is a noise for every bar as far as that is possible, between trained horizons too: a path there is not the mean
of both, a random walk has noise of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sssd_registry.config import ModelConfig
from sssd_registry.data.spec import DataSpec
from sssd_registry.model.colouring import JointColouring, SeparableColouring
from sssd_registry.model.exact_buffers import ExactBuffers
from sssd_registry.model.horizon_grid import interpolation
from sssd_registry.model.path_volatility import PathVolatility

# Noises between trained horizons: as many as one for each bar of a few days of hours, but not more than so many
# numbers in all for a path.
_MOST_POINTS, _MOST_NOISES = 256, 4096
# Up to so many numbers of a path one factor joins all of them: 4 MB.
_MOST_JOINT = 1024
# Beyond so many numbers all targets share one factor over horizons: 16 MB.
_MOST_NUMBERS = 4_000_000


class Correlation(ExactBuffers):
    """See the module's text. Nothing hangs together before it is fitted.

    Args:
        spec: targets and trained horizons.
        config: how many latents a path has.

    Attributes:
        points: float32 ``(G,)`` bars, ascending, the trained horizons among them: what has a noise of its own.
        colouring: of several targets joint as long as that is small.
        over_targets: float32 ``(C, C)``, lower triangular: how paths' volatilities hang together.
        training_size: float32 ``(G, C)``, how large standard units are at each point in training, 1 or about 1: a fit
            leaves less of what it was fitted to, and what is learnt of a path's shape must not be its width.
        volatility: of paths, drawn from a last noise.
    """

    points: Tensor
    over_targets: Tensor
    training_size: Tensor

    def __init__(self, spec: DataSpec, config: ModelConfig) -> None:
        super().__init__()
        channels = len(spec.targets)
        points = correlation_points(spec.horizons, channels)
        count = len(points)
        self.num_components = min(config.components, count)
        self.num_mixtures = min(config.target_components, channels)
        latents = self.num_components, self.num_mixtures
        self.register_buffer("points", torch.tensor(points, dtype=torch.float32))
        self.colouring: JointColouring | SeparableColouring
        if channels > 1 and count * channels <= _MOST_JOINT:
            self.colouring = JointColouring(count, channels, latents)
        else:
            self.colouring = SeparableColouring(count, channels, latents, channels * count**2 > _MOST_NUMBERS)
        self.register_buffer("over_targets", torch.eye(channels))
        self.register_buffer("training_size", torch.ones(count, channels))
        self.volatility = PathVolatility(channels)

    @property
    def noise_shape(self) -> tuple[int, int]:
        """Numbers of white noise of one path, ``(G + 1, C)``; the last row is its volatility's."""
        return len(self.points) + 1, len(self.over_targets)

    def rows(self, bars: Tensor) -> Tensor:
        """Rows of the factor for any horizons ``(K,)`` in bars, for the functions below.

        A horizon between two points, a fraction of a bar, is a mixture of both. One before the first bar, or beyond the
        last trained one, is as that.
        """
        return self.colouring.rows(interpolation(self.points, bars))

    def colour(self, white: Tensor, rows: Tensor) -> Tensor:
        """White noise ``(B, S, G, C)`` to Gaussian standard units ``(B, S, K, C)``, of the dtype of ``white``.

        What a horizon has does not depend on which others are asked for.
        """
        return self.colouring.colour(white, rows)

    def lively(self, normal: Tensor, last: Tensor) -> Tensor:
        """Standard normal paths ``(B, S, K, C)``, each made as lively as its last noise ``(B, S, 1, C)`` says.

        Targets that go together are lively together.
        """
        made: Tensor = self.volatility(normal, last @ self.over_targets.T.to(last.dtype))
        return made

    def latents(self, white: Tensor) -> Tensor:
        """Return what of white noise ``(B, S, G or G + 1, C)`` diffusion works on: ``(B, S, R, D)``."""
        return white[:, :, : self.num_components, : self.num_mixtures]

    def spread(self, latents: Tensor, rows: Tensor) -> Tensor:
        """Return what latents ``(B, S, R, D)`` are of a path at some horizons, ``(B, S, K, C)``: ``colour`` of them."""
        return self.colouring.spread(latents, rows)

    def extract(self, standard: Tensor) -> Tensor:
        """Standard units at all points ``(B, G, C)`` to latents ``(B, R, D)``, white on the training data."""
        return self.colouring.extract(standard / self.training_size)

    @torch.no_grad()
    def set_matrices(self, over_horizons: Tensor, over_targets: Tensor) -> None:
        """Take correlation matrices of the points ``(C or 1, G, G)``, and of the targets' noises ``(C, C)``.

        Both positive definite. A joint colouring takes a matrix of its own.
        """
        self.over_targets.copy_(torch.linalg.cholesky(over_targets.double()))
        if isinstance(self.colouring, SeparableColouring):
            self.colouring.set_matrices(over_horizons, over_targets)


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
