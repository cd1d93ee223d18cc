"""Products with weights in 8-bit integers, by ONNX Runtime's quantiser; everything else stays float32.

Weights are quantised by output channel. Inputs of a product are quantised at run time, by the range they then have, or
statically, by their range on examples. ONNX Runtime is fastest with the first; compilers need the second.
At run time the head's and the encoder's products are quantised, statically the head's alone: what the encoder is fed
tomorrow may lie outside of the range of any examples.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy.typing as npt
import onnx_ir as ir

from sssd_export.graph.s4_forms import is_transform
from sssd_registry.errors import SSSDError

Feed = Mapping[str, npt.NDArray[Any]]


def quantise(model: ir.Model, example: Callable[[], Feed] | None = None) -> ir.Model:
    """A copy of ``model`` with its products with weights in int8.

    Args:
        model: float32, with the loop unrolled.
        example: gives what the model may be fed; with it inputs are quantised statically, and of the head alone.

    Raises:
        SSSDError: the loop is in a subgraph, which the quantiser does not look into.
    """
    if any(node.op_type == "Loop" for node in model.graph):
        raise SSSDError("int8 needs --loop unrolled or step: the quantiser does not look into an ONNX Loop")
    chosen = _of_the_head if example is not None else _with_weights
    names = [node.name for node in model.graph if node.op_type in ("MatMul", "Gemm") and chosen(node)]
    if not names:
        return model  # a part without any
    with tempfile.TemporaryDirectory() as folder, _quiet():
        before, after = Path(folder, "float.onnx"), Path(folder, "int8.onnx")
        ir.save(model, before)
        _quantise(before, after, names, example)
        made = ir.load(after)
        for value in made.graph.initializers.values():  # into memory, before the folder goes
            if value.const_value is not None:
                value.const_value = ir.tensor(value.const_value.numpy(), name=value.name)
    return made


def _quantise(before: Path, after: Path, names: list[Any], example: Callable[[], Feed] | None) -> None:
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_dynamic, quantize_static

    if example is None:
        quantize_dynamic(before, after, weight_type=QuantType.QInt8, nodes_to_quantize=names, per_channel=True)
        return

    class Examples(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self, feed: Feed) -> None:
            self.feeds = iter([dict(feed)])

        def get_next(self) -> Any:
            return next(self.feeds, None)

    quantize_static(
        before, after, Examples(example()), nodes_to_quantize=names, op_types_to_quantize=["MatMul", "Gemm"],
        activation_type=QuantType.QInt8, weight_type=QuantType.QInt8, per_channel=True,
        extra_options={"ActivationSymmetric": True},
    )  # fmt: skip


def _of_the_head(node: ir.Node) -> bool:
    return (node.name or "").startswith("head.") and _has_constant(node)


def _has_constant(node: ir.Node) -> bool:
    return any(value is not None and value.const_value is not None for value in node.inputs)


def _with_weights(node: ir.Node) -> bool:
    """Tell whether a node has weights to quantise: of the head, or of the encoder's layers.

    Not of its Fourier transforms, whose spectra span orders of magnitude.
    """
    return _of_the_head(node) or (
        (node.name or "").startswith("encode.")
        and _has_constant(node)
        and not any(value is not None and is_transform(str(value.name)) for value in node.inputs)
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """The quantiser advises, on the root logger, a preparation that graphs composed here do not need."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(level)
