"""Where OpenVINO, reading an ONNX engine by itself, first departs from ONNX Runtime: operator, type and size.

    python benchmarks/first_difference.py ENGINE

Every value of the graph is made an output and compared. What is found: OpenVINO's CPU plugin computes int64 and float64
in 32 bits, so that the remainder that gives the time of day is off, and differences of prices lose digits.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import openvino

from sssd_engine import load_engine
from sssd_engine.noise import draw_noise
from sssd_export.inspection import plain_windows

SAMPLES = 64
LEAST = 1e-6
MOST = 12
# From 1970 to now or so: times that float32 does not hold to the second.
_DAYS = 7 * 2_820


def differences(folder: Path) -> tuple[float, list[tuple[str, str, str, float]]]:
    """The samples' error in standard deviations, and each value that differs: operator, name, type, relative error."""
    with load_engine(folder, threads=1) as engine:
        feed: dict[str, Any] = plain_windows(engine, 1)
        noise, draws = draw_noise(0, 0, 1, SAMPLES, engine.noise_shape)
        (part,) = engine.manifest["parts"]
    feed |= {name: times + _DAYS * 86_400 for name, times in feed.items() if name.startswith("times_")}
    feed |= {"noise": noise} | ({"draws": draws} if draws.size else {})
    model = onnx.shape_inference.infer_shapes(onnx.load(folder / part["graph"]))
    known = {value.name: value for value in model.graph.value_info}
    given = {value.name for value in model.graph.output}
    model.graph.output.extend(
        known[name] for node in model.graph.node for name in node.output if name in known and name not in given
    )
    graph = model.SerializeToString()
    expected, seen = by_onnxruntime(graph, feed), by_openvino(graph, feed)
    found = []
    for node in model.graph.node:
        for name in node.output:
            one, other = expected.get(name), seen.get(name)
            if one is None or other is None or one.shape != other.shape or not one.size or one.dtype.kind not in "fi":
                continue
            error = np.abs(one.astype(float) - other.astype(float)).max() / (np.abs(one.astype(float)).max() or 1.0)
            if error > LEAST:
                found.append((node.op_type, name, str(one.dtype), float(error)))
    samples = expected["samples"], seen["samples"]
    return float((np.abs(samples[0] - samples[1]) / samples[0].std(axis=1, keepdims=True)).max()), found


def by_onnxruntime(graph: bytes, feed: dict[str, Any]) -> dict[str, np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(graph, sess_options=options, providers=["CPUExecutionProvider"])
    return dict(zip([value.name for value in session.get_outputs()], session.run(None, feed), strict=True))


def by_openvino(graph: bytes, feed: dict[str, Any]) -> dict[str, np.ndarray]:
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(io.BytesIO(graph)), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    request = compiled.create_infer_request()
    request.infer(feed)
    ports = enumerate(compiled.outputs)
    return {name: request.get_output_tensor(at).data.copy() for at, port in ports for name in port.get_names()}


if __name__ == "__main__":
    off, values = differences(Path(sys.argv[1]))
    print(f"samples are off by {off:.1e} of their standard deviation; the first values that differ:")
    for operator, name, dtype, error in values[:MOST]:
        print(f"{operator:<12} {dtype:<8} {error:.1e} of its largest value  {name}")
