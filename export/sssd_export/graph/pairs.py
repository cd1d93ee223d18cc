"""Complex tensors as pairs of real ones, and the operations of torch on them, those that heads have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from sssd_registry.errors import SSSDError

aten = torch.ops.aten


@dataclass(frozen=True)
class Pair:
    """A complex tensor, or number, as its parts; ``imag`` may be None for none."""

    real: Any
    imag: Any

    def each(self, function: Callable[[Tensor], Tensor]) -> Pair:
        """Do the same to both parts."""
        return Pair(function(self.real), function(self.imag))

    def scaled(self, factor: float) -> Pair:
        """Multiply by a real number."""
        return self if factor == 1.0 else self.each(lambda part: part * factor)


def of_pairs(target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Result of an operation with pairs, or Python's complex numbers, among its arguments.

    Raises:
        SSSDError: an operation that is not known here.
    """
    args, kwargs = pytree.tree_map(_as_pair, (args, kwargs))
    if target in _RULES:
        return _RULES[target](*args, **kwargs)
    if target in _ALIKE and isinstance(args[0], Pair):
        return args[0].each(lambda part: target(part, *args[1:], **kwargs))
    raise SSSDError(
        f"the noise head cannot be exported: {target} of complex numbers that hang on its inputs is not known"
    )


def _as_pair(value: Any) -> Any:
    return Pair(value.real, value.imag) if isinstance(value, complex) else value


def _product(multiply: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Pair]:
    """A product that is linear in both factors."""

    def product(a: Any, b: Any) -> Pair:
        if not isinstance(a, Pair):
            return Pair(multiply(a, b.real), multiply(a, b.imag))
        if not isinstance(b, Pair):
            return Pair(multiply(a.real, b), multiply(a.imag, b))
        real = multiply(a.real, b.real) - multiply(a.imag, b.imag)
        return Pair(real, multiply(a.real, b.imag) + multiply(a.imag, b.real))

    return product


def _quotient(a: Any, b: Any) -> Pair:
    if not isinstance(b, Pair):
        return Pair(a.real / b, a.imag / b)
    size = b.real * b.real + b.imag * b.imag
    return _product(torch.mul)(a, Pair(b.real / size, -b.imag / size))


def _sum(a: Any, b: Any, alpha: float = 1) -> Pair:
    if not isinstance(a, Pair):
        return Pair(a + alpha * b.real, torch.zeros_like(a) + alpha * b.imag)
    if not isinstance(b, Pair):
        return Pair(a.real + alpha * b, a.imag + torch.zeros_like(a.real + alpha * b))
    return Pair(a.real + alpha * b.real, a.imag + alpha * b.imag)


def _joined(parts: list[Any], dim: int = 0) -> Pair:
    whole = [one if isinstance(one, Pair) else Pair(one, torch.zeros_like(one)) for one in parts]
    return Pair(torch.cat([one.real for one in whole], dim), torch.cat([one.imag for one in whole], dim))


def _padded(x: Pair, pad: list[int], value: float = 0) -> Pair:
    return Pair(aten.constant_pad_nd.default(x.real, pad, value), aten.constant_pad_nd.default(x.imag, pad, 0))


def _exponential(x: Pair) -> Pair:
    size = torch.exp(x.real)
    return Pair(size * torch.cos(x.imag), size * torch.sin(x.imag))


def _converted(x: Any, *, dtype: torch.dtype | None = None, **others: Any) -> Any:
    if dtype is not None and dtype.is_complex:
        return x if isinstance(x, Pair) else Pair(x, torch.zeros_like(x))
    return aten._to_copy.default(x, dtype=dtype, **others)


_RULES: dict[Any, Callable[..., Any]] = {
    aten.mul.Tensor: _product(torch.mul),
    aten.mul.Scalar: _product(torch.mul),
    aten.mm.default: _product(torch.mm),
    aten.bmm.default: _product(torch.bmm),
    aten.div.Tensor: _quotient,
    aten.add.Tensor: _sum,
    aten.sub.Tensor: lambda a, b, alpha=1: _sum(a, b, -alpha),
    aten.cat.default: _joined,
    aten.constant_pad_nd.default: _padded,
    aten.exp.default: _exponential,
    aten.abs.default: lambda x: torch.sqrt(x.real * x.real + x.imag * x.imag),
    aten._conj.default: lambda x: Pair(x.real, -x.imag),
    aten._to_copy.default: _converted,
    aten.view_as_real.default: lambda x: torch.stack([x.real, x.imag], dim=-1),
}


# What makes pairs of real numbers.
MAKING: dict[Any, Callable[..., Any]] = {
    aten._to_copy.default: _converted,
    aten.view_as_complex.default: lambda x: Pair(x[..., 0], x[..., 1]),
    aten.complex.default: Pair,
}

# What does the same to every number, and no more than move or add them up.
_ALIKE = {
    aten.view.default, aten.reshape.default, aten._unsafe_view.default, aten.permute.default, aten.transpose.int,
    aten.unsqueeze.default, aten.squeeze.dim, aten.squeeze.dims, aten.expand.default, aten.slice.Tensor,
    aten.select.int, aten.index.Tensor, aten.flip.default, aten.clone.default, aten.alias.default, aten.neg.default,
    aten.sum.dim_IntList, aten.mean.dim,
}  # fmt: skip
