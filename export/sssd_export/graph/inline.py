"""Copying one ONNX graph into another, whole or in part."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import onnx_ir as ir

from sssd_registry.errors import SSSDError

_SUBGRAPHS = (ir.AttributeType.GRAPH, ir.AttributeType.GRAPHS)


class Inliner:
    """Copies nodes of one source graph into a target graph, and the initializers they use, each once.

    Args:
        source: graph to copy from; without functions and subgraphs.
        target: graph to copy into.
        prefix: put before every name, to keep names apart.

    Raises:
        SSSDError: a node of ``source`` has a subgraph, or is of an operator set that is not ONNX's own.
    """

    def __init__(self, source: ir.Graph, target: ir.Graph, prefix: str) -> None:
        for node in source:
            if any(attribute.type in _SUBGRAPHS for attribute in node.attributes.values()):
                raise SSSDError(
                    f"the {prefix} cannot be unrolled: node {node.name} ({node.op_type}) has a subgraph; write it"
                    " without conditions and loops that depend on tensors"
                )
            if node.domain not in ("", "ai.onnx"):
                raise SSSDError(
                    f"the {prefix} cannot be exported: node {node.name} is {node.domain}::{node.op_type}, and only"
                    " ONNX's own operators are carried over"
                )
        self.target, self.prefix = target, prefix
        self.constants: dict[ir.Value, ir.Value] = {}

    def copy(
        self,
        nodes: Iterable[ir.Node],
        values: Mapping[ir.Value, ir.Value],
        suffix: str = "",
        into: ir.Graph | None = None,
    ) -> dict[ir.Value, ir.Value]:
        """Copy ``nodes``, in order; ``values`` says what their outside inputs are in the target graph.

        With ``into``, a subgraph of the target graph, nodes go there, and initializers still into the target graph.

        Returns:
            source value -> target value, for ``values`` and everything the nodes compute.
        """
        known = dict(values)
        for node in nodes:
            outputs = [
                ir.Value(name=f"{self.prefix}.{value.name}{suffix}", type=value.type, shape=value.shape)
                for value in node.outputs
            ]
            copied = ir.Node(
                node.domain,
                node.op_type,
                [None if value is None else known.get(value) or self._initializer(value) for value in node.inputs],
                node.attributes,
                outputs=outputs,
                name=f"{self.prefix}.{node.name or node.op_type}{suffix}",
            )
            (self.target if into is None else into).append(copied)
            known.update(zip(node.outputs, outputs, strict=True))
        return known

    def _initializer(self, value: ir.Value) -> ir.Value:
        if value not in self.constants:
            self.constants[value] = constant(self.target, f"{self.prefix}.{value.name}", value.const_value)
        return self.constants[value]


def constant(graph: ir.Graph, name: str, tensor: ir.TensorProtocol | None) -> ir.Value:
    """Register a constant under ``name``."""
    if tensor is None:
        raise ValueError(f"initializer {name} has no data")
    shape = ir.Shape(tensor.shape.numpy())
    value = ir.Value(name=name, type=ir.TensorType(tensor.dtype), shape=shape, const_value=tensor)
    graph.register_initializer(value)
    return value
