"""Noise that code of others asks torch for, handed to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

Draw = Callable[[int], Tensor]

_DRAWS = {torch.randn, torch.randn_like, torch.normal}


class CapturedNoise(TorchFunctionMode):
    """Hands a solver the noise it asks torch for, and keeps float64 states from being rounded to float32.

    Solvers draw in the middle of their arithmetic and cast their states down; both would hide what they compute.

    Args:
        draw: ``k -> noise`` for the draws, counted from 1.
    """

    def __init__(self, draw: Draw) -> None:
        super().__init__()
        self.draw = draw
        self.drawn = 0
        self.active = False

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Marks the solver's own code."""
        with self._switched(True):
            yield

    @contextmanager
    def outside(self) -> Iterator[None]:
        """Marks the network, called by the solver's code: it may draw and cast as it likes."""
        with self._switched(False):
            yield

    @contextmanager
    def _switched(self, active: bool) -> Iterator[None]:
        before, self.active = self.active, active
        try:
            yield
        finally:
            self.active = before

    def next(self) -> Tensor:
        """The next draw."""
        self.drawn += 1
        return self.draw(self.drawn)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if self.active and func in _DRAWS:
            return self.next()
        if self.active and func in (torch.Tensor.to, torch.Tensor.float) and _is_state(args[0]):
            wanted = torch.float32 if func is torch.Tensor.float else kwargs.get("dtype", args[1:2] and args[1])
            if wanted in (torch.float32, torch.float16, torch.bfloat16):
                return args[0]
        return func(*args, **kwargs)


def _is_state(value: Any) -> bool:
    return isinstance(value, Tensor) and value.dtype == torch.float64 and value.ndim > 0
