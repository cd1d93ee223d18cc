"""Less work for torch's exporter: what it does for each module anew, or for nothing, takes half of a build.

It traces every program a second time, to decompose operators that ONNX has no translation of; mostly there are none.
And it reads the sources of a thousand translations for each export, to look at their signatures.
"""

from __future__ import annotations

import contextlib
import functools
import operator
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any
from unittest import mock

import torch
from onnxscript import TracedOnnxFunction
from torch.export import ExportedProgram
from torch.fx import Node

_decompose: Callable[..., ExportedProgram] = ExportedProgram.run_decompositions
# Marks on values that were made a moment ago; no storage is written.
_NO_WRITES = (torch.ops.aten.detach_.default,)


@contextlib.contextmanager
def lean_export() -> Iterator[None]:
    """Within it, ``torch.onnx.export`` decomposes a program only where that changes something."""
    with mock.patch.object(ExportedProgram, "run_decompositions", _where_needed), _signatures_read_once():
        yield


def _where_needed(program: ExportedProgram, table: Mapping[Any, Callable[..., Any]] | None = None) -> ExportedProgram:
    """The program as it is, if each of its operators has a translation and writes into nothing."""
    graphs = [module.graph for module in program.graph_module.modules() if isinstance(module, torch.fx.GraphModule)]
    if table is not None and len(graphs) == 1 and not any(_to_decompose(node, table) for node in graphs[0].nodes):
        return program
    return _decompose(program, None if table is None else dict(table))


def _to_decompose(node: Node, table: Collection[Any]) -> bool:
    if node.op != "call_function" or node.target is operator.getitem:
        return False
    if not isinstance(node.target, torch._ops.OpOverload):
        # Arithmetic of sizes; what is of another kind, such as a region without gradients, is taken apart.
        return getattr(node.target, "__module__", "") not in ("_operator", "math", "torch")
    writes = node.target._schema.is_mutable and node.target not in _NO_WRITES
    return node.target in table or writes


@contextlib.contextmanager
def _signatures_read_once() -> Iterator[None]:
    with mock.patch.object(TracedOnnxFunction, "function_ir", _signature):
        yield


# By function, for as long as the process lives: there are as many as there are operators.
_signature = property(functools.cache(vars(TracedOnnxFunction)["function_ir"].fget))
