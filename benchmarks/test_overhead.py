"""Overhead beside the network: the solver's arithmetic in a step, and how long the commands take to start."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import pytest
import torch
from alternate import medians, one_round, ratio

from sssd_registry.plugin_api.make_scheduler import make_scheduler
from sssd_registry.sampling.noise_schedule import NoiseSchedule
from sssd_registry.sampling.read_tableau import read_tableau
from sssd_registry.sampling.sampler import sample

STEPS, ROUNDS = 20, 9
SOLVERS = ("lms", "unipc", "deis", "dpmsolver++")
# Goals; measured and reported for each, and the largest that must never be missed.
ARITHMETIC_GOAL, ARITHMETIC_GATE = 0.05, 0.25
START_GATE = 4.5  # times as long as Python takes to start and import numpy


def loops(name: str, size: int) -> dict[str, Callable[[], Any]]:
    """The whole loop around a network that costs nothing, by diffusers' ``step()`` and by the tableau."""
    schedule = NoiseSchedule()
    tableau = read_tableau(make_scheduler(name, schedule), STEPS)
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(tableau.num_noises, 1, 100, 3, size, generator=generator)
    output = torch.randn(noise.shape[1:], generator=generator)
    scheduler = make_scheduler(name, schedule)

    @torch.inference_mode()
    def theirs() -> Any:
        scheduler.set_timesteps(STEPS)
        scheduler.set_begin_index(0)
        state = noise[0] * scheduler.init_noise_sigma
        for timestep in scheduler.timesteps:
            scheduler.scale_model_input(state, timestep)
            state = scheduler.step(output, timestep, state).prev_sample
        return state

    @torch.inference_mode()
    def ours() -> Any:
        return sample(lambda _z, _t: output, tableau, noise)

    return {"theirs": theirs, "ours": ours}


@pytest.mark.parametrize("size", [1, 256])
def test_arithmetic_of_a_step(benchmark: Any, results: dict[str, Any], size: int) -> None:
    """100 samples × 3 horizons × latent size."""
    table = {}
    for name in SOLVERS:
        contenders = loops(name, size)
        rounds = [one_round(contenders) for _ in range(ROUNDS)]
        taken = medians(rounds)
        share = 1 / ratio(rounds, "theirs", "ours")
        table[name] = {
            "theirs_us": round(1000 * taken["theirs"] / STEPS, 1),
            "ours_us": round(1000 * taken["ours"] / STEPS, 1),
            "share": round(share, 4),
            "goal": share <= ARITHMETIC_GOAL,
        }
        assert share <= ARITHMETIC_GATE, f"{name}: {share:.1%} of diffusers' step, latent size {size}"
    results[f"arithmetic, latent size {size}"] = table
    benchmark.extra_info.update(table)
    benchmark.pedantic(loops(SOLVERS[-1], size)["ours"], rounds=ROUNDS, iterations=1, warmup_rounds=1)


@pytest.mark.parametrize("command", ["--help", "plugins"])
def test_start_up(benchmark: Any, results: dict[str, Any], command: str) -> None:
    """Time commands from the shell to the shell, with every file in the page cache."""
    ours, numpy = [str(Path(sys.executable).with_name("sssd")), command], [sys.executable, "-c", "import numpy"]

    def run(words: list[str]) -> float:
        begun = time.perf_counter()
        subprocess.run(words, check=True, capture_output=True)
        return time.perf_counter() - begun

    run(ours), run(numpy)
    taken = [(run(ours), run(numpy)) for _ in range(ROUNDS)]
    results[f"start-up, sssd {command}"] = round(median(seconds for seconds, _ in taken), 3)
    benchmark.pedantic(run, args=(ours,), rounds=3, iterations=1)
    times = median(seconds / bare for seconds, bare in taken)
    assert times < START_GATE, f"sssd {command} takes {times:.1f} times as long as Python with numpy"
