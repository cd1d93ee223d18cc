"""Parts of an engine that take one new bar and what the encoder remembers, in place of a window."""

from __future__ import annotations

import copy

import onnx_ir as ir

from sssd_engine.bar_stream import open_stream
from sssd_engine.engine import Engine
from sssd_export.build.parity import TOLERANCES, largest_error
from sssd_export.forecaster import engine_inputs
from sssd_export.graph.stream_stages import trace_stream
from sssd_export.graph.trace import TracedParts
from sssd_registry.errors import SSSDError
from sssd_registry.plugin_api.hookspecs import ExportRequest

# Of samples' standard deviation, in fp32: the encoder adds the same numbers in another order.
TOLERANCE = 1e-5
_SAMPLES, _SEED = 16, 3


def check_streamable(request: ExportRequest) -> None:
    """Check that the encoder can be fed bar by bar, if that is asked for.

    Raises:
        SSSDError: it reads whole windows, or the loop is outside of the graphs.
    """
    if not request.stream or not request.network.in_use:
        return  # without a network there is no encoder, and every engine's windows can be streamed
    if not request.network.config.streamable:
        raise SSSDError(
            "--stream: this model's encoder reads whole windows, each in units of its own; train one with --set"
            " model.streamable=true, or leave --stream out: open_stream feeds any engine bar by bar, at a window's cost"
        )
    if request.loop == "step":
        raise SSSDError("--stream goes with --loop unrolled or loop, not with step")


def stream_graphs(request: ExportRequest, pieces: TracedParts) -> dict[str, ir.Model]:
    """Graphs of the parts by name; none where no stream is asked for, or no network is in use."""
    if not request.stream or not request.network.in_use:
        return {}
    network = copy.deepcopy(request.network).eval().requires_grad_(False)
    return trace_stream(network, pieces.normalise)


def check_stream(engine: Engine, request: ExportRequest) -> float:
    """Compare a stream with the engine's own windows, on the model's examples; returns the largest error.

    Opening a stream goes through the windows' bars one by one.

    Raises:
        SSSDError: it is above what is allowed.
    """
    tolerance = TOLERANCE if request.precision == "fp32" else TOLERANCES[request.precision]
    windows = engine_inputs(request.examples, request.horizons)
    stream = open_stream(engine, windows)
    seen, expected = stream.forecast(_SAMPLES, _SEED).samples, engine(windows, _SAMPLES, _SEED).samples
    error = largest_error(seen, expected)
    if not error <= tolerance:
        raise SSSDError(
            f"the stream is off the engine's windows by {error:.2e} of the samples' standard deviation; {tolerance:.0e}"
            f" is allowed in {request.precision}: it was not written"
        )
    return error
