"""Slices as one ONNX node each: torch's own translation makes eleven of one, and also of the many that take all.

``x[:, 1:]`` is two slices to torch, of which the first does nothing. They are most of what a traced graph has to be
cleaned of, which takes longer than to trace it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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


TRANSLATIONS: dict[Callable[..., Any], Callable[..., Any]] = {torch.ops.aten.slice.Tensor: plain_slice}
