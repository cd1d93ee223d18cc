"""Dropout of a batch that several processes share: masks are drawn for the whole of it, as in one process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from sssd_registry.training.processes import Share


class SharedDropout(TorchFunctionMode):
    """While it is entered, ``torch.nn.functional.dropout`` on the CPU drops what it would drop in one process.

    The first axis of what is dropped is that of windows, or of windows and draws of each. What torch drops within
    functions of its own, such as attention, is each process's own.
    """

    def __init__(self, share: Share) -> None:
        super().__init__()
        self.share = share

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        """Call ``func``, or what stands for it."""
        if func is F.dropout:
            return self._dropout(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))

    def _dropout(self, input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
        own = self.share.size
        if not training or p == 0 or input.ndim == 0 or input.shape[0] % own:
            return F.dropout(input, p, training, inplace)
        each = input.shape[0] // own
        # Memory of the same order, as torch fills a mask in that.
        strides = input.stride()
        order = sorted(range(input.ndim), key=lambda axis: -strides[axis])
        sizes = [self.share.whole * each, *input.shape[1:]]
        whole = torch.empty([sizes[axis] for axis in order], dtype=input.dtype, device=input.device)
        whole = whole.permute([order.index(axis) for axis in range(input.ndim)]).bernoulli_(1 - p).div_(1 - p)
        first = self.share.rows.start * each
        kept = whole[first : first + input.shape[0]]
        return input.mul_(kept) if inplace else input * kept
