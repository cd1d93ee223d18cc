"""Distillation: one step gives what many gave, the encoder stays, and no other solver is let near the result."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import pandas as pd
import pytest
import torch
from cli_runner import error_line, sssd
from safetensors.torch import load_file

from sssd_registry.check_model import sign_model
from sssd_registry.errors import SSSDError
from sssd_registry.evaluation.encoded_windows import EncodedWindows, encode_windows
from sssd_registry.model.batches import evenly_spaced, training_data
from sssd_registry.pipeline import SSSDPipeline
from sssd_registry.plugin_api.make_scheduler import make_scheduler, solver_tableau
from sssd_registry.sampling.sampler import sample
from sssd_registry.sampling.tableau import SolverTableau
from sssd_registry.testing.tiny_model import train_tiny_model
from sssd_registry.training.checkpoint import Progress
from sssd_registry.training.distill import TEACHER, distill
from sssd_registry.training.train import TrainingInterrupted


@pytest.fixture
def teacher(working_model: Path) -> Path:
    return working_model


@pytest.fixture
def student(distilled_model: Path) -> Path:
    return distilled_model


def encoded(model: Path, frame: pd.DataFrame) -> EncodedWindows:
    pipeline = SSSDPipeline.from_pretrained(model)
    assert pipeline.record is not None
    data = training_data(frame, pipeline.record.config.data)
    return encode_windows(pipeline.network, data.source, evenly_spaced(data.split.validation, 16), data.spec.horizons)


def latents(windows: EncodedWindows, tableau: SolverTableau) -> torch.Tensor:
    noise = torch.randn(1, len(windows), 50, *windows.network.latent_shape, generator=torch.Generator().manual_seed(0))
    return sample(windows.network.denoiser(windows.condition), tableau, noise)


def tableau_of(model: Path, scheduler: str, steps: int) -> SolverTableau:
    schedule = SSSDPipeline.from_pretrained(model).network.schedule
    return solver_tableau(make_scheduler(scheduler, schedule), schedule, steps)


def test_one_step_gives_what_many_gave(teacher: Path, student: Path, tiny_frame: pd.DataFrame) -> None:
    one = tableau_of(teacher, "ddim", 1)
    wanted = latents(encoded(teacher, tiny_frame), tableau_of(teacher, *TEACHER))
    before = float((latents(encoded(teacher, tiny_frame), one) - wanted).square().mean().sqrt())
    after = float((latents(encoded(student, tiny_frame), one) - wanted).square().mean().sqrt())
    assert after < 0.75 * before


def test_it_is_saved_with_its_solver_and_what_it_is_as_good_as(student: Path, tiny_frame: pd.DataFrame) -> None:
    pipeline = SSSDPipeline.from_pretrained(student)
    assert pipeline.distilled is not None
    assert (pipeline.distilled.scheduler, pipeline.distilled.steps) == ("ddim", 1)
    assert (pipeline.sampling_defaults.scheduler, pipeline.sampling_defaults.steps) == ("ddim", 1)
    assert pipeline.record is not None
    assert pipeline.record.validation_crps == pytest.approx(pipeline.distilled.teacher_crps, rel=0.2)
    assert pipeline.tableau(pipeline.sampling_defaults.steps).num_calls == 1
    pipeline(tiny_frame, num_samples=5, generator=0)


def test_all_but_the_head_is_the_teachers(teacher: Path, student: Path) -> None:
    old, new = load_file(teacher / "model.safetensors"), load_file(student / "model.safetensors")
    changed = {name for name in old if not torch.equal(old[name], new[name])}
    assert changed
    assert all(name.startswith("head.") for name in changed)


def test_an_interrupted_run_resumes_to_the_same_bits(teacher: Path, tiny_csv: Path, tmp_path: Path) -> None:
    def press_ctrl_c(progress: Progress, loss: float) -> None:
        if progress.step == 3:
            os.kill(os.getpid(), signal.SIGINT)

    distill(teacher, tiny_csv, tmp_path / "whole", max_steps=6)
    with pytest.raises(TrainingInterrupted):
        distill(teacher, tiny_csv, tmp_path / "broken", max_steps=6, report=press_ctrl_c)
    assert not (tmp_path / "broken").exists()
    with pytest.raises(SSSDError, match="another configuration or other data"):
        distill(teacher, tiny_csv, tmp_path / "broken", max_steps=6, steps=2, resume=True)
    distill(teacher, tiny_csv, tmp_path / "broken", max_steps=6, resume=True)
    whole, broken = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "broken"))
    assert all(torch.equal(whole[name], broken[name]) for name in whole)
    assert not (tmp_path / "broken.checkpoint").exists()


def test_the_test_part_does_not_matter(teacher: Path, tiny_frame: pd.DataFrame, tmp_path: Path) -> None:
    """Later rows, and other values where the teacher was tested, change nothing: the parts are the teacher's."""
    record = SSSDPipeline.from_pretrained(teacher).record
    assert record is not None
    late = tiny_frame["time"].astype("datetime64[s]").astype("int64") >= record.test_start
    other = tiny_frame.copy()
    numbers = other.select_dtypes("number").columns
    other.loc[late, numbers] = other.loc[late, numbers] * 1.5
    distill(teacher, tiny_frame, tmp_path / "one", max_steps=3)
    distill(teacher, other, tmp_path / "two", max_steps=3)
    one, two = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    assert all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize("asked", [("--scheduler", "unipc"), ("--steps", 2), ("--scheduler", "ddim", "--steps", 4)])
def test_another_solver_is_refused(student: Path, tiny_csv: Path, asked: tuple[object, ...], tmp_path: Path) -> None:
    for command in (("forecast", student, tiny_csv), ("evaluate", student, tiny_csv)):
        outcome = sssd(*command, *asked)
        assert outcome.code == 2
        assert "this model was distilled for ddim in 1 step and forecasts wrong with any other" in error_line(outcome)
    pipeline = SSSDPipeline.from_pretrained(student)
    pipeline.scheduler = make_scheduler("euler", pipeline.network.schedule)
    with pytest.raises(SSSDError, match="was distilled for"):
        pipeline.tableau(20)


def test_its_own_solver_may_be_named(student: Path, tiny_csv: Path) -> None:
    named = sssd("forecast", student, tiny_csv, "--scheduler", "ddim", "--steps", 1, "--seed", 0)
    assert named.code == 0, named.err
    assert named.out == sssd("forecast", student, tiny_csv, "--seed", 0).out


def test_a_comparison_has_its_own_solver_alone(student: Path, tiny_csv: Path) -> None:
    done = sssd("compare", student, tiny_csv, "--max-windows", 8, "--samples", 8, "--json")
    assert done.code == 0, done.err
    assert [(row["scheduler"], row["steps"]) for row in json.loads(done.out)["rows"]] == [("ddim", 1)]
    other = sssd("compare", student, tiny_csv, "--schedulers", "unipc", "--steps", 4)
    assert "was distilled for ddim in 1 step" in error_line(other)


def test_what_cannot_be_distilled(teacher: Path, student: Path, tiny_csv: Path, tmp_path: Path) -> None:
    idle = Path(shutil.copytree(teacher, tmp_path / "idle"))
    stored = json.loads((idle / "config.json").read_text())
    stored["record"]["best_step"] = 0
    (idle / "config.json").write_text(json.dumps(stored))
    sign_model(idle)
    for model, asked, reason in (
        (student, (), "is distilled already, for ddim in 1 step: distil the model it was made from"),
        (idle, (), "forecasts without its network, which training left out: there is nothing to distil"),
        (teacher, ("--scheduler", "ddpm", "--steps", 4), "ddpm draws noise on its way"),
        (teacher, ("--scheduler", "heun"), "starts at t = 0"),
        (teacher, ("--scheduler", "nothing"), "no scheduler named 'nothing'"),
        (tmp_path / "none", (), "none"),
    ):
        outcome = sssd("distill", model, tiny_csv, "--out", tmp_path / "out", *asked)
        assert outcome.code == 2
        assert reason in error_line(outcome)
        assert not (tmp_path / "out").exists()
    tuned = sssd("tune", student, tiny_csv, "--steps", 4)
    assert "distilled, for ddim in 1 step: tune the one it was made from" in error_line(tuned)


def test_the_command(teacher: Path, tiny_csv: Path, tmp_path: Path) -> None:
    out = tmp_path / "fast"
    done = sssd("distill", teacher, tiny_csv, "--out", out, "--steps", 2, "--scheduler", "euler", "--max-steps", 4)
    assert done.code == 0, done.err
    assert done.out.startswith(f"{out}: euler in 2 steps; validation CRPS ")
    again = sssd("distill", teacher, tiny_csv, "--out", out)
    assert "already holds a model" in error_line(again)


def test_flow_matching_is_distilled_for_its_own_euler(tiny_csv: Path, tmp_path: Path) -> None:
    train_tiny_model(tmp_path / "flow", "model.beta_schedule=flow", "model.prediction_type=flow_prediction")
    stored = json.loads((tmp_path / "flow" / "config.json").read_text())
    stored["record"]["best_step"] = 8
    (tmp_path / "flow" / "config.json").write_text(json.dumps(stored))
    sign_model(tmp_path / "flow")
    made = distill(tmp_path / "flow", tiny_csv, tmp_path / "fast", max_steps=2)
    assert str(made.distilled) == "flow-euler in 1 step"
    made(tiny_csv, num_samples=3, generator=0)
