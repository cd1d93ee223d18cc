"""Cutting a head's graph by what each node depends on, on graphs small enough to check by eye."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest

from sssd_export.graph.head_partition import HeadParts, split_head, time_constants

FLOAT = ir.TensorType(ir.DataType.FLOAT)


class Head:
    """A head's graph, written down: ``Head().node("Add", "z", "t", to="sum").output("sum")``."""

    def __init__(self) -> None:
        shapes = {"z": ["windows", "samples", 2, 1], "t": [1, 1], "condition": ["windows", 2, 3]}
        self.values = {name: ir.Value(name=name, type=FLOAT, shape=ir.Shape(shapes[name])) for name in shapes}
        self.graph = ir.Graph(list(self.values.values()), [], nodes=[], opset_imports={"": 20}, name="head")

    def number(self, name: str, number: float) -> Head:
        tensor = ir.tensor(np.array(number, dtype=np.float32))
        self.values[name] = ir.Value(name=name, type=FLOAT, shape=ir.Shape([]), const_value=tensor)
        self.graph.register_initializer(self.values[name])
        return self

    def node(self, op: str, *inputs: str, to: str) -> Head:
        node = ir.node(op, [self.values[name] for name in inputs], name=to)
        node.outputs[0].name = to
        self.graph.append(node)
        self.values[to] = node.outputs[0]
        return self

    def output(self, name: str) -> Head:
        self.graph.outputs.append(self.values[name])
        return self

    def parts(self) -> dict[str, list[str]]:
        parts: HeadParts = split_head(self.graph)
        groups = {
            name: [str(node.name) for node in getattr(parts, name)] for name in ("free", "hoisted", "timed", "step")
        }
        return groups | {"constants": [str(value.name) for value in parts.constants]}

    def times(self, *timesteps: float) -> list[dict[str, float]]:
        model = ir.Model(self.graph, ir_version=10)
        runs = time_constants(model, split_head(self.graph), timesteps)
        return [{str(value.name): float(np.squeeze(array)) for value, array in run.items()} for run in runs]


def head() -> Head:
    made = Head().number("two", 2.0)
    made.node("Sqrt", "two", to="root")
    made.node("Tanh", "condition", to="gate").node("Mul", "gate", "root", to="scaled")
    made.node("Mul", "t", "root", to="angle").node("Sin", "angle", to="wave")
    made.node("Add", "z", "wave", to="moved")
    made.node("Mul", "moved", "two", to="out")
    return made.output("out")


def test_each_node_goes_where_its_inputs_send_it() -> None:
    assert head().parts() == {
        "free": ["root"],
        "hoisted": ["gate", "scaled"],
        "timed": ["angle", "wave"],
        "step": ["moved", "out"],
        "constants": ["wave"],
    }


def test_time_and_condition_together_are_in_the_step() -> None:
    made = Head().node("Mul", "t", "condition", to="film").node("ReduceSum", "film", to="sum")
    made.node("Exp", "t", to="rate").node("Mul", "sum", "rate", to="both").node("Add", "z", "both", to="out")
    parts = made.output("out").parts()
    assert parts["hoisted"] == []
    assert parts["timed"] == ["rate"]
    assert parts["step"] == ["film", "sum", "both", "out"]
    assert parts["constants"] == ["t", "rate"]


def test_constants_are_the_values_at_each_time_step() -> None:
    runs = head().times(0.0, 1.0, 999.5)
    expected = [np.sin(np.float32(t) * np.sqrt(np.float32(2))) for t in (0.0, 1.0, 999.5)]
    assert [list(run) for run in runs] == [["wave"]] * 3
    np.testing.assert_allclose([run["wave"] for run in runs], expected, atol=1e-4)


def test_the_time_step_itself_may_be_a_constant() -> None:
    made = Head().node("Add", "z", "t", to="moved").node("Sin", "t", to="wave").node("Mul", "moved", "wave", to="out")
    assert made.output("out").parts()["constants"] == ["t", "wave"]
    assert made.times(2.0) == [{"t": 2.0, "wave": pytest.approx(np.sin(2.0), abs=1e-6)}]


def test_a_constant_read_twice_is_one() -> None:
    made = Head().node("Cos", "t", to="wave").node("Add", "z", "wave", to="a").node("Mul", "a", "wave", to="out")
    assert made.output("out").parts()["constants"] == ["wave"]


def test_an_output_of_time_alone_is_a_constant() -> None:
    made = Head().node("Cos", "t", to="wave").output("wave")
    assert made.parts()["constants"] == ["wave"]
    assert made.times(0.0) == [{"wave": pytest.approx(1.0)}]


def test_a_head_without_time_needs_none() -> None:
    made = Head().node("Neg", "z", to="out").output("out")
    assert made.parts() == {"free": [], "hoisted": [], "timed": [], "step": ["out"], "constants": []}
    assert made.times(3.0, 4.0) == [{}, {}]


def test_a_long_chain_of_residuals_is_no_trouble() -> None:
    """Two paths at each of 3000 nodes: neither recursion nor a walk along every path would end."""
    made = Head().number("one", 1.0)
    last = "one"
    for index in range(3000):
        made.node("Add", last, last, to=f"sum{index}")
        last = f"sum{index}"
    made.node("Add", "z", last, to="out").output("out")
    parts = made.parts()
    assert len(parts["free"]) == 3000
    assert parts["step"] == ["out"]
