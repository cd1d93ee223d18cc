"""A model repository against Triton's own schema, and run as Triton would, but by ONNX Runtime and OpenVINO here."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from cli_runner import sssd_export
from compiled import Compiled
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from sssd_engine import load_engine
from sssd_engine.manifest import read_manifest, write_manifest
from sssd_engine.noise import draw_noise
from sssd_export.forecaster import engine_inputs
from sssd_export.request import export_model
from sssd_export.triton import CONFIG, write_triton
from sssd_registry.errors import SSSDError

_DTYPES = {"TYPE_FP64": np.float64, "TYPE_FP32": np.float32, "TYPE_INT64": np.int64}


def config_of(folder: Path) -> Any:
    """Parsed by Triton's schema: a name or a type that it does not know is an error."""
    return text_format.Parse((folder / CONFIG).read_text(), model_config_pb2.ModelConfig())


def check_face(ports: Any, arrays: dict[str, np.ndarray]) -> None:
    assert {port.name for port in ports} == set(arrays)
    for port in ports:
        array = arrays[port.name]
        assert array.dtype == _DTYPES[model_config_pb2.DataType.Name(port.data_type)]
        assert len(port.dims) == array.ndim - 1, "the windows are Triton's to count"
        assert all(size in (-1, real) for size, real in zip(port.dims, array.shape[1:], strict=True))


def serve(repository: Path, name: str, version: int, feed: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Answer as Triton would, by the configurations."""
    config = config_of(repository / name)
    assert config.name == name
    check_face(config.input, feed)
    place = repository / name / str(version)
    if config.platform == "ensemble":
        assert list(place.iterdir()) == []
        known = dict(feed)
        for step in config.ensemble_scheduling.step:
            assert step.model_version == -1, "the latest"
            made = serve(repository, step.model_name, version, {k: known[v] for k, v in step.input_map.items()})
            known |= {value: made[key] for key, value in step.output_map.items()}
        answer = {port.name: known[port.name] for port in config.output}
    elif config.backend == "onnxruntime":
        session = onnxruntime.InferenceSession(place / "model.onnx", providers=["CPUExecutionProvider"])
        names = [port.name for port in config.output]  # which may be some of a graph's
        answer = dict(zip(names, session.run(names, feed), strict=True))
    else:
        assert config.backend == "openvino"
        import openvino

        settings = {"INFERENCE_PRECISION_HINT": "f32"}
        made = openvino.Core().compile_model(str(place / "model.xml"), "CPU", settings)(feed)
        answer = {port.name: made[port.name] for port in config.output}
    if config.platform != "ensemble":
        assert config.HasField("dynamic_batching")
        assert config.max_batch_size == 64
    check_face(config.output, answer)
    return answer


@pytest.mark.parametrize(
    ("options", "models"),
    [
        ({}, {"fx"}),
        ({"split": True, "scheduler": "ddpm"}, {"fx", "fx-encoder", "fx-denoiser"}),
        ({"target": "openvino"}, {"fx", "fx-normaliser", "fx-denoiser", "fx-decoder"}),
    ],
)
def test_it_serves_what_the_engine_gives(
    tiny: Compiled, tiny_model: Path, tmp_path: Path, options: dict[str, Any], models: set[str]
) -> None:
    if "target" in options:
        pytest.importorskip("openvino", reason="the openvino extra is not installed")
    export_model(tiny_model, tmp_path / "fx", steps=3, **options)
    assert write_triton(tmp_path / "fx", tmp_path / "repository") == ("fx", 1)
    assert {folder.name for folder in (tmp_path / "repository").iterdir()} == models
    engine = load_engine(tmp_path / "fx")
    inputs = engine_inputs(tiny.windows.part(0, 3))
    noise, draws = draw_noise(7, 0, 3, 5, engine.noise_shape)
    feed = {**inputs, "noise": noise, **({"draws": draws} if draws.size else {})}
    seen, expected = serve(tmp_path / "repository", "fx", 1, feed), engine(inputs, 5, seed=7)
    np.testing.assert_allclose(seen["samples"], expected.samples, rtol=1e-6)
    np.testing.assert_allclose(seen["quantiles"], expected.quantiles, rtol=1e-6)
    # Two requests that Triton would batch: along the first axis of everything.
    parts = [serve(tmp_path / "repository", "fx", 1, {name: array[at] for name, array in feed.items()})
             for at in (slice(0, 1), slice(1, 3))]  # fmt: skip
    np.testing.assert_allclose(np.concatenate([part["samples"] for part in parts]), expected.samples, rtol=1e-6)


def test_a_later_engine_of_the_same_face_is_the_next_version(
    tiny_model: Path, tiny_engine: Path, tmp_path: Path
) -> None:
    engine, repository = Path(shutil.copytree(tiny_engine, tmp_path / "fx")), tmp_path / "repository"
    assert [write_triton(engine, repository)[1] for _ in range(2)] == [1, 2]
    assert {each.name for each in (repository / "fx").iterdir()} == {CONFIG, "1", "2"}
    before = (repository / "fx" / CONFIG).read_text()
    shutil.rmtree(engine)
    export_model(tiny_model, engine, horizons="1", steps=2)  # another face: one horizon
    with pytest.raises(SSSDError, match=r"fx is a model of another face \(its config.pbtxt differs\)"):
        write_triton(engine, repository)
    assert (repository / "fx" / CONFIG).read_text() == before
    assert {each.name for each in (repository / "fx").iterdir()} == {CONFIG, "1", "2"}


def test_what_triton_cannot_run_is_refused(tiny_engine: Path, tmp_path: Path) -> None:
    engine, repository = Path(shutil.copytree(tiny_engine, tmp_path / "fx")), tmp_path / "repository"
    manifest = read_manifest(engine)
    (part,) = manifest["parts"]
    updates = [[["noise", 0, 1.0]], [["output", 0, 1.0]]]
    latent = {"leading": [4, 1], "latent": [1, 4]}
    solver = {"one_time": True, "memory": 1, "timesteps": [999.0], "updates": updates, **latent}
    for parts, message in [
        ([{**part, "runtime": "tensorrt-rtx"}], "no backend for tensorrt-rtx"),
        ([{**part, "solver": solver}], "exported with --loop step"),
        ([], "of target 'onnx', which Triton cannot run"),
    ]:
        write_manifest(engine, {**manifest, "parts": parts})
        with pytest.raises(SSSDError, match=message):
            write_triton(engine, repository)
    with pytest.raises(SSSDError, match="is not an engine folder"):
        write_triton(tmp_path, repository)
    shutil.copytree(tiny_engine, tmp_path / "my engine")
    with pytest.raises(SSSDError, match="'my engine' is no name for a model of Triton"):
        write_triton(tmp_path / "my engine", repository)
    assert not repository.exists()


def test_a_plans_profile_bounds_the_batch(tiny_engine: Path, tmp_path: Path) -> None:
    engine = Path(shutil.copytree(tiny_engine, tmp_path / "fx"))
    manifest = read_manifest(engine)
    (part,) = manifest["parts"]
    plan = {"layers": 1, "profile": {"windows": [1, 1, 8], "samples": [1, 100, 1000]}}
    write_manifest(engine, {**manifest, "parts": [{**part, "runtime": "tensorrt", "plan": plan}]})
    write_triton(engine, tmp_path / "repository")
    config = config_of(tmp_path / "repository" / "fx")
    assert (config.backend, config.max_batch_size) == ("tensorrt", 8)
    assert config.instance_group[0].kind == model_config_pb2.ModelInstanceGroup.KIND_GPU


def test_the_command(tiny_engine: Path, tmp_path: Path) -> None:
    repository = tmp_path / "models"
    done = sssd_export("triton", tiny_engine, repository)
    assert (done.code, done.err) == (0, "")
    assert f"version 1 of {tiny_engine.name}; tritonserver --model-repository={repository}" in done.out
