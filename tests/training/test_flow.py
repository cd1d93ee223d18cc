"""A model trained by flow matching: trained, sampled by what serves it, refused by what does not, compiled."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from cli_runner import error_line, sssd, sssd_export

from sssd_registry.sampling.noise_schedule import NoiseSchedule
from sssd_registry.testing.tiny_model import SETTINGS
from sssd_registry.training.loss import diffuse

FLOW = ("model.beta_schedule=flow", "model.prediction_type=flow_prediction")


@pytest.fixture(scope="module")
def model(tiny_csv: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("flow") / "model"
    words = [word for setting in (*SETTINGS, *FLOW) for word in ("--set", setting)]
    done = sssd("train", tiny_csv, "--out", out, *words)
    assert done.code == 0, done.err
    return out


def test_paths_are_straight() -> None:
    schedule = NoiseSchedule("flow", 10, "flow_prediction")
    x0, eps = torch.randn(2, 1, 3, 4), torch.randn(2, 10, 3, 4)
    z, target = diffuse(schedule, x0, eps, torch.arange(10).expand(2, 10))
    share = (torch.arange(10) + 1)[None, :, None, None] / 10  # the last is pure noise
    torch.testing.assert_close(z, (1 - share) * x0 + share * eps)
    torch.testing.assert_close(target, eps - x0)


@pytest.mark.parametrize("scheduler", ["flow-euler", "flow-heun", "dpmsolver++", "unipc", "dpmsolver++-singlestep"])
def test_it_is_sampled_by_what_serves_it(model: Path, tiny_csv: Path, scheduler: str) -> None:
    assert sssd("forecast", model, tiny_csv, "--scheduler", scheduler, "--steps", 5).code == 0


@pytest.mark.parametrize("scheduler", ["ddim", "euler", "deis", "sa-solver", "edm-dpm", "ipndm"])
def test_what_does_not_serve_it_says_what_does(model: Path, tiny_csv: Path, scheduler: str) -> None:
    line = error_line(sssd("forecast", model, tiny_csv, "--scheduler", scheduler))
    assert "was trained for flow matching: take flow-euler" in line


def test_it_is_tuned_and_compiled(model: Path, tiny_csv: Path, tmp_path: Path) -> None:
    assert sssd("tune", model, tiny_csv, "--steps", 3).code == 0
    for scheduler, steps in (("tuned", 3), ("flow-heun", 3)):
        done = sssd_export("build", model, "--out", tmp_path / scheduler, "--scheduler", scheduler, "--steps", steps)
        assert done.code == 0, done.err


def test_half_of_the_setting_is_refused(tiny_csv: Path, tmp_path: Path) -> None:
    line = error_line(sssd("train", tiny_csv, "--out", tmp_path / "m", "--set", FLOW[0]))
    assert "goes with prediction type flow_prediction" in line
