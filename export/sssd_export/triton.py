"""An engine folder as a model of NVIDIA's Triton Inference Server.

    REPOSITORY/NAME/config.pbtxt         what it takes and gives, and what runs it
    REPOSITORY/NAME/1/model.onnx         the graph; 2, 3, … are later engines of the same face

An engine of several parts is an ensemble, NAME, of one model for each, NAME-PART. Triton batches what comes in along
the windows, the first axis of every input. Noise is an input there. With ``seeds`` the server makes it:

    REPOSITORY/NAME/1/model.py           for Triton's Python backend: calls the engine by ``sssd_engine``
    REPOSITORY/NAME/1/engine/            the engine folder
 The schema is ``model_config.proto`` of Triton's own `common` repository.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sssd_engine.manifest import MANIFEST, opened, read_manifest
from sssd_engine.noise import NOISE
from sssd_engine.triton_model import SAMPLES, SEED
from sssd_export.engine_errors import as_users_error
from sssd_registry.errors import SSSDError
from sssd_registry.files.atomic import atomic_directory

CONFIG = "config.pbtxt"
# Triton's backend for each of our runtimes, and where it computes.
_BACKENDS = {"onnxruntime": ("onnxruntime", "KIND_CPU"), "openvino": ("openvino", "KIND_CPU"),
             "onnxruntime-cuda": ("onnxruntime", "KIND_GPU"), "tensorrt": ("tensorrt", "KIND_GPU")}  # fmt: skip
_TYPES = {"float64": "TYPE_FP64", "float32": "TYPE_FP32", "float16": "TYPE_FP16", "bfloat16": "TYPE_BF16",
          "int64": "TYPE_INT64", "int32": "TYPE_INT32", "int8": "TYPE_INT8", "uint8": "TYPE_UINT8",
          "bool": "TYPE_BOOL"}  # fmt: skip
# Windows of one batch, where the engine itself sets no limit.
_MAX_WINDOWS = 64
_MODEL = '"""What Triton\'s Python backend runs; it needs sssd-engine with the engine\'s runtime."""\n\n' + (
    "from sssd_engine.triton_model import TritonPythonModel as TritonPythonModel\n"
)


class _Word(str):
    """A name that the text format has without quotes: a value of an enum."""


@dataclass(frozen=True)
class _Model:
    """One folder of the repository.

    Attributes:
        name: of the folder.
        config: text of its configuration.
        files: what a version of it holds, by the name there.
        texts: the same, of files that are written and not copied.
    """

    name: str
    config: str
    files: Mapping[str, Path]
    texts: Mapping[str, str] = field(default_factory=dict)


def write_triton(engine: Path, repository: Path, *, seeds: bool = False) -> tuple[str, int]:
    """Add an engine to a model repository, under the engine folder's name: as version 1, or as the next.

    Args:
        engine: engine folder.
        repository: folder; made where there is none.
        seeds: the model takes a seed in the place of noise, and runs in Triton's Python backend.

    Returns:
        the model's name and version.

    Raises:
        SSSDError: not an engine, one that Triton has no backend for, or the repository has another model of that name.
    """
    with as_users_error(), opened(engine) as place:
        return _write(engine.resolve().name, place, repository, seeds)


def _write(name: str, engine: Path, repository: Path, seeds: bool) -> tuple[str, int]:
    manifest = read_manifest(engine)
    if not re.fullmatch(r"[\w.-]+", name):
        raise SSSDError(f"{name!r} is no name for a model of Triton: letters, digits, _, - and . are; rename {engine}")
    models = [_seeded_model(name, engine, manifest)] if seeds else list(_models(name, engine, manifest))
    version = 1 + max((_latest(repository / model.name, model.config) for model in models), default=0)
    for model in models:  # the ensemble, which names the others, is last
        folder = repository / model.name
        new = not folder.exists()
        with atomic_directory(folder if new else folder / str(version), owner=None) as made:
            place = made / str(version) if new else made
            place.mkdir(exist_ok=True)
            for file, source in model.files.items():
                (place / file).parent.mkdir(exist_ok=True)
                shutil.copy(source, place / file)
            for file, text in model.texts.items():
                (place / file).write_text(text, encoding="utf-8")
            if new:
                (made / CONFIG).write_text(model.config, encoding="utf-8")
    return name, version


def _seeded_model(name: str, engine: Path, manifest: Mapping[str, Any]) -> _Model:
    """The whole engine as one model that makes its noise; on the GPU it is on by itself, so that Triton needs none."""
    if not manifest["parts"]:
        raise SSSDError(f"{engine} is of target {manifest['target']!r}, which Triton cannot run")
    inputs = [port for port in manifest["inputs"] if port["name"] not in NOISE]
    config = {
        "name": name,
        "backend": "python",
        "max_batch_size": min(map(_max_windows, manifest["parts"])),
        **_face([*inputs, {"name": SEED, "dtype": "int64", "shape": ["windows", 1]}], manifest["outputs"]),
        "instance_group": [{"count": 1, "kind": _Word("KIND_CPU")}],
        "dynamic_batching": {},
        "parameters": [{"key": SAMPLES, "value": {"string_value": str(manifest["num_samples"])}}],
    }
    files = {f"engine/{file}": engine / file for file in (*manifest["files"], MANIFEST)}
    return _Model(name, _text(config), files, {"model.py": _MODEL})


def _models(name: str, engine: Path, manifest: Mapping[str, Any]) -> Iterator[_Model]:
    parts = manifest["parts"]
    if not parts:
        raise SSSDError(f"{engine} is of target {manifest['target']!r}, which Triton cannot run")
    for part in parts:
        if "solver" in part:
            raise SSSDError(
                f"{engine} was exported with --loop step, and Triton repeats no model: use unrolled or loop"
            )
        if part["runtime"] not in _BACKENDS:
            raise SSSDError(
                f"Triton has no backend for {part['runtime']}, which {engine} is for: export another target"
            )
    if len(parts) == 1:
        yield _part_model(name, engine, manifest, {**parts[0], "outputs": manifest["outputs"]})
        return
    names = [f"{name}-{part['name']}" for part in parts]
    for model, part in zip(names, parts, strict=True):
        yield _part_model(model, engine, manifest, part)
    yield _Model(name, _ensemble(name, names, manifest), {})


def _part_model(name: str, engine: Path, manifest: Mapping[str, Any], part: Mapping[str, Any]) -> _Model:
    graph = Path(part["graph"])
    backend, kind = _BACKENDS[part["runtime"]]
    config = {
        "name": name,
        "backend": backend,
        "max_batch_size": _max_windows(part),
        **_face(part["inputs"], part["outputs"]),
        "instance_group": [{"count": 1, "kind": _Word(kind)}],
        "dynamic_batching": {},
    }
    files = {f"model{Path(file).suffix}": engine / file for file in manifest["files"] if Path(file).stem == graph.stem}
    return _Model(name, _text(config), files)


def _ensemble(name: str, models: Sequence[str], manifest: Mapping[str, Any]) -> str:
    """The parts one after the other; a tensor has the same name in all."""
    parts = manifest["parts"]
    read = {port["name"] for part in parts for port in part["inputs"]} | {port["name"] for port in manifest["outputs"]}
    steps = [
        {
            "model_name": model,
            "model_version": -1,
            "input_map": [{"key": port["name"], "value": port["name"]} for port in part["inputs"]],
            "output_map": [{"key": port["name"], "value": port["name"]} for port in part["outputs"]
                           if port["name"] in read],
        }
        for model, part in zip(models, parts, strict=True)
    ]  # fmt: skip
    return _text(
        {
            "name": name,
            "platform": "ensemble",
            "max_batch_size": min(map(_max_windows, parts)),
            **_face(manifest["inputs"], manifest["outputs"]),
            "ensemble_scheduling": {"step": steps},
        }
    )


def _face(inputs: Sequence[Mapping[str, Any]], outputs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Inputs and outputs without their first axis, the windows, which Triton counts by itself."""
    ports = [
        [{"name": port["name"], "data_type": _Word(_TYPES[port["dtype"]]),
          "dims": [size if isinstance(size, int) else -1 for size in port["shape"][1:]]} for port in side]
        for side in (inputs, outputs)
    ]  # fmt: skip
    return {"input": ports[0], "output": ports[1]}


def _max_windows(part: Mapping[str, Any]) -> int:
    return int(part["plan"]["profile"]["windows"][2]) if "plan" in part else _MAX_WINDOWS


def _latest(folder: Path, config: str) -> int:
    """The last version of a model that is there already, or 0."""
    if not folder.exists():
        return 0
    if not (folder / CONFIG).is_file() or (folder / CONFIG).read_text(encoding="utf-8") != config:
        raise SSSDError(
            f"{folder} is a model of another face (its {CONFIG} differs): remove it, or name another repository"
        )
    return max((int(each.name) for each in folder.iterdir() if each.name.isdigit()), default=0)


def _text(message: Mapping[str, Any], indent: str = "") -> str:
    """A protocol buffer's text format: names and values, blocks in braces, repeated fields repeated."""
    lines = []
    for key, value in message.items():
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, Mapping):
                lines.append(f"{indent}{key} {{\n{_text(each, indent + '  ')}{indent}}}\n")
            else:
                word = each if isinstance(each, _Word) else json.dumps(each)
                lines.append(f"{indent}{key}: {word}\n")
    return "".join(lines)
