"""A head with Fourier transforms and complex numbers, such as one of S4 layers, in real products alone.

ONNX has no complex numbers, and the runtimes' Fourier transforms are slow or missing. What a head computes from its
parameters alone, such as a state-space model's kernel, is computed here, once. What is left of the complex numbers
hangs on the inputs: it is carried on as real and imaginary parts, and a transform of N values is a product with an
N × N matrix. For the few tokens of a path that is as fast as any (:mod:`sssd_export.graph.s4_forms`).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from sssd_export.graph.pairs import MAKING, Pair, of_pairs

aten = torch.ops.aten


def with_real_numbers(head: nn.Module, inputs: tuple[Tensor, ...], dynamic: Sequence[Mapping[int, str]]) -> nn.Module:
    """The head itself, or where it has complex numbers, one that computes the same without.

    Args:
        head: in evaluation mode.
        inputs: of a call.
        dynamic: by input, its dynamic dimensions.

    Raises:
        SSSDError: it does more with complex numbers than is known here; names the operation.
    """
    seen = _Watch()
    with torch.no_grad(), seen:
        head(*inputs)
    if not seen.is_complex:
        return head
    free = tuple(dict.fromkeys(sizes, torch.export.Dim.DYNAMIC) for sizes in dynamic)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of its own deprecations
        try:
            program = torch.export.export(head, inputs, dynamic_shapes=free, strict=False).run_decompositions()
        except Exception:  # of any kind: what is wrong with it is said where it is exported
            return head
        module = program.module(check_guards=False)
        made = _RealHead(fx.GraphModule(module, module.graph))
        made(*inputs)  # what it cannot do is said here, not from within torch's exporter
        return made


class _Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch leaves it untyped
    """Looks whether any result is complex."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.is_complex = False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        self.is_complex |= any(isinstance(one, Tensor) and one.is_complex() for one in pytree.tree_leaves(made))
        return made


class _RealHead(nn.Module):
    """Runs a head's graph with pairs in place of complex numbers; what of them is constant is known."""

    def __init__(self, graph: fx.GraphModule) -> None:
        super().__init__()
        self.body = graph
        self.known, self.passed = _constants(graph)
        for name, value in self.known.items():
            for part, tensor in _parts(value).items():
                self.register_buffer(f"{name}_{part}", tensor.detach().clone().contiguous())
        for name, matrix in _matrices(graph).items():
            self.register_buffer(name, matrix)

    def constant(self, name: str) -> Any:
        """The value of a node that is known: a tensor, or a pair."""
        if not self.known[name].is_complex():
            return getattr(self, f"{name}_real")
        return Pair(getattr(self, f"{name}_real"), getattr(self, f"{name}_imag"))

    def forward(self, z: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        return torch.as_tensor(_Runner(self).run(z, t, condition))


def _parts(value: Tensor) -> dict[str, Tensor]:
    return {"real": value.real, "imag": value.imag} if value.is_complex() else {"real": value}


def _constants(graph: fx.GraphModule) -> tuple[dict[str, Tensor], set[str]]:
    """Find what follows from parameters alone, by node, if complex numbers are in it; and nodes that only it reads."""
    values: dict[fx.Node, Any] = {}
    touched: set[fx.Node] = set()
    runner = fx.Interpreter(graph)
    for node in graph.graph.nodes:
        parents = node.all_input_nodes
        if node.op == "get_attr":
            values[node] = runner.fetch_attr(node.target)
        elif node.op == "call_function" and all(parent in values for parent in parents):
            args, kwargs = fx.map_arg((node.args, node.kwargs), values.__getitem__)
            values[node] = node.target(*args, **kwargs)
        else:
            continue
        made = pytree.tree_leaves(values[node])
        if touched.intersection(parents) or any(isinstance(one, Tensor) and one.is_complex() for one in made):
            touched.add(node)
    kept = {node for node in touched if not touched.issuperset(node.users) and isinstance(values[node], Tensor)}
    return {node.name: values[node] for node in kept}, {node.name for node in touched - kept}


def _matrices(graph: fx.GraphModule) -> dict[str, Tensor]:
    """The matrices of a graph's transforms, by name."""
    sizes = set()
    for node in graph.graph.nodes:
        if node.target in _TRANSFORMS:
            whole = node.args[-1] if node.target is aten._fft_c2r.default else None
            shape = node.args[0].meta["val"].shape
            sizes |= {int(shape[dim]) for dim in node.args[1]} | ({int(whole)} if whole else set())
    return {f"{part}_{size}": matrix for size in sizes for part, matrix in _fourier(size).items()}


def _fourier(size: int) -> dict[str, Tensor]:
    """Cosines and sines of ``2 pi k n / N``, float32 ``(N, N)``; and those that lead back from half a spectrum."""
    places = torch.arange(size, dtype=torch.float64)
    angle = 2 * math.pi / size * (places.unsqueeze(-1) * places % size)  # the remainder keeps it exact
    half = size // 2 + 1
    # All but the first and the last frequency stand for their conjugate as well.
    alone = [0, half - 1] if size % 2 == 0 else [0]
    share = torch.full((half, 1), 2.0, dtype=torch.float64).index_fill(0, torch.tensor(alone), 1.0)
    made = {"cosines": angle.cos(), "sines": angle.sin()}
    made |= {"back_cosines": share * angle.cos()[:half], "back_sines": -share * angle.sin()[:half]}
    return {name: matrix.float() for name, matrix in made.items()}


class _Runner(fx.Interpreter):
    """Runs the nodes; those with pairs among their arguments by the rules of :mod:`sssd_export.graph.pairs`."""

    def __init__(self, head: _RealHead) -> None:
        super().__init__(head.body, garbage_collect_values=False)
        self.head = head

    def run_node(self, n: fx.Node) -> Any:
        if n.name in self.head.known:
            return self.head.constant(n.name)
        return None if n.name in self.head.passed else super().run_node(n)

    def call_function(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if target in _TRANSFORMS:
            return _TRANSFORMS[target](self, *args)
        if any(isinstance(one, Pair | complex) for one in pytree.tree_leaves((args, kwargs))):
            return of_pairs(target, args, kwargs)
        if target in MAKING:
            return MAKING[target](*args, **kwargs)
        return super().call_function(target, args, kwargs)

    def r2c(self, x: Tensor, dims: list[int], norm: int, onesided: bool) -> Pair:
        """A transform of real numbers; the last of ``dims`` is the one that may be halved."""
        made = self._sums(Pair(x, None), dims[-1], -1)
        if onesided:
            made = made.each(lambda part: part.narrow(dims[-1], 0, x.shape[dims[-1]] // 2 + 1))
        for dim in dims[:-1]:
            made = self._sums(made, dim, -1)
        return made.scaled(_scale([x.shape[dim] for dim in dims], norm))

    def c2c(self, x: Pair, dims: list[int], norm: int, forward: bool) -> Pair:
        """A transform of complex numbers."""
        sizes = [x.real.shape[dim] for dim in dims]
        for dim in dims:
            x = self._sums(x, dim, -1 if forward else 1)
        return x.scaled(_scale(sizes, norm))

    def c2r(self, x: Pair, dims: list[int], norm: int, size: int) -> Tensor:
        """A transform back to ``size`` real numbers, of the half that stands for its conjugate as well."""
        *others, last = dims
        sizes = [*(x.real.shape[dim] for dim in others), size]
        for dim in others:
            x = self._sums(x, dim, 1)
        cosines, sines = self._matrices("back_cosines", "back_sines", size=size)
        made = x.real.transpose(last, -1) @ cosines + x.imag.transpose(last, -1) @ sines
        return torch.as_tensor(made.transpose(last, -1) * _scale(sizes, norm))

    def _matrices(self, *names: str, size: int) -> list[Tensor]:
        return [getattr(self.head, f"{name}_{size}") for name in names]

    def _sums(self, x: Pair, dim: int, sign: int) -> Pair:
        """``sum_n x_n exp(sign 2 pi i k n / N)`` along a dimension, for all k."""
        cosines, sines = self._matrices("cosines", "sines", size=int(x.real.shape[dim]))
        real = x.real.transpose(dim, -1)
        if x.imag is None:
            return Pair(real @ cosines, real @ (sign * sines)).each(lambda part: part.transpose(dim, -1))
        imag = x.imag.transpose(dim, -1)
        made = Pair(real @ cosines - sign * (imag @ sines), imag @ cosines + sign * (real @ sines))
        return made.each(lambda part: part.transpose(dim, -1))


def _scale(sizes: list[int], norm: int) -> float:
    """Return what torch's ``fft_norm_mode`` stands for: nothing, one over the root of N, one over N."""
    return float(math.prod(sizes) ** (0.0, -0.5, -1.0)[norm])


_TRANSFORMS: dict[Any, Callable[..., Any]] = {
    aten._fft_r2c.default: _Runner.r2c,
    aten._fft_c2c.default: _Runner.c2c,
    aten._fft_c2r.default: _Runner.c2r,
}
