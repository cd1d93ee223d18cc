"""Group norms in fewer and longer rows.

torch's exporter writes a group norm as an instance norm with a row for each group, a reshape back to channels, and a
scale and a shift for each channel. Along short axes, and horizons are few, runtimes pay for each of the many short rows
of the last two. Here they come before the reshape, in the norm's own rows, each channel's number repeated along them;
and so does an activation after them.
"""

from __future__ import annotations

import math

import numpy as np
import onnx_ir as ir

from sssd_export.graph.inline import constant

_ACTIVATIONS = ("Gelu", "Relu", "Sigmoid", "Tanh", "Mish", "Elu", "LeakyRelu", "Softplus")


def widen_norms(graph: ir.Graph) -> None:
    """Rewrite, in place, every group norm whose channels and lengths are known."""
    for node in list(graph):
        if node.op_type == "InstanceNormalization":
            _widen(graph, node)


def _widen(graph: ir.Graph, norm: ir.Node) -> None:
    """The chain norm, reshape, scale, shift as norm, scale, shift, reshape; any other chain is left as it is."""
    back = _reader(norm, "Reshape")
    scale = _reader(back, "Mul")
    shift = _reader(scale, "Add")
    if back is None or scale is None or shift is None:
        return
    rows, channels = _sizes(norm.outputs[0]), _sizes(shift.outputs[0])
    if rows is None or channels is None or math.prod(rows) != math.prod(channels):
        return
    numbers = [_constant_of(node, channels) for node in (scale, shift)]
    if None in numbers:
        return
    last = _reader(shift, *_ACTIVATIONS) or shift
    _reshape_after(graph, last, back)
    source = norm.outputs[0]
    for node, number in zip((scale, shift), numbers, strict=True):
        assert number is not None
        for at, value in enumerate(node.inputs):
            node.replace_input_with(at, _repeated(graph, number, channels, rows) if value is number else source)
        if not number.uses():
            graph.initializers.pop(str(number.name))
        source = node.outputs[0]
    for value in (scale.outputs[0], shift.outputs[0], last.outputs[0]):
        value.shape = norm.outputs[0].shape
    graph.remove(back, safe=True)


def _reshape_after(graph: ir.Graph, last: ir.Node, back: ir.Node) -> None:
    """Reshape the last node's output as ``back`` reshapes, for all that read it."""
    (wide,) = last.outputs
    again = ir.Node("", "Reshape", [wide, back.inputs[1]], list(back.attributes.values()), name=f"{last.name}.back")
    (made,) = again.outputs
    made.shape, made.type = wide.shape, wide.type
    wide.replace_all_uses_with(made, replace_graph_outputs=True)
    again.replace_input_with(0, wide)
    graph.insert_after(last, again)


def _reader(node: ir.Node | None, *kinds: str) -> ir.Node | None:
    """The only node that reads what ``node`` makes, if it is one of those."""
    if node is None or node.outputs[0].is_graph_output():
        return None
    readers = list(node.outputs[0].consumers())
    return readers[0] if len(readers) == 1 and readers[0].op_type in kinds else None


def _sizes(value: ir.Value) -> tuple[int, ...] | None:
    """A value's sizes but for the first, which is of windows and samples, if they are known."""
    _, *sizes = (None,) if value.shape is None else value.shape
    known = tuple(size for size in sizes if isinstance(size, int))
    return known if known and len(known) == len(sizes) else None


def _constant_of(node: ir.Node, channels: tuple[int, ...]) -> ir.Value | None:
    """The constant that a node scales or shifts by, if it is the same for all windows and samples."""
    for value in node.inputs:
        if value is not None and value.const_value is not None and len(value.const_value.shape) <= len(channels):
            return value
    return None


def _repeated(graph: ir.Graph, value: ir.Value, channels: tuple[int, ...], rows: tuple[int, ...]) -> ir.Value:
    """A number for each channel as one for each element of the rows; made once."""
    assert value.const_value is not None
    name = f"{value.name}.{'x'.join(map(str, (*channels, *rows)))}"
    if name in graph.initializers:
        return graph.initializers[name]
    array = np.ascontiguousarray(np.broadcast_to(value.const_value.numpy(), channels)).reshape(rows)
    return constant(graph, name, ir.tensor(array))
