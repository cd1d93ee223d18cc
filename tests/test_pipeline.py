"""The pipeline: a diffusers pipeline to its users, and a forecaster that cannot see the future."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import diffusers
import numpy as np
import pandas as pd
import pytest
import torch

from sssd_registry.data.origins import all_origins
from sssd_registry.data.windows import windows_at
from sssd_registry.errors import SSSDError
from sssd_registry.pipeline import SSSDPipeline


@pytest.fixture
def pipe(tiny_model: Path) -> SSSDPipeline:
    return SSSDPipeline.from_pretrained(tiny_model)


def test_a_frame_goes_in_and_samples_in_data_units_come_out(pipe: SSSDPipeline, tiny_frame: pd.DataFrame) -> None:
    forecast = pipe(tiny_frame, horizons=[1, 4], num_samples=50, generator=0)
    assert forecast.samples.shape == (1, 50, 2, 1)
    last = tiny_frame["close"].iloc[-1]
    assert np.abs(forecast.samples - last).max() < 0.1
    assert forecast.quantile(0.9).shape == (1, 2, 1)
    assert (forecast.quantile(0.9) > forecast.quantile(0.1)).all()
    assert forecast.mean.shape == (1, 2, 1)
    assert len(forecast.to_frame()) == 2


def test_file_frame_and_windows_give_the_same_forecast(
    pipe: SSSDPipeline, tiny_frame: pd.DataFrame, tiny_csv: Path
) -> None:
    source = pipe.source(tiny_frame)
    windows = windows_at(source, all_origins(source).take(np.array([-1])))
    made = [pipe(data, generator=3, num_samples=5).samples for data in (tiny_csv, tiny_frame, windows)]
    np.testing.assert_array_equal(made[0], made[1])
    np.testing.assert_array_equal(made[0], made[2])


@pytest.mark.parametrize("rows", [599, 571, 500])
def test_no_future_value_changes_a_forecast(pipe: SSSDPipeline, tiny_frame: pd.DataFrame, rows: int) -> None:
    """The forecast of an origin inside the data is that of the data cut off there, and of any other future."""
    known = tiny_frame.iloc[:rows]
    wild = tiny_frame.copy()
    wild.loc[wild.index[rows:], ["open", "high", "low", "close"]] *= 3.0
    made = [pipe(known, generator=1, num_samples=6).samples]
    for frame in (tiny_frame, wild):
        source = pipe.source(frame)
        origins = all_origins(source)
        made.append(pipe(windows_at(source, origins.take(origins.row == rows - 1)), generator=1, num_samples=6).samples)
    np.testing.assert_array_equal(made[0], made[1])
    np.testing.assert_array_equal(made[0], made[2])


def test_seeds_and_generators_repeat(pipe: SSSDPipeline, tiny_frame: pd.DataFrame) -> None:
    def run(generator: torch.Generator | int | None) -> np.ndarray:
        return pipe(tiny_frame, num_samples=5, generator=generator).samples

    np.testing.assert_array_equal(run(0), run(0))
    assert not np.array_equal(run(0), run(1))
    assert not np.array_equal(run(None), run(None))
    first, second = (torch.Generator().manual_seed(9) for _ in range(2))
    np.testing.assert_array_equal(run(first), run(second))


def test_saving_and_loading_changes_nothing(pipe: SSSDPipeline, tiny_frame: pd.DataFrame, tmp_path: Path) -> None:
    pipe.save_pretrained(tmp_path / "again")
    again = SSSDPipeline.from_pretrained(tmp_path / "again")
    assert again.record == pipe.record
    assert again.spec == pipe.spec
    np.testing.assert_array_equal(
        pipe(tiny_frame, num_samples=5, generator=0).samples,
        again(tiny_frame, num_samples=5, generator=0).samples,
    )


@pytest.mark.parametrize(
    "name",
    ["EulerDiscreteScheduler", "UniPCMultistepScheduler", "DDIMScheduler", "EulerAncestralDiscreteScheduler"],
)
def test_a_scheduler_is_swapped_as_in_any_diffusers_pipeline(
    pipe: SSSDPipeline, tiny_frame: pd.DataFrame, tmp_path: Path, name: str
) -> None:
    options = {"clip_sample": False} if name == "DDIMScheduler" else {}
    before = pipe(tiny_frame, generator=0, num_inference_steps=30)
    pipe.scheduler = getattr(diffusers, name).from_config(pipe.scheduler.config, **options)
    after = pipe(tiny_frame, generator=0, num_inference_steps=30)
    # Another solver of the same process: near in distribution, and not the same numbers.
    assert not np.array_equal(before.samples, after.samples)
    spread = before.samples.std(axis=1)
    assert (np.abs(before.mean - after.mean) < 0.6 * spread).all()
    np.testing.assert_allclose(after.samples.std(axis=1), spread, rtol=0.5)
    pipe.save_pretrained(tmp_path / "swapped")
    assert type(SSSDPipeline.from_pretrained(tmp_path / "swapped").scheduler).__name__ == name


def test_a_scheduler_of_another_process_is_refused(pipe: SSSDPipeline, tiny_frame: pd.DataFrame) -> None:
    pipe.scheduler = diffusers.DDIMScheduler(clip_sample=False)
    with pytest.raises(SSSDError, match="trained with cosine betas"):
        pipe(tiny_frame)


def test_the_encoder_runs_once_and_the_head_once_a_step(pipe: SSSDPipeline, tiny_frame: pd.DataFrame) -> None:
    calls = {"encoder": 0, "head": 0}

    def count(name: str) -> None:
        calls[name] += 1

    pipe.encoder.register_forward_hook(lambda *_: count("encoder"))
    pipe.head.register_forward_hook(lambda *_: count("head"))
    pipe(tiny_frame, num_inference_steps=7, num_samples=30, generator=0)
    assert calls == {"encoder": 1, "head": 7}


def test_many_windows_are_batched_without_changing_them(
    pipe: SSSDPipeline, tiny_frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = pipe.source(tiny_frame)
    windows = windows_at(source, all_origins(source).take(np.arange(0, 50, 5)))
    pipe.set_progress_bar_config(disable=True)
    whole = pipe(windows, num_samples=4, generator=0).samples
    monkeypatch.setattr("sssd_registry.model_pipeline._NUMBERS_AT_ONCE", 3 * 4 * (5 + 2))
    np.testing.assert_allclose(pipe(windows, num_samples=4, generator=0).samples, whole, rtol=1e-6)


def test_horizons_between_the_trained_ones_can_be_asked_for(pipe: SSSDPipeline, tiny_frame: pd.DataFrame) -> None:
    forecast = pipe(tiny_frame, horizons=["2h", 1, 2.5], generator=0)
    assert forecast.horizons == (1.0, 2.0, 2.5)
    assert forecast.samples.shape[2] == 3


@pytest.mark.parametrize("horizons", [[5], ["5h"], [0], [0.5], [-1], []])
def test_horizons_beyond_the_trained_ones_are_refused(
    pipe: SSSDPipeline, tiny_frame: pd.DataFrame, horizons: list[float]
) -> None:
    with pytest.raises(SSSDError, match="horizon"):
        pipe(tiny_frame, horizons=horizons)


def test_to_moves_and_casts(pipe: SSSDPipeline, tiny_frame: pd.DataFrame) -> None:
    exact = pipe(tiny_frame, generator=0).samples
    pipe.to("cpu", torch.bfloat16)
    assert pipe.dtype == torch.bfloat16
    rough = pipe(tiny_frame, generator=0).samples
    assert np.isfinite(rough).all()
    np.testing.assert_allclose(rough.mean(axis=1), exact.mean(axis=1), atol=float(exact.std()))


def test_it_looks_like_a_diffusers_pipeline(pipe: SSSDPipeline) -> None:
    assert isinstance(pipe, diffusers.DiffusionPipeline)
    assert set(pipe.components) == {"model", "scheduler"}
    assert pipe.device == torch.device("cpu")


@pytest.mark.parametrize("name", ["os.system", "DiffusionPipeline", "sssd_registry.pipeline.SSSDPipeline", None])
def test_nothing_but_a_diffusers_scheduler_is_built_from_a_folder(
    tiny_model: Path, tmp_path: Path, name: str | None
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    file = folder / "scheduler" / "scheduler_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"_class_name": name}))
    with pytest.raises(SSSDError, match="is not a diffusers scheduler"):
        SSSDPipeline.from_pretrained(folder)


def test_a_pipeline_that_was_not_trained_is_not_saved(pipe: SSSDPipeline, tmp_path: Path) -> None:
    with pytest.raises(SSSDError, match="not trained"):
        SSSDPipeline(pipe.network, pipe.scheduler).save_pretrained(tmp_path / "model")
    assert not (tmp_path / "model").exists()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_gives_the_cpus_forecast(pipe: SSSDPipeline, tiny_frame: pd.DataFrame) -> None:
    expected = pipe(tiny_frame, generator=0).samples
    seen = pipe.to("cuda")(tiny_frame, generator=0).samples
    assert np.abs(seen - expected).max() < 1e-3 * expected.std()
