"""Copying graphs into graphs."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest

from sssd_export.graph.inline import Inliner, constant
from sssd_registry.errors import SSSDError

FLOAT = ir.TensorType(ir.DataType.FLOAT)


def graph(name: str = "source") -> ir.Graph:
    """``out = (x + weight)``, unnamed node."""
    x = ir.Value(name="x", type=FLOAT, shape=ir.Shape([2]))
    made = ir.Graph([x], [], nodes=[], opset_imports={"": 20}, name=name)
    weight = constant(made, "weight", ir.tensor(np.array([1.0, 2.0], dtype=np.float32)))
    node = ir.node("Add", [x, weight])
    node.outputs[0].name = "out"
    made.append(node)
    made.outputs.append(node.outputs[0])
    return made


def empty() -> ir.Graph:
    return ir.Graph([], [], nodes=[], opset_imports={"": 20}, name="target")


def test_copies_share_their_constants_and_nothing_else() -> None:
    source, target = graph(), empty()
    inliner = Inliner(source, target, "piece")
    first = ir.Value(name="start", type=FLOAT, shape=ir.Shape([2]))
    target.inputs.append(first)
    value = first
    for step in range(3):
        value = inliner.copy(source, {source.inputs[0]: value}, suffix=f".{step}")[source.outputs[0]]
    assert list(target.initializers) == ["piece.weight"]
    assert [node.outputs[0].name for node in target] == [f"piece.out.{step}" for step in range(3)]
    assert [node.inputs[0].name for node in target if node.inputs[0]] == ["start", "piece.out.0", "piece.out.1"]
    assert len(list(source)) == 1
    assert source.outputs[0].consumers() == ()


def test_known_values_take_the_place_of_constants() -> None:
    source, target = graph(), empty()
    other = ir.Value(name="other", type=FLOAT, shape=ir.Shape([2]))
    weight = source.initializers["weight"]
    known = Inliner(source, target, "p").copy(source, {source.inputs[0]: other, weight: other})
    assert known[source.outputs[0]].producer().inputs == (other, other)
    assert not target.initializers


def test_absent_optional_inputs_stay_absent() -> None:
    source, target = graph(), empty()
    x = source.inputs[0]
    source.append(ir.node("Clip", [x, None, source.initializers["weight"]]))
    Inliner(source, target, "p").copy(source, {x: x})
    assert list(target)[-1].inputs[1] is None


def test_subgraphs_are_refused() -> None:
    source = graph()
    source.append(ir.node("If", [source.inputs[0]], {"then_branch": graph("yes"), "else_branch": graph("no")}))
    with pytest.raises(SSSDError, match=r"the noise head cannot be unrolled: node .* \(If\) has a subgraph"):
        Inliner(source, empty(), "noise head")


def test_operators_of_others_are_refused() -> None:
    source = graph()
    source.append(ir.node("FusedGelu", [source.inputs[0]], domain="com.example"))
    with pytest.raises(SSSDError, match=r"com\.example::FusedGelu"):
        Inliner(source, empty(), "head")


def test_an_input_that_nobody_knows_is_an_error() -> None:
    source = graph()
    with pytest.raises(ValueError, match=r"p\.x has no data"):
        Inliner(source, empty(), "p").copy(source, {})
