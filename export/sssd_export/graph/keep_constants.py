"""Optimising a traced graph without losing a constant: epsilons beside square roots, above all.

onnxscript's optimiser takes a number for 0 when it is 1e-8 or less, and for 1 when it is within 1e-5 of it. Then
``x + 1e-8`` is ``x``, and what it kept from a division by zero is NaN; ``x * 1.00001`` is ``x`` as well, and that is
finite and wrong. So each use of such a number is hidden from the optimiser: as an input of the graph it is nothing that
a rule can take for another. Then each has to be there still, and so has every one that torch's program had.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir
import onnx_ir.passes.common as passes
import torch
from onnxscript import optimizer
from torch.onnx import ONNXProgram

from sssd_export.graph.inline import constant
from sssd_registry.errors import SSSDError

# Arithmetic that a rule may take for nothing at all.
_ARITHMETIC = ("Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Clip", "Where")
# torch's operators that bound or shift by a number.
_GUARDS = ("add", "sub", "rsub", "full", "full_like", "clamp", "clamp_min", "clamp_max", "maximum", "minimum",
           "layer_norm", "group_norm", "instance_norm", "native_layer_norm", "native_group_norm",
           "_native_batch_norm_legit_no_training", "rms_norm", "_fused_rms_norm")  # fmt: skip
# So close to a whole number, without being one, that some optimiser may take it for that.
_NEAR = 1e-3
# float32 rounds; a number of torch's that was rounded is still there.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class _Hidden:
    """One use of a constant, while it is an input."""

    value: ir.Value
    constant: ir.Value
    where: str

    def __str__(self) -> str:
        return f"{_number(self.constant):g} in {self.where}"


def optimise(what: str, program: ONNXProgram) -> ir.Model:
    """The program's graph, optimised, with every constant that it had.

    Args:
        what: which part of the network it is, for errors.
        program: exported with ``optimize=False``.

    Raises:
        SSSDError: a constant was lost all the same.
    """
    model = program.model
    _exact_scalars(model.graph, program)
    optimizer.inline(model)
    optimizer.fold_constants(model)
    passes.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
    passes.RemoveUnusedNodesPass()(model)
    hidden = _hide(model.graph)
    optimizer.optimize(model)
    lost = [str(each) for each in hidden if not each.value.uses()]
    _restore(model.graph, hidden)
    # What was hidden use by use may be the same again; these passes compare bits.
    optimizer.fold_constants(model)
    for clean in (passes.RemoveUnusedNodesPass(), passes.DeduplicateInitializersPass(),
                  passes.CommonSubexpressionEliminationPass(), passes.NameFixPass()):  # fmt: skip
        clean(model)
    kept = small_constants(model.graph.all_nodes())
    lost += [f"{number:g} in {where}" for number, where in _torch_guards(program) if not among(number, kept)]
    refuse_lost(what, lost)
    return model


def small_constants(nodes: Iterable[ir.Node]) -> list[float]:
    """Small numbers, but not 0, that nodes use: scalars, and what their attributes say, such as a norm's epsilon."""
    found: dict[float, None] = {}
    for node in nodes:
        scalars = [_number(value) for value in node.inputs if _is_scalar(value)]
        floats = [each.as_float() for each in node.attributes.values() if each.type == ir.AttributeType.FLOAT]
        found |= dict.fromkeys(number for number in (*scalars, *floats) if 0 < abs(number) < _NEAR)
    return list(found)


def refuse_lost(what: str, lost: list[str]) -> None:
    """Raise for constants that are lost, if any are.

    Raises:
        SSSDError: some are.
    """
    if lost:
        raise SSSDError(
            f"the {what} cannot be exported: the exporter's optimiser dropped the constant {', '.join(lost)}; bound by"
            " clamp(min=…) instead of adding it, or tell us: it is a bug"
        )


def _exact_scalars(graph: ir.Graph, program: ONNXProgram) -> None:
    """Give scalars their own precision: torch's exporter writes all as float32, those of float64 arithmetic as well."""
    exported = program.exported_program
    values = {value.name: value for node in graph for value in node.outputs}
    for node in () if exported is None else exported.graph.nodes:
        value = values.get(node.name)
        number = _scalar(node)
        if value is not None and number is not None and node.meta["val"].dtype == torch.float64:
            exact = constant(graph, f"{node.name}.exact", ir.tensor(np.array(number, dtype=np.float64)))
            value.replace_all_uses_with(exact, replace_graph_outputs=True)


def _scalar(argument: Any) -> float | None:
    """Return the value of an argument, a number or a tensor made of one; None of any other."""
    if getattr(argument, "target", None) is torch.ops.aten.scalar_tensor.default:
        argument = argument.args[0]
    return argument if isinstance(argument, float) else None


def _hide(graph: ir.Graph) -> list[_Hidden]:
    """Make an input of each use of a number that is nearly a whole one."""
    hidden: list[_Hidden] = []
    for known in list(graph.initializers.values()):
        if not _is_scalar(known) or not _nearly_whole(_number(known)):
            continue
        for node, at in list(known.uses()):
            if node.op_type not in _ARITHMETIC:
                continue
            value = ir.Value(name=f"hidden.{len(hidden)}", type=known.type, shape=known.shape)
            graph.inputs.append(value)
            node.replace_input_with(at, value)
            hidden.append(_Hidden(value, known, f"{node.name} ({node.op_type})"))
    return hidden


def _restore(graph: ir.Graph, hidden: list[_Hidden]) -> None:
    """Put each constant back in the place of its input."""
    for each in hidden:
        name = str(each.constant.name)
        if name not in graph.initializers:  # all of its uses were hidden, and so it was taken out
            each.constant.name = name
            graph.register_initializer(each.constant)
        each.value.replace_all_uses_with(graph.initializers[name])
    gone = {each.value for each in hidden}
    kept = [value for value in graph.inputs if value not in gone]
    graph.inputs.clear()
    graph.inputs.extend(kept)


def _torch_guards(program: ONNXProgram) -> Iterator[tuple[float, str]]:
    """Small numbers by which torch's own program bounds or shifts, and the operators that do."""
    exported = program.exported_program
    if exported is None:
        return
    for node in exported.graph.nodes:
        name = getattr(node.target, "_schema", None) and node.target._schema.name.partition("::")[2]
        if node.op != "call_function" or name not in _GUARDS or not node.users:
            continue
        for argument in (*node.args, *node.kwargs.values()):
            number = _scalar(argument)
            if number is not None and 0 < abs(_in_its_type(number, node)) < _NEAR:
                yield number, f"{node.name} ({name})"


def _in_its_type(number: float, node: Any) -> float:
    """The number as the node's own arithmetic has it: 1e-300 is 0 among float32."""
    made = node.meta.get("val")
    dtype = made.dtype if isinstance(made, torch.Tensor) else torch.float64
    return torch.tensor(number, dtype=dtype).item() if dtype.is_floating_point else 0.0


def _is_scalar(value: ir.Value | None) -> bool:
    if value is None or value.const_value is None or value.const_value.shape.rank() != 0:
        return False
    return value.const_value.dtype in (ir.DataType.FLOAT, ir.DataType.DOUBLE, ir.DataType.FLOAT16)


def _number(value: Any) -> float:
    return float(value.const_value.numpy().item())


def _nearly_whole(number: float) -> bool:
    return bool(np.isfinite(number)) and 0 < abs(number - round(number)) < _NEAR


def among(number: float, numbers: Iterable[float]) -> bool:
    """Tell whether a number is among others, but for the rounding of float32."""
    return any(abs(number - each) <= _ROUNDING * abs(number) for each in numbers)
