"""Networks with their traced pieces, so that a test composes an engine in a moment: tracing is what takes seconds."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir
import onnxruntime
import torch
from torch import nn
from trace_cache import kept

from sssd_engine.engine import Engine
from sssd_engine.noise import NOISE, draw_noise
from sssd_engine.part import DISABLED_OPTIMISERS, OnnxPart, Part
from sssd_engine.solver_loop import SolverLoop
from sssd_export.build.manifest_entries import QUANTILE_LEVELS, noise_ports, solver_entry
from sssd_export.build.parity import largest_error, live_samples
from sssd_export.build.part_plan import HOST, layout
from sssd_export.forecaster import engine_inputs
from sssd_export.graph.compose import build_graph
from sssd_export.graph.trace import TracedHead, TracedParts, trace, trace_head
from sssd_registry.data.windows import Windows
from sssd_registry.model.batches import to_tensors
from sssd_registry.model.colouring import JointColouring, separable_matrix
from sssd_registry.model.network import SSSDNetwork
from sssd_registry.plugin_api.make_scheduler import make_scheduler
from sssd_registry.sampling.read_tableau import read_tableau
from sssd_registry.sampling.tableau import SolverTableau


@dataclass(frozen=True)
class Compiled:
    """A network, its pieces, and windows that it was not traced with."""

    network: SSSDNetwork = field(repr=False)  # pages long, and hypothesis shows what a test was given
    pieces: TracedParts = field(repr=False)
    windows: Windows = field(repr=False)

    @property
    def horizons(self) -> tuple[int, ...]:
        return self.network.spec.horizons

    @property
    def head(self) -> TracedHead:
        assert self.pieces.head is not None
        return self.pieces.head

    def tableau(self, scheduler: str, steps: int) -> SolverTableau:
        return read_tableau(make_scheduler(scheduler, self.network.schedule), steps)

    def model(self, scheduler: str, steps: int) -> ir.Model:
        return build_graph(self.pieces, self.tableau(scheduler, steps))

    def engine(self, scheduler: str, steps: int, loop: str = "unrolled", split: bool = False) -> Engine:
        """As ``load_engine`` would give it, without a folder."""
        tableau = self.tableau(scheduler, steps)
        plans = layout(HOST, True, loop, split, self.network.in_use)
        graphs = [build_graph(self.pieces, tableau, plan.stages, loop) for plan in plans]
        parts: list[Part] = [OnnxPart(session_of(graph)) for graph in graphs]
        if loop == "step":
            parts[1] = SolverLoop(parts[1], solver_entry(tableau, self.head))
        raw = [value for value in graphs[0].graph.inputs if value.name not in NOISE]
        manifest = {
            "inputs": [*map(_entry, raw), *noise_ports(self.network.noise_shape(tableau))],
            "outputs": [_entry(value) for value in graphs[-1].graph.outputs],
            "horizons": list(self.horizons),
            "quantile_levels": list(QUANTILE_LEVELS),
            "num_samples": 16,
            "latent_shape": list(self.network.latent_shape),
        }
        return Engine(manifest, parts)

    def error(self, engine: Engine, scheduler: str, steps: int, windows: int, samples: int, seed: int = 5) -> float:
        """Largest difference between the engine and the live scheduler's loop, in standard deviations."""
        part = self.windows.part(0, windows)
        measure = max(samples, 32)  # fewer can lie together by chance, and would be no measure of an error
        noise, draws = draw_noise(seed, 0, windows, measure, engine.noise_shape)
        asked = noise[:, :samples], draws[:, :, :samples]  # a sample's stratum depends on all of them
        measure, expected = (
            live_samples(
                self.network, make_scheduler(scheduler, self.network.schedule), steps, part, self.horizons, drawn
            )
            for drawn in ((noise, draws), asked)
        )
        seen = engine(engine_inputs(part), noise=asked[0], draws=asked[1]).samples
        assert seen.shape == (windows, samples, len(self.horizons), len(self.network.spec.targets))
        assert (measure.std(axis=1) > 0).all()
        return largest_error(seen, expected, measure)

    def with_head(self, head: nn.Module) -> Compiled:
        """The same with another head, the only piece that is traced again."""
        network = copy.deepcopy(self.network)
        network.head = head.eval().requires_grad_(False)
        values, times = to_tensors(self.windows.part(0, 2), self.network.spec)
        with torch.no_grad():
            condition = network.condition(network.encode(values, times))
        traced, single = trace_head(network.head, torch.randn(2, 3, *network.latent_shape), condition)
        placed = replace(self.head, model=traced, broadcast_time=single)
        return replace(self, network=network, pieces=replace(self.pieces, head=placed))


def compile_network(network: SSSDNetwork, examples: Windows, windows: Windows) -> Compiled:
    """Trace ``network``, on ``examples``, for its own horizons."""
    return Compiled(network, kept(trace)(network, network.spec.horizons, QUANTILE_LEVELS, examples), windows)


def liven(network: SSSDNetwork) -> SSSDNetwork:
    """Give parameters that start at zero a value: a network without an opinion hides what is wrong with it."""
    torch.manual_seed(1)
    for parameter in network.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.3)
    if isinstance(network, SSSDNetwork) and network.normalizer.linear is not None:
        network.normalizer.linear.location.normal_(std=0.03)
        network.normalizer.linear.weights.normal_(std=0.03)
    if isinstance(network, SSSDNetwork) and (direct := network.normalizer.direct) is not None:
        for name in direct.weight_names():
            direct.get_buffer(name).normal_(std=0.05)
        direct.use(0.6, torch.linspace(0.9, 1.1, len(network.spec.targets)))
    if isinstance(network, SSSDNetwork):
        points = len(network.correlation.points)
        apart = (torch.arange(points).unsqueeze(1) - torch.arange(points)).abs()
        alike = torch.full_like(network.correlation.over_targets, 0.4).fill_diagonal_(1.0)
        matrices = (0.8**apart).expand(len(alike), -1, -1).double()
        network.correlation.set_matrices(matrices, alike)
        if isinstance(network.correlation.colouring, JointColouring):
            network.correlation.colouring.set_matrix(separable_matrix(matrices, alike))
        network.correlation.volatility.set_spread(torch.full((len(alike),), 0.2))
    return network.eval().requires_grad_(False)


def normal(seed: int, *shape: int) -> npt.NDArray[np.float32]:
    """Standard normal noise of a solver, for a loop that is tried by itself."""
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def condition_size(network: SSSDNetwork) -> int:
    """Size of what the head sees of a window."""
    return network.config.context_size + (network.config.token_size if network.tokens else 0)


def session_of(model: ir.Model) -> onnxruntime.InferenceSession:
    """A session on a model that has no file."""
    proto, providers = ir.to_proto(model).SerializeToString(), ["CPUExecutionProvider"]
    return onnxruntime.InferenceSession(proto, providers=providers, disabled_optimizers=DISABLED_OPTIMISERS)


def counts(model: ir.Model) -> dict[str, int]:
    """Count the nodes of each kind."""
    kinds = [node.op_type for node in model.graph]
    return {kind: kinds.count(kind) for kind in kinds}


def arrays(model: ir.Model) -> dict[str, npt.NDArray[Any]]:
    """The initializers."""
    return {name: np.asarray(value.const_value.numpy()) for name, value in model.graph.initializers.items()}


def _entry(value: ir.Value) -> dict[str, Any]:
    shape = [size if isinstance(size, int) else str(size) for size in value.shape]
    return {"name": value.name, "dtype": str(np.dtype(value.dtype.numpy())), "shape": shape}
