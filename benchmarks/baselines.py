"""Baseline without this project: a forecast as anyone writes it with diffusers, on any device."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from conftest import Workload, session
from torch import Tensor

from sssd_registry.plugin_api.make_scheduler import make_scheduler

SOLVER, STEPS = "dpmsolver++", 20
DDIM_100, DDIM_50, EAGER = "DDIM-100, diffusers, eager", "DDIM-50, diffusers, eager", "DPM++-20, diffusers, eager"
COMPILED = "DPM++-20, torch.compile"

Contenders = dict[str, Callable[[], Any]]
Head = Callable[..., Tensor]


def eager_loops(workload: Workload, device: str = "cpu") -> Contenders:
    """diffusers' loops with an eager head, and with one that torch compiled where a compiler is there."""
    head = copy.deepcopy(workload.network.head).to(device)
    made: Contenders = {
        DDIM_100: eager(workload, "ddim", 100, head, device),
        DDIM_50: eager(workload, "ddim", 50, head, device),
        EAGER: eager(workload, SOLVER, STEPS, head, device),
    }
    try:
        compiled = eager(workload, SOLVER, STEPS, _compiled(head, device), device)
        compiled()
        made[COMPILED] = compiled
    except Exception as error:  # whatever the backend raises: a missing compiler, an unsupported platform
        print(f"torch.compile is left out: {type(error).__name__}")
    return made


def _compiled(head: torch.nn.Module, device: str) -> Head:
    if device == "cpu":
        return torch.compile(head)
    graphed = torch.compile(head, mode="reduce-overhead")  # CUDA graphs

    def call(*inputs: Tensor) -> Tensor:
        torch.compiler.cudagraph_mark_step_begin()
        return graphed(*inputs).clone()  # the next replay writes over what this one gave

    return call


def eager(workload: Workload, scheduler: str, steps: int, head: Head, device: str = "cpu") -> Callable[[], Tensor]:
    """Encode, ``step()`` after ``step()``, decode; windows and noise come from the host, samples go back to it."""
    made = make_scheduler(scheduler, workload.network.schedule)
    network = copy.deepcopy(workload.network).to(device)
    horizons = torch.tensor(workload.horizons, dtype=torch.float32, device=device)
    rows, calibrated = network.correlation.rows(horizons), network.calibration.rows(horizons)

    @torch.inference_mode()
    def run() -> Tensor:
        values = {name: torch.from_numpy(array).to(device) for name, array in workload.windows.values.items()}
        times = {name: torch.from_numpy(array).to(device) for name, array in workload.windows.times.items()}
        condition = network.condition(network.encode(values, times))
        made.set_timesteps(steps)  # on the host: a time step read back from a GPU would wait for it at every call
        noise = workload.noise.paths.to(device)
        first = network.first_latents(noise)
        z = first * made.init_noise_sigma
        for timestep in made.timesteps:
            t = torch.full(z.shape[:2], float(timestep), device=device)
            z = made.step(head(made.scale_model_input(z, timestep), t, condition), timestep, z).prev_sample
        paths = network.calibration(network.moved(network.start(noise, rows), first, z, rows), calibrated)
        return network.restore(paths, *network.normalizer.location_scale(values, times, horizons)).cpu()

    return run


def in_half(head: Head, device: str) -> Head:
    """The head with its products in float16, as accelerate's mixed precision has them."""

    def call(*inputs: Tensor) -> Tensor:
        with torch.autocast(device, dtype=torch.float16):
            return head(*inputs).float()

    return call


def onnx_head(workload: Workload) -> Head:
    """The head in ONNX Runtime, called from torch: what optimum-onnx does."""
    head = session(workload.head.model)

    def call(z: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        feed = {"z": z.numpy(), "t": t[:1, :1].numpy(), "condition": condition.numpy()}
        return torch.from_numpy(head.run(None, feed)[0])

    return call
