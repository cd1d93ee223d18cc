"""Tuned solvers: better than untuned ones on the same noise, kept with the model, and usable everywhere."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from cli_runner import error_line, sssd, sssd_export
from diffusers import DDIMScheduler

from sssd_registry.pipeline import SSSDPipeline
from sssd_registry.plugin_api.make_scheduler import make_scheduler, solver_tableau
from sssd_registry.sampling.noise_schedule import NoiseSchedule
from sssd_registry.storage.sampling_defaults import read_sampling_defaults, write_default, write_tuned
from sssd_registry.testing.gaussian import GaussianData
from sssd_registry.tuning.search_timesteps import Objective, initial_placements, placed, search_timesteps


@pytest.fixture
def objective() -> Objective:
    """Of normal data, whose network is known."""
    data = GaussianData(NoiseSchedule())
    noise = torch.linspace(-3, 3, 31, dtype=torch.float64).reshape(1, 1, 31, 1, 1)
    return Objective(data.network, noise, data.flow(noise[0], 999.0, None))


@pytest.mark.parametrize("steps", [3, 5, 8])
def test_it_beats_untuned_solvers_of_as_many_calls(objective: Objective, steps: int) -> None:
    tableau, value = search_timesteps(objective, NoiseSchedule(), steps, max_evaluations=400)
    assert tableau.num_calls == steps
    assert objective(tableau) == value
    for rival in ("dpmsolver++", "unipc", "ddim"):
        other = solver_tableau(make_scheduler(rival, NoiseSchedule()), NoiseSchedule(), steps)
        assert value < objective(other), rival


def test_it_is_deterministic_and_keeps_to_its_budget(objective: Objective) -> None:
    seen: list[tuple[int, float]] = []
    first = search_timesteps(objective, NoiseSchedule(), 4, max_evaluations=100, report=lambda *told: seen.append(told))
    assert first == search_timesteps(objective, NoiseSchedule(), 4, max_evaluations=100)
    # A line search and a gradient are finished once begun.
    assert len(seen) < 160
    assert [best for _, best in seen] == sorted((best for _, best in seen), reverse=True)


@pytest.mark.parametrize("schedule", [NoiseSchedule(), NoiseSchedule("flow", 1000, "flow_prediction")], ids=str)
@pytest.mark.parametrize("steps", [2, 6, 12])
def test_every_placement_falls_from_the_first_time_step(schedule: NoiseSchedule, steps: int) -> None:
    for start in initial_placements(schedule, steps):
        for parameters in (start, start + 2.5 * np.sin(np.arange(steps + 1))):
            timesteps, final_ratio = placed(parameters, schedule)
            assert timesteps[0] == schedule.timesteps[-1]
            assert (np.diff(timesteps) < 0).all()
            alpha, sigma = schedule.marginal(timesteps[-1])
            assert 0 < final_ratio < sigma / alpha


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


def test_the_command_keeps_the_solver_and_everything_takes_it(model: Path, tiny_csv: Path, tmp_path: Path) -> None:
    before = error_line(sssd("forecast", model, tiny_csv, "--scheduler", "tuned"))
    assert "no tuned solver: make one with `sssd tune MODEL DATA --steps 8`" in before
    made = sssd("tune", model, tiny_csv, "--steps", 4, "--json")
    assert made.code == 0, made.err
    rows = json.loads(made.out)["rows"]
    assert [(row["solver"], row["calls"]) for row in rows[:3]] == [("tuned", 4), ("dpmsolver++", 4), ("unipc", 4)]
    assert rows[0]["distance"] < min(rows[1]["distance"], rows[2]["distance"])
    assert "no tuned solver of 7 steps, only of 4" in error_line(
        sssd("forecast", model, tiny_csv, "--scheduler", "tuned", "--steps", 7)
    )
    outs = []
    for extra in ([], ["--steps", 4]):  # its own number of steps is the default
        outs.append(sssd("forecast", model, tiny_csv, "--scheduler", "tuned", *extra).out)
    assert outs[0] == outs[1] != sssd("forecast", model, tiny_csv).out
    exported = sssd_export("build", model, "--scheduler", "tuned", "--steps", 4, "--out", tmp_path / "engine", "--json")
    assert exported.code == 0, exported.err
    manifest = json.loads(exported.out)
    assert (manifest["scheduler"], manifest["num_calls"]) == ("tuned", 4)


def test_a_default_is_what_every_command_uses(model: Path, tiny_csv: Path) -> None:
    wanted = sssd("forecast", model, tiny_csv, "--scheduler", "unipc:solver_order=3", "--steps", 5).out
    assert sssd("forecast", model, tiny_csv).out != wanted
    write_default(model, "unipc:solver_order=3", 5)
    assert sssd("forecast", model, tiny_csv).out == wanted
    pipeline = SSSDPipeline.from_pretrained(model)
    assert pipeline.sampling_defaults.steps == 5
    assert type(pipeline.scheduler).__name__ == "UniPCMultistepScheduler"
    # Another scheduler does not inherit the number of steps that was chosen for this one.
    twenty = sssd("forecast", model, tiny_csv, "--scheduler", "ddim", "--steps", 20).out
    assert sssd("forecast", model, tiny_csv, "--scheduler", "ddim").out == twenty


def test_a_saved_pipeline_keeps_its_sampling_defaults(model: Path, tmp_path: Path) -> None:
    tableau = SSSDPipeline.from_pretrained(model).tableau(3)
    write_tuned(model, tableau)
    write_default(model, "tuned", 3)
    SSSDPipeline.from_pretrained(model).save_pretrained(tmp_path / "again")
    sampling_defaults = read_sampling_defaults(tmp_path / "again")
    assert (sampling_defaults.scheduler, sampling_defaults.steps, dict(sampling_defaults.tuned)) == (
        "tuned",
        3,
        {3: tableau},
    )


def test_a_pipeline_saved_with_another_scheduler_comes_back_with_that_one(model: Path, tmp_path: Path) -> None:
    write_default(model, "unipc", 5)
    for assigned in (True, False):
        pipeline = SSSDPipeline.from_pretrained(model, scheduler=None if assigned else "ddim")
        if assigned:
            pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config, clip_sample=False)
        pipeline.save_pretrained(tmp_path / "again")
        again = SSSDPipeline.from_pretrained(tmp_path / "again")
        assert type(again.scheduler) is DDIMScheduler
        assert again.tableau(4) == pipeline.tableau(4)
        assert again.sampling_defaults.steps == 20


@pytest.mark.parametrize("text", ["", "{", '{"steps": 3}', '{"scheduler": null, "steps": 0, "tuned": []}', "[]"])
def test_a_damaged_sampling_defaults_is_named(model: Path, tiny_csv: Path, text: str) -> None:
    (model / "sampling.json").write_text(text)
    line = error_line(sssd("forecast", model, tiny_csv))
    assert re.search(r"sampling.json is (cut off or )?damaged \(.*\): delete it, run `sssd check", line)
    (model / "sampling.json").unlink()
    assert sssd("check", model, "--sign").code == 0
    assert sssd("forecast", model, tiny_csv).code == 0
