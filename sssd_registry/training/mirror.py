"""Windows turned upside down: where rises and falls are alike, a network cannot then learn the sample's drift."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from sssd_registry.data.spec import DataSpec
from sssd_registry.errors import SSSDError
from sssd_registry.model.batches import Batch


def mirrored(batch: Batch, spec: DataSpec, chosen: Tensor) -> Batch:
    """Turn the ``chosen`` windows, bool ``(B,)``, and their futures about their last known values.

    A level v becomes ``2 o - v``, or ``o² / v`` where log-returns are modelled, with o its last value. For open,
    high and low o is the close's, so that bars stay bars. Highs and lows change places; volumes stay.

    Raises:
        SSSDError: highs are forecast without lows, or lows without highs, or a volume, which has no other side.
    """
    log = spec.in_logs
    last = batch.values[spec.base.name][:, -1:]  # (B, 1, V)
    origin = last[..., _origin_columns(spec)]
    partner = _partners(spec)
    levels = torch.tensor([role != "volume" for role in spec.roles], device=last.device)
    turn = chosen[:, None, None]
    values = {}
    for name, whole in batch.values.items():
        given, mask = whole[..., : len(spec.columns)], whole[..., len(spec.columns) :]
        swapped = given[..., partner]
        about = origin.square() / swapped if log else 2 * origin - swapped
        values[name] = torch.cat([torch.where(turn & levels, about, given), mask], dim=-1)
    targets = origin[..., list(spec.target_indices)]  # (B, 1, C)
    swapped = batch.future[..., _target_partners(spec, partner)]
    future = targets.square() / swapped if log else 2 * targets - swapped
    return replace(batch, values=values, future=torch.where(turn, future, batch.future))


def _origin_columns(spec: DataSpec) -> list[int]:
    """The column whose last value each column is turned about."""
    closes = [index for index, role in enumerate(spec.roles) if role == "close"]
    bars = ("open", "high", "low")
    return [closes[0] if role in bars and len(closes) == 1 else index for index, role in enumerate(spec.roles)]


def _target_partners(spec: DataSpec, partner: list[int]) -> list[int]:
    """The target whose future becomes each target's."""
    targets = list(spec.target_indices)
    for index in targets:
        if partner[index] not in targets or spec.roles[index] == "volume":
            raise SSSDError(
                f"training.mirror: the target {spec.columns[index]!r} cannot be turned upside down; forecast highs with"
                " lows, and no volumes, or leave it out"
            )
    return [targets.index(partner[index]) for index in targets]


def _partners(spec: DataSpec) -> list[int]:
    """The column that becomes each column: itself, but for highs and lows, paired in order."""
    highs = [index for index, role in enumerate(spec.roles) if role == "high"]
    lows = [index for index, role in enumerate(spec.roles) if role == "low"]
    partner = list(range(len(spec.roles)))
    for high, low in zip(highs, lows, strict=False):
        partner[high], partner[low] = low, high
    return partner
