"""Training: it learns, it resumes to the same bits, it stops early, it keeps the best."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from sssd_registry.config import Config, load_config
from sssd_registry.errors import SSSDError
from sssd_registry.pipeline import SSSDPipeline
from sssd_registry.training.checkpoint import Progress
from sssd_registry.training.train import TrainingInterrupted, train


def configured(settings: list[str], *more: str) -> Config:
    return load_config(None, [*settings, *more])


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


@pytest.mark.parametrize("stop_at", [3, 6, 8])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_an_interrupted_run_resumes_to_the_same_bits(
    tiny_csv: Path, tiny_settings: list[str], tmp_path: Path, stop_at: int, accumulate: int
) -> None:
    config = configured(
        tiny_settings,
        "model.dropout=0.2",
        f"training.gradient_accumulation_steps={accumulate}",
        "training.max_steps=10",
    )
    train(tiny_csv, config, tmp_path / "whole")

    def press_ctrl_c(progress: Progress, loss: float) -> None:
        if progress.step == stop_at:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(TrainingInterrupted):
        train(tiny_csv, config, tmp_path / "broken", report=press_ctrl_c)
    assert not (tmp_path / "broken").exists()
    steps: list[int] = []
    train(
        tiny_csv,
        config,
        tmp_path / "broken",
        resume=True,
        report=lambda progress, loss: steps.append(progress.step),
    )
    assert steps[0] == stop_at + 1
    whole, broken = weights(tmp_path / "whole"), weights(tmp_path / "broken")
    assert whole.keys() == broken.keys()
    for name, tensor in whole.items():
        assert torch.equal(tensor, broken[name]), name
    assert not (tmp_path / "broken.checkpoint").exists()


def test_the_same_seed_gives_the_same_model_and_another_another(
    tiny_csv: Path, tiny_settings: list[str], tmp_path: Path
) -> None:
    losses: dict[str, list[float]] = {"a": [], "b": [], "c": []}
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        config = configured(tiny_settings, f"training.seed={seed}")
        train(tiny_csv, config, tmp_path / name, report=lambda _, loss, name=name: losses[name].append(loss))  # type: ignore[misc]
    a, b, c = (weights(tmp_path / name)["head.from_z.weight"] for name in "abc")
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    assert losses["a"] == losses["b"]
    assert losses["a"][-1] != losses["c"][-1]


def test_the_global_generators_are_left_alone(tiny_csv: Path, tiny_settings: list[str], tmp_path: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    train(tiny_csv, configured(tiny_settings), tmp_path / "model")
    assert torch.equal(torch.rand(3), expected)


def test_it_learns_what_can_be_learnt(tmp_path: Path, tiny_settings: list[str]) -> None:
    """A noiseless period of eight bars: after training, the forecast is far better than no change."""
    frame = pd.DataFrame({"time": pd.date_range("2024-01-01", periods=900, freq="h")})
    frame["value"] = np.sin(np.arange(900) * 2 * np.pi / 8) + 0.02 * np.random.default_rng(0).normal(size=900)
    scores: list[float] = []

    def watch(progress: Progress, loss: float) -> None:
        if progress.history and progress.history[-1][0] == progress.step:
            scores.append(progress.history[-1][1])

    config = configured(
        tiny_settings, "training.max_steps=350", "training.validate_every=350", "training.learning_rate=5e-3",
        "model.feature_size=16", "model.state_size=16", "model.context_size=16", "training.batch_size=32",
        "training.noise_draws=8", "model.head_options={hidden_sizes = [32, 32], time_size = 16}", "model.dropout=0.0",
        "training.ema_decay=0.98", "training.warmup_steps=20", "model.location_scale=random-walk",
        "training.validation_windows=64", "model.components=2",
    )  # fmt: skip
    made = train(frame, config, tmp_path / "model", report=watch)
    assert made.record is not None
    assert made.record.best_step == 350
    # In standard units a Gaussian random walk scores about 0.56.
    assert scores[-1] < 0.2, scores


def test_early_stopping_keeps_the_best_validation(tiny_csv: Path, tiny_settings: list[str], tmp_path: Path) -> None:
    seen: dict[str, Any] = {}

    def watch(progress: Progress, loss: float) -> None:
        seen["progress"] = progress

    config = configured(
        tiny_settings, "training.max_steps=400", "training.validate_every=4", "training.patience=2",
        "training.learning_rate=0.05",
    )  # fmt: skip
    pipeline = train(tiny_csv, config, tmp_path / "model", report=watch)
    progress: Progress = seen["progress"]
    assert progress.step < 400
    assert progress.stale == 2
    best_step, best = min(progress.history, key=lambda entry: entry[1])
    # The best of them, or where training began, if that is not surely better.
    assert (progress.best_step, progress.best_score) in ((best_step, best), tuple(progress.history[0]))
    assert pipeline.record is not None
    assert pipeline.record.best_step in (0, best_step)


def test_another_configuration_is_not_resumed(tiny_csv: Path, tiny_settings: list[str], tmp_path: Path) -> None:
    def stop(progress: Progress, loss: float) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    out = tmp_path / "model"
    with pytest.raises(TrainingInterrupted):
        train(tiny_csv, configured(tiny_settings), out, report=stop)
    with pytest.raises(SSSDError, match="another configuration or other data"):
        train(tiny_csv, configured(tiny_settings, "training.learning_rate=0.1"), out, resume=True)


def test_nothing_to_resume_is_an_error(tiny_csv: Path, tiny_settings: list[str], tmp_path: Path) -> None:
    with pytest.raises(SSSDError, match="nothing to resume"):
        train(tiny_csv, configured(tiny_settings), tmp_path / "model", resume=True)


def test_a_model_trains_on_a_panel_with_several_targets(
    tiny_frame: pd.DataFrame, tiny_settings: list[str], tmp_path: Path
) -> None:
    panel = pd.concat(
        [tiny_frame.assign(pair="EURUSD"), tiny_frame.assign(pair="USDJPY", close=tiny_frame["close"] * 150)]
    )
    config = configured(tiny_settings, "data.id=pair", 'data.targets=["close", "volume"]')
    pipeline: SSSDPipeline = train(panel, config, tmp_path / "model")
    forecast = pipeline(panel, num_samples=7, num_inference_steps=3, generator=0)
    assert forecast.samples.shape == (2, 7, 2, 2)
    assert list(forecast.series) == ["EURUSD", "USDJPY"]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_it_trains_on_a_gpu_in_bf16(tiny_csv: Path, tiny_settings: list[str], tmp_path: Path) -> None:
    pipeline = train(tiny_csv, configured(tiny_settings), tmp_path / "model")
    assert pipeline.device.type == "cuda"


@pytest.mark.parametrize("betas", ["cosine", "linear", "scaled_linear"])
def test_noise_is_predicted_only_where_something_of_the_data_is_left(
    tiny_csv: Path, tiny_settings: list[str], tmp_path: Path, betas: str
) -> None:
    config = configured(
        tiny_settings, "model.prediction_type=epsilon", f"model.beta_schedule={betas}", "training.max_steps=1"
    )
    if betas != "cosine":
        train(tiny_csv, config, tmp_path / "model")
        return
    with pytest.raises(SSSDError, match=r"epsilon does not go with cosine betas.*4\.9e-05.*linear"):
        train(tiny_csv, config, tmp_path / "model")
    assert not list(tmp_path.glob("model*"))
