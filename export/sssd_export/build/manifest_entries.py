"""Manifest entries of an engine: its graphs, its solver, and the arrays that it takes and gives."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import onnx_ir as ir

from sssd_engine.noise import NOISE, NoiseShape
from sssd_export.graph.compose import OUTPUTS
from sssd_export.graph.trace import TracedHead
from sssd_registry.data.spec import DataSpec
from sssd_registry.data.windows import KNOWN
from sssd_registry.plugin_api.hookspecs import ExportRequest
from sssd_registry.sampling.tableau import SolverTableau

# In the place of a scheduler's name.
CLOSED_FORM = "closed form"
QUANTILE_LEVELS = (0.05, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 0.95)
_PLAIN = {ir.AttributeType.INT, ir.AttributeType.INTS, ir.AttributeType.FLOAT, ir.AttributeType.STRING}


def structure(model: ir.Model) -> str:
    """A hash of a graph without its constants: the same for another model of the same architecture.

    Constants count by type and shape where they are used: the exporter keeps equal ones once, equal as they may be in
    one model and not in another.
    """

    def name(value: ir.Value | None) -> str:
        if value is None:
            return ""
        return f"{value.dtype}{value.shape}" if value.const_value is not None else str(value.name)

    digest = hashlib.sha256()
    for node in (node for graph in model.graphs() for node in graph):
        plain = [(key, str(each.value)) for key, each in sorted(node.attributes.items()) if each.type in _PLAIN]
        names = [name(value) for value in (*node.inputs, *node.outputs)]
        digest.update(f"{node.op_type} {names} {plain}\n".encode())
    return digest.hexdigest()


def solver_entry(tableau: SolverTableau, head: TracedHead) -> dict[str, Any]:
    """Write what :class:`SolverLoop` needs to know of a tableau and a head, as JSON can hold it."""
    return {
        "one_time": head.broadcast_time,
        "leading": list(head.leading),
        "latent": list(head.latent),
        "memory": tableau.memory,
        "timesteps": tableau.timesteps.tolist(),
        "updates": [[[term.source, term.index, term.weight] for term in update] for update in tableau.updates],
    }


def description_of(request: ExportRequest, graphs: Sequence[ir.Model]) -> dict[str, Any]:
    """Describe an engine of these graphs, before it is compiled: what it takes, gives and does."""
    spec, tableau = request.network.spec, request.tableau
    unit = "log-return since the origin" if spec.target_kind == "log-return" else "as in the data"
    first, last = graphs[0].graph, graphs[-1].graph
    network = request.network
    return {
        "inputs": [
            *(_describe(value, _input_meaning(str(value.name), spec))
              for value in first.inputs if value.name not in NOISE),
            *noise_ports(network.noise_shape(tableau)),
        ],
        "outputs": [
            _describe(value, f"{value.name} of {', '.join(spec.targets)}; unit: {unit}")
            for value in last.outputs if value.name in OUTPUTS
        ],
        "horizons": list(request.horizons),
        "quantile_levels": list(QUANTILE_LEVELS),
        "num_samples": request.num_samples,
        "network_in_use": network.in_use,
        "latent_shape": list(network.latent_shape),
        "scheduler": request.scheduler if network.in_use else CLOSED_FORM,
        "num_inference_steps": tableau.num_inference_steps if network.in_use else 0,
        "num_calls": tableau.num_calls if network.in_use else 0,
        "tableau": tableau.digest if network.in_use else "",
        "precision": request.precision,
        "loop": request.loop,
        "spec": spec.model_dump(mode="json"),
        "test_start": request.test_start,
        "random_walk_window": request.random_walk_window,
        "parity": None,
    }  # fmt: skip


def noise_ports(shape: NoiseShape) -> list[dict[str, Any]]:
    """The inputs of an engine that are noise."""
    ports = [_noise_port("noise", ["samples", *shape.paths], "what paths begin with")]
    if shape.draws[0]:
        count, *latent = shape.draws
        ports.append(_noise_port("draws", [count, "samples", *latent], "what the solver draws on its way"))
    return ports


def _noise_port(name: str, shape: Sequence[Any], what: str) -> dict[str, Any]:
    return {"name": name, "dtype": "float32", "shape": ["windows", *shape], "meaning": f"standard normal: {what}"}


def _describe(value: ir.Value, meaning: str) -> dict[str, Any]:
    return {**port(value), "meaning": meaning}


def port(value: ir.Value) -> dict[str, Any]:
    """Name, type and shape of what a graph takes or gives, for a manifest."""
    shape = [size if isinstance(size, int) else str(size.value) for size in value.shape or ()]
    dtype = value.dtype or ir.DataType.FLOAT
    return {"name": value.name, "dtype": str(dtype.numpy()), "shape": shape}


def _input_meaning(name: str, spec: DataSpec) -> str:
    kind, _, timeframe = name.partition("_")
    known = [one.name for one in spec.known]
    if name == f"values_{KNOWN}":
        return f"what is known of the bars to come, the next first: {', '.join(known)}"
    if kind == "values":
        missing = "; NaN where one is missing" if spec.holes else ""
        return (
            f"the last complete bars of {timeframe}, oldest first; columns {', '.join((*spec.columns, *known))}, in"
            f" data units{missing}"
        )
    return f"start of each {timeframe} bar, seconds since 1970-01-01 UTC"
