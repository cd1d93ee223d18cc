"""Size of a graph before it is written: a file of ONNX, a protocol buffer, holds 2 GB and no more."""

from __future__ import annotations

import onnx_ir as ir

from sssd_registry.errors import SSSDError

# What is not weights, nodes and names, is some megabytes.
LARGEST_WEIGHTS = (2 << 30) - (64 << 20)


def refuse_too_large(model: ir.Model, name: str) -> None:
    """Check that a graph fits into a file.

    Args:
        model: the graph of a part.
        name: of the part.

    Raises:
        SSSDError: it does not.
    """
    size = sum(value.const_value.nbytes for graph in model.graphs() for value in graph.initializers.values()
               if value.const_value is not None)  # fmt: skip
    if size > LARGEST_WEIGHTS:
        raise SSSDError(
            f"the weights of the {name} take {size / 1e9:.1f} GB, and a file of ONNX holds 2: build with --split or"
            " --loop step, which share them out, or train a smaller model"
        )
