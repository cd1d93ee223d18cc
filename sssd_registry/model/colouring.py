"""Two ways to colour a path's noise: one factor over horizons and targets together, or one over each.

Any rotation of white noise is white noise. Both turn their factors so that the leading noises carry most of the
variance of all targets' paths (Karhunen and Loève's expansion): these few, the *latents* of a path, are what diffusion
works on. They are the first rows and columns of the noise, ``(R, D)`` of ``(G, C)``.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sssd_registry.model.exact_buffers import ExactBuffers

# A mixture of rows that cancel each other has no direction.
_LEAST_NORM = 1e-6


class JointColouring(ExactBuffers):
    """One factor: whatever hangs together with whatever, such as one target now with another later.

    Args:
        points: G.
        targets: C.
        latents: ``(R, D)``.

    Attributes:
        factor: float32 ``(G C, G C)``; its columns belong to the noises ``(G, C)``, row after row.
        to_latents: float32 ``(R D, G C)``, what undoes it.
    """

    factor: Tensor
    to_latents: Tensor

    def __init__(self, points: int, targets: int, latents: tuple[int, int]) -> None:
        super().__init__()
        self.points, self.targets, self.latents = points, targets, latents
        self.register_buffer("factor", torch.eye(points * targets))
        self.register_buffer("to_latents", torch.eye(points * targets)[self._leading()])

    def rows(self, share: Tensor) -> Tensor:
        """Rows ``(K C, G C)``, each of norm 1; ``share (K, G)`` is how much of each point makes up a horizon."""
        mixed = share @ self.factor.reshape(self.points, -1)  # (K, C G C)
        return _unit(mixed.reshape(-1, self.points * self.targets))

    def colour(self, white: Tensor, rows: Tensor) -> Tensor:
        """White noise ``(B, S, G, C)`` to standard units ``(B, S, K, C)``."""
        coloured = white.flatten(2) @ rows.T.to(white.dtype)  # (B, S, K C)
        return coloured.reshape(*coloured.shape[:2], -1, self.targets)

    def spread(self, latents: Tensor, rows: Tensor) -> Tensor:
        """Return what latents ``(B, S, R, D)`` are of a path, ``(B, S, K, C)``."""
        coloured = latents.flatten(2) @ rows[:, self._leading()].T  # (B, S, K C)
        return coloured.reshape(*coloured.shape[:2], -1, self.targets)

    def extract(self, standard: Tensor) -> Tensor:
        """Standard units at all points ``(B, G, C)`` to latents ``(B, R, D)``."""
        return (standard.flatten(1) @ self.to_latents.T).reshape(-1, *self.latents)

    @torch.no_grad()
    def set_matrix(self, matrix: Tensor) -> None:
        """Take a correlation matrix ``(G C, G C)``, positive definite; horizons in order, and in each its targets."""
        values, vectors = torch.linalg.eigh(matrix.double())
        values, vectors = values.flip(0).clamp(min=1e-12), _signed(vectors.flip(-1))
        order = self._leading()
        rest = [column for column in range(len(matrix)) if column not in set(order)]
        place = torch.tensor([*order, *rest])
        self.factor[:, place] = _unit(vectors * values.sqrt()).float()
        self.to_latents.copy_((vectors / values.sqrt()).T[: len(order)])

    def _leading(self) -> list[int]:
        """Return which of the noises, row after row, are latents."""
        rows, columns = self.latents
        return [row * self.targets + column for row in range(rows) for column in range(columns)]


class SeparableColouring(ExactBuffers):
    """A factor over horizons for each target, or for all, and one over targets.

    ``y_c = over_horizons[c] · (white · over_targetsᵀ)_c``. Targets that follow autoregressions of their own with
    correlated innovations are of this form exactly, and it is small however many there are.

    Args:
        points: G.
        targets: C.
        latents: ``(R, D)``.
        shared: all targets have the same factor over horizons.

    Attributes:
        over_horizons: float32 ``(C or 1, G, G)``.
        over_targets: float32 ``(C, C)``.
        to_components: float32 ``(C or 1, R, G)``, the first R of what undoes ``over_horizons``.
        to_mixtures: float32 ``(D, C)``, the first D of what undoes ``over_targets``.
    """

    over_horizons: Tensor
    over_targets: Tensor
    to_components: Tensor
    to_mixtures: Tensor

    def __init__(self, points: int, targets: int, latents: tuple[int, int], shared: bool) -> None:
        super().__init__()
        self.latents = latents
        identity = torch.eye(points).repeat(1 if shared else targets, 1, 1)
        self.register_buffer("over_horizons", identity)
        self.register_buffer("to_components", identity[:, : latents[0]].clone())
        self.register_buffer("over_targets", torch.eye(targets))
        self.register_buffer("to_mixtures", torch.eye(targets)[: latents[1]].clone())

    def rows(self, share: Tensor) -> Tensor:
        """Rows ``(C or 1, K, G)``, each of norm 1; ``share (K, G)`` is how much of each point makes up a horizon."""
        return _unit(share @ self.over_horizons)

    def colour(self, white: Tensor, rows: Tensor) -> Tensor:
        """White noise ``(B, S, G, C)`` to standard units ``(B, S, K, C)``."""
        mixed = white if len(self.over_targets) == 1 else white @ self.over_targets.T.to(white.dtype)
        return _each_target(rows.to(white.dtype), mixed)

    def spread(self, latents: Tensor, rows: Tensor) -> Tensor:
        """Return what latents ``(B, S, R, D)`` are of a path, ``(B, S, K, C)``."""
        components, mixtures = self.latents
        return _each_target(rows[:, :, :components], latents @ self.over_targets[:, :mixtures].T)

    def extract(self, standard: Tensor) -> Tensor:
        """Standard units at all points ``(B, G, C)`` to latents ``(B, R, D)``."""
        undone = self.to_components.expand(standard.shape[-1], -1, -1)
        return torch.einsum("crg,bgc->brc", undone, standard) @ self.to_mixtures.T

    @torch.no_grad()
    def set_matrices(self, over_horizons: Tensor, over_targets: Tensor) -> None:
        """Take correlation matrices ``(C or 1, G, G)`` and ``(C, C)``, positive definite."""
        rows = _unit(torch.linalg.cholesky(over_horizons.double()))
        turn = _leading_first((rows.mT @ rows).sum(dim=0))
        whole = torch.eye(len(turn), dtype=torch.float64).expand_as(rows)
        undone = turn.T @ torch.linalg.solve_triangular(rows, whole, upper=False)
        self.over_horizons.copy_(rows @ turn)
        self.to_components.copy_(undone[:, : self.latents[0]])
        mixed = _unit(torch.linalg.cholesky(over_targets.double()))
        turn = torch.eye(len(mixed), dtype=torch.float64)
        if self.latents[1] < len(mixed):  # else each target may as well keep a noise of its own
            turn = _leading_first(mixed.T @ mixed)
        self.over_targets.copy_(mixed @ turn)
        self.to_mixtures.copy_((turn.T @ torch.linalg.inv(mixed))[: self.latents[1]])


def separable_matrix(over_horizons: Tensor, over_targets: Tensor) -> Tensor:
    """The correlation ``(G C, G C)`` that a :class:`SeparableColouring` of these matrices has."""
    factor = torch.linalg.cholesky(over_horizons.double()).expand(len(over_targets), -1, -1)
    across = torch.einsum("agn,bhn->gahb", factor, factor) * over_targets.double().unsqueeze(1)
    points, targets = across.shape[:2]
    return across.reshape(points * targets, -1)


def _leading_first(square: Tensor) -> Tensor:
    """Rotation ``(G, G)`` that puts what carries most of a second moment first."""
    return _signed(torch.linalg.eigh(square).eigenvectors.flip(-1))


def _signed(vectors: Tensor) -> Tensor:
    """Columns of a sign that is always the same: their largest entry is above 0."""
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
