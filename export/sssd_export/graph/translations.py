"""Translations of torch's operators to ONNX, where torch's exporter has none or a bad one.

Slices are one node each: torch's own translation makes eleven of one, and also of the many that take all. ``x[:, 1:]``
is two slices to torch, of which the first does nothing. They are most of what a traced graph has to be cleaned of,
which takes longer than to trace it.

The others spare a program its second trace (:mod:`sssd_export.graph.lean_export`): they are what torch would take them
apart into.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import onnx_ir as ir
import torch
from onnxscript import INT64
from onnxscript import opset20 as op

_END = 2**63 - 1


def plain_slice(self: Any, dim: Any = 0, start: Any = None, end: Any = None, step: Any = 1) -> Any:
    """Translate ``aten.slice.Tensor``; numbers that depend on a dynamic size come as values of the graph."""
    start, end = 0 if start is None else start, _END if end is None else end
    if isinstance(start, int) and isinstance(end, int) and (start, end, step) == (0, _END, 1):
        return op.Identity(self)
    return op.Slice(self, *(_one(number) for number in (start, end, dim, step)))


def _one(number: Any) -> Any:
    """A number, or a value, as a tensor of one."""
    if isinstance(number, int):
        return op.Constant(value_ints=[number])
    value: Any = op.Cast(number, to=INT64.dtype)
    shape: Any = op.Constant(value_ints=[-1])
    return op.Reshape(value, shape)


def square(self: Any) -> Any:
    """Translate ``aten.square``."""
    two: Any = op.Constant(value_int=2)
    return op.Pow(self, op.CastLike(two, self))


def subtract_from_number(self: Any, other: Any, alpha: Any = 1) -> Any:
    """Translate ``aten.rsub.Scalar``, ``other - alpha * self``."""
    taken = self if alpha == 1 else op.Mul(self, _number(alpha, self.dtype))
    return op.Sub(_number(other, self.dtype), taken)


def cast(self: Any, dtype: Any, _non_blocking: Any = False, _copy: Any = False, _format: Any = None) -> Any:
    """Translate ``aten.to.dtype``."""
    return op.Identity(self) if self.dtype == dtype else op.Cast(self, to=int(dtype))


def to_device(
    self: Any, _device: Any, dtype: Any, _non_blocking: Any = False, _copy: Any = False, _format: Any = None
) -> Any:
    """Translate ``aten.to.device``, which says a dtype as well: a graph knows no devices."""
    return cast(self, dtype)


def same(self: Any) -> Any:
    """Translate ``aten.detach_`` and its like: nothing to a graph without gradients and devices."""
    return op.Identity(self)


def move_axis(self: Any, source: Any, destination: Any) -> Any:
    """Translate ``aten.movedim.int``."""
    rank = len(self.shape)
    order = [axis for axis in range(rank) if axis != source % rank]
    order.insert(destination % rank, source % rank)
    return op.Transpose(self, perm=order)


def transpose(self: Any) -> Any:
    """Translate ``aten.numpy_T``: all axes the other way round."""
    return op.Transpose(self, perm=list(reversed(range(len(self.shape)))))


def _number(number: float, dtype: ir.DataType) -> Any:
    """A number in its own precision: as float32 it would lose its last digits on its way to float64."""
    return op.Constant(value=ir.tensor(number, dtype=dtype))


TRANSLATIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    torch.ops.aten.slice.Tensor: plain_slice,
    torch.ops.aten.square.default: square,
    torch.ops.aten.rsub.Scalar: subtract_from_number,
    torch.ops.aten.to.dtype: cast,
    torch.ops.aten.to.device: to_device,
    torch.ops.aten.detach_.default: same,
    torch.ops.aten.movedim.int: move_axis,
    torch.ops.aten.numpy_T.default: transpose,
}
