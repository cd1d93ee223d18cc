"""Overhead beside the network: the solver's arithmetic in a step, and how long the commands take to start."""

from __future__ import annotations

import os
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
# Times as long as Python takes to start and import numpy, by the number of others' plugins that are installed.
START_GATES = {0: 4.5, 50: 6.5}
LISTING_GOAL = 0.35  # seconds, with 50 of them


def loops(name: str, size: int) -> dict[str, Callable[[], Any]]:
    """The whole loop around a network that costs nothing, by diffusers' ``step()`` and by the tableau.

    ``sums`` are the tableau's products and sums alone, term by term: no such loop can take less.
    """
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

    @torch.inference_mode()
    def sums() -> Any:
        state = noise[0]
        for _, *rest in tableau.updates[1:]:
            state = output * 0.5
            for _term in rest:
                state.add_(output, alpha=0.5)
        return state

    return {"theirs": theirs, "ours": ours, "sums": sums}


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
            "sums_us": round(1000 * taken["sums"] / STEPS, 1),
            "sums_share": round(1 / ratio(rounds, "theirs", "sums"), 4),
            "goal": share <= ARITHMETIC_GOAL,
        }
        assert share <= ARITHMETIC_GATE, f"{name}: {share:.1%} of diffusers' step, latent size {size}"
    results[f"arithmetic, latent size {size}"] = table
    benchmark.extra_info.update(table)
    benchmark.pedantic(loops(SOLVERS[-1], size)["ours"], rounds=ROUNDS, iterations=1, warmup_rounds=1)


PLUGIN = """
from dataclasses import dataclass

from sssd_registry import HeadSpec, SchedulerSpec, hookimpl

SSSD_HOOK_API = 1


@dataclass(frozen=True)
class Options:
    eta: float = 0.0


@hookimpl
def register_schedulers():
    return [SchedulerSpec("scheduler-{number}", "one of many", print, Options)]


@hookimpl
def register_heads():
    return [HeadSpec("head-{number}", "one of many", print, Options)]
"""


def install(site: Path, plugins: int) -> None:
    """Distributions as an installer leaves them, each with a scheduler and a head."""
    for number in range(plugins):
        info = site / f"many_{number}-1.0.dist-info"
        info.mkdir()
        (site / f"many_{number}.py").write_text(PLUGIN.replace("{number}", str(number)))
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: many-{number}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[sssd_registry]\nmany_{number} = many_{number}\n")


@pytest.mark.parametrize(("command", "plugins"), [("--help", 0), ("plugins", 0), ("plugins", 50)])
def test_start_up(benchmark: Any, results: dict[str, Any], command: str, plugins: int, tmp_path: Path) -> None:
    """Time commands from the shell to the shell, with every file in the page cache."""
    install(tmp_path, plugins)
    paths = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH", ""), str(tmp_path)]))
    ours, numpy = [str(Path(sys.executable).with_name("sssd")), command], [sys.executable, "-c", "import numpy"]

    def run(words: list[str]) -> float:
        begun = time.perf_counter()
        subprocess.run(words, check=True, capture_output=True, env={**os.environ, "PYTHONPATH": paths})
        return time.perf_counter() - begun

    run(ours), run(numpy)
    taken = [(run(ours), run(numpy)) for _ in range(ROUNDS)]
    seconds = median(seconds for seconds, _ in taken)
    results[f"start-up, sssd {command}" + (f" with {plugins} plugins" if plugins else "")] = round(seconds, 3)
    benchmark.extra_info.update({"goal": plugins == 0 or seconds <= LISTING_GOAL})
    benchmark.pedantic(run, args=(ours,), rounds=3, iterations=1)
    times = median(seconds / bare for seconds, bare in taken)
    assert times < START_GATES[plugins], f"sssd {command} takes {times:.1f} times as long as Python with numpy"
