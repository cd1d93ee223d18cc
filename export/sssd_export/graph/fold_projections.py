"""A head that begins and ends with a product: the loop in fewer dimensions than the latents'.

Where a head multiplies z by a matrix first, and makes its output by another from a hidden layer h,

    y = z W_in,  h = f(y + …),  output = h W_out + c,

what a solver makes, being linear, is z_i = a_i noise + H_i W_out + k_i c, where H_i follows the solver's own updates
with h for its outputs, from 0. The next call needs no z_i, only

    y_i = a_i (noise W_in) + H_i (W_out W_in) + k_i (c W_in):

one product from Q to P dimensions instead of one from Q to D and one from D to P, and the solver's arithmetic in Q
dimensions instead of D.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from sssd_registry.sampling.tableau import SolverTableau

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class FoldedHead:
    """A head without its first and last product.

    Attributes:
        model: inputs ``y (B, S, K, P), t, condition, shift (P,)``, which is added to y; output ``h (B, S, K, Q)``.
        enter: W_in, ``(D, P)``.
        leave: W_out, ``(Q, D)``.
        bias: c, ``(D,)``.
    """

    model: ir.Model
    enter: Array
    leave: Array
    bias: Array

    @property
    def turn(self) -> Array:
        """``W_out W_in (Q, P)``."""
        return _product(self.leave, self.enter)

    @property
    def shift(self) -> Array:
        """``c W_in (P,)``."""
        return _product(self.bias, self.enter)


def fold_projections(head: ir.Model, tableau: SolverTableau) -> FoldedHead | None:
    """``head`` without its outer products; nothing where it has none such, or where it would not save multiplications.

    Solvers that draw noise on their way are left as they are: each draw would have to pass the first product.
    """
    if tableau.num_noises != 1:
        return None
    model = head.clone()
    graph = model.graph
    first, last = _first_product(graph), _last_product(graph)
    entered = _sum_after(first)
    if first is None or entered is None or last is None:
        return None
    enter, leave = _weight(first), _weight(last)
    if enter is None or leave is None:
        return None
    bias = _bias_after(last, leave.shape[1])
    if bias is None:
        return None
    (latent, wide), narrow = enter.shape, leave.shape[0]
    if narrow * wide >= latent * (narrow + wide):
        return None
    _cut(graph, first, entered, last)
    return FoldedHead(model, enter, leave, bias)


def _only_use(value: ir.Value) -> ir.Node | None:
    uses = list(value.uses())
    return uses[0].node if len(uses) == 1 else None


def _first_product(graph: ir.Graph) -> ir.Node | None:
    """The product that alone reads z, from the left."""
    z = graph.inputs[0]
    node = _only_use(z)
    return node if node is not None and node.op_type == "MatMul" and node.inputs[0] is z else None


def _sum_after(product: ir.Node | None) -> ir.Node | None:
    node = None if product is None else _only_use(product.outputs[0])
    return node if node is not None and node.op_type == "Add" else None


def _last_product(graph: ir.Graph) -> ir.Node | None:
    """The product that, with a constant added or not, is the output."""
    node = graph.outputs[0].producer()
    if node is not None and node.op_type == "Add":
        made = [value.producer() for value in node.inputs if value is not None and value.const_value is None]
        node = made[0] if len(made) == 1 else None
    if node is None or node.op_type != "MatMul" or len(node.outputs[0].uses()) > 1:
        return None
    return node


def _weight(product: ir.Node) -> Array | None:
    weight = product.inputs[1]
    if weight is None or weight.const_value is None or len(weight.const_value.shape) != 2:
        return None
    return weight.const_value.numpy()


def _bias_after(last: ir.Node, size: int) -> Array | None:
    """Return the bias that is added to the last product, ``(D,)``, or zeros."""
    added = _only_use(last.outputs[0])
    if added is None:
        return np.zeros(size, np.float32)
    constants = [value.const_value for value in added.inputs if value is not None and value.const_value is not None]
    if len(constants) != 1 or tuple(constants[0].shape) != (size,):
        return None
    return np.asarray(constants[0].numpy())


def _cut(graph: ir.Graph, first: ir.Node, entered: ir.Node, last: ir.Node) -> None:
    """Take both products out of the graph, and let ``y`` and ``shift`` in."""
    product, hidden = first.outputs[0], last.inputs[0]
    y = ir.Value(name="y", type=product.type, shape=product.shape)
    shift = ir.Value(name="shift", type=product.type, shape=ir.Shape(list(product.shape or ())[-1:]))
    other = next(index for index, value in enumerate(entered.inputs) if value is not product)
    shifted = ir.node("Add", [entered.inputs[other], shift], name="shifted")
    shifted.outputs[0].name = "shifted"
    graph.insert_before(entered, shifted)
    entered.replace_input_with(1 - other, y)
    entered.replace_input_with(other, shifted.outputs[0])
    outer = [graph.outputs[0].producer(), last] if graph.outputs[0] is not last.outputs[0] else [last]
    assert hidden is not None
    graph.outputs[0] = hidden
    graph.remove([node for node in [*outer, first] if node is not None], safe=True)
    graph.inputs[0] = y
    graph.inputs.append(shift)


def _product(left: Array, right: Array) -> Array:
    return np.asarray((left.astype(np.float64) @ right.astype(np.float64)).astype(np.float32))
