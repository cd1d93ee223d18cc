"""Speed of the compiled loop. One window × 3 horizons × 100 samples, float32, alternating rounds in one run.

Everything here denoises the same noise under the same condition. Correctness is asserted beside the time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir
import torch
from alternate import one_round, ratio, spread
from conftest import SAMPLES, Workload, session, summary
from torch import Tensor

from sssd_export.graph.inline import constant
from sssd_registry.plugin_api.make_scheduler import make_scheduler
from sssd_registry.sampling.sampler import sample
from sssd_registry.sampling.tableau import SolverTableau

WARM_UP, ROUNDS = 1, 21
# Goal of the project: the compiled loop against the batched 100-step sampler it replaces, at the reference sizes.
GATE = 10.0

Contenders = dict[str, Callable[[], Any]]


def diffusers_loop(workload: Workload, scheduler: str, steps: int) -> Callable[[], Tensor]:
    """The batched eager sampler as anyone writes it with diffusers: ``step()`` after ``step()``."""
    made = make_scheduler(scheduler, workload.network.schedule)
    head, condition, noise = workload.network.head, workload.condition, workload.first[0]

    @torch.inference_mode()
    def run() -> Tensor:
        made.set_timesteps(steps)
        z = noise * made.init_noise_sigma
        for timestep in made.timesteps:
            t = torch.full(z.shape[:2], float(timestep))
            z = made.step(head(made.scale_model_input(z, timestep), t, condition), timestep, z).prev_sample
        return z

    return run


def our_loop(workload: Workload, tableau: SolverTableau, head: Callable[..., Tensor]) -> Callable[[], Tensor]:
    """Our eager sampler."""
    return lambda: sample(lambda z, t: head(z, t, workload.condition), tableau, workload.first)


def stepwise(workload: Workload, scheduler: str, steps: int) -> Callable[[], Tensor]:
    """ONNX Runtime for the head, the scheduler in Python between the calls: what optimum-onnx does."""
    made = make_scheduler(scheduler, workload.network.schedule)
    head, condition = session(workload.head.model), workload.condition.numpy()

    def run() -> Tensor:
        made.set_timesteps(steps)
        z = workload.first[0] * made.init_noise_sigma
        for timestep in made.timesteps:
            feed = {"z": z.numpy(), "t": np.full((1, 1), float(timestep), np.float32), "condition": condition}
            z = made.step(torch.from_numpy(head.run(None, feed)[0]), timestep, z).prev_sample
        return z

    return run


def products(workload: Workload, steps: int) -> Callable[[], Any]:
    """The bare matrix products of ``steps`` head calls, one after the other.

    No fp32 sampler that makes them all can beat this; a folded loop has fewer. In ONNX Runtime, which packs weights
    beforehand and so is faster than torch.
    """
    rows = SAMPLES * len(workload.horizons)
    weights = [p.T.contiguous().numpy() for name, p in workload.network.head.named_parameters()
               if p.ndim == 2 and "time" not in name and "cond" not in name]  # fmt: skip
    kind = ir.TensorType(ir.DataType.FLOAT)
    first = ir.Value(name="x", type=kind, shape=ir.Shape([rows, weights[0].shape[0]]))
    graph = ir.Graph([first], [], nodes=[], opset_imports={"": 20}, name="products")
    constants = [constant(graph, f"w{index}", ir.tensor(weight)) for index, weight in enumerate(weights)]
    value = first
    for _ in range(steps):
        for weight in constants:
            node = ir.node("MatMul", [value, weight])
            graph.append(node)
            value = node.outputs[0]
    value.name, value.type = "y", kind
    graph.outputs.append(value)
    run = session(ir.Model(graph, ir_version=10))
    # Small numbers: sixty products in a row neither overflow nor reach the slow denormals.
    feed = {"x": np.full((rows, weights[0].shape[0]), 1e-3, np.float32)}
    return lambda: run.run(None, feed)


def compiled_head(workload: Workload) -> Callable[..., Tensor] | None:
    """``torch.compile`` of the head, or None where there is no compiler for it."""
    try:
        head = torch.compile(workload.network.head)
        with torch.no_grad():
            head(workload.first[0], torch.zeros(1, SAMPLES), workload.condition)
    except Exception as error:  # whatever the backend raises: a missing compiler, an unsupported platform
        print(f"torch.compile is left out: {type(error).__name__}")
        return None
    return head


def loop_contenders(workload: Workload) -> Contenders:
    compiled = compiled_head(workload)
    loop = workload.loop_session("dpmsolver++", 20)
    feed = {"condition": workload.condition.numpy(), "noise": workload.first.swapaxes(0, 1).numpy()}
    ours, ddim = workload.tableau("dpmsolver++", 20), workload.tableau("ddim", 100)
    contenders: Contenders = {
        "DDIM-100, diffusers, eager": diffusers_loop(workload, "ddim", 100),
        "DDIM-50, diffusers, eager": diffusers_loop(workload, "ddim", 50),
        "DPM++-20, diffusers, eager": diffusers_loop(workload, "dpmsolver++", 20),
        "DDIM-100, our sampler, eager": our_loop(workload, ddim, workload.network.head),
        "DPM++-20, our sampler, eager": our_loop(workload, ours, workload.network.head),
        "DPM++-20, ONNX Runtime step by step": stepwise(workload, "dpmsolver++", 20),
        "DPM++-20, compiled loop": lambda: loop.run(None, feed)[0],
        "bare matrix products, 20 steps": products(workload, 20),
    }
    if compiled is not None:
        contenders["DDIM-100, our sampler, torch.compile"] = our_loop(workload, ddim, compiled)
        contenders["DPM++-20, our sampler, torch.compile"] = our_loop(workload, ours, compiled)
    return contenders


def test_compiled_loop(benchmark: Any, workload: Workload, results: dict[str, Any]) -> None:
    contenders = loop_contenders(workload)
    expected = contenders["DPM++-20, diffusers, eager"]().numpy()
    for name in ("DPM++-20, compiled loop", "DPM++-20, our sampler, eager", "DPM++-20, ONNX Runtime step by step"):
        error = np.abs(np.asarray(contenders[name]()) - expected).max() / expected.std()
        assert error < 1e-4, f"{name} is off by {error:.1e}"
    rounds = measure(benchmark, contenders)
    fast = "DPM++-20, compiled loop"
    results[f"loop, {workload.name} sizes"] = summary(benchmark, rounds, fast)
    slow, fewer = "DDIM-100, our sampler, eager", "DPM++-20, our sampler, eager"
    results[f"20 steps for 100, {workload.name} sizes"] = spread(rounds, slow, fewer)
    if workload.name == "reference":
        reached = ratio(rounds, "DDIM-100, diffusers, eager", fast)
        assert reached >= 0.9 * GATE, (
            f"the compiled loop is {reached:.1f}× as fast as batched eager DDIM-100; it once was {GATE}×"
        )


def measure(benchmark: Any, contenders: Contenders) -> list[dict[str, float]]:
    """Alternating rounds; pytest-benchmark records the length of a round, the contenders' own times go beside it."""
    rounds: list[dict[str, float]] = []
    benchmark.pedantic(lambda: rounds.append(one_round(contenders)), rounds=ROUNDS, iterations=1, warmup_rounds=WARM_UP)
    return rounds[WARM_UP:]
