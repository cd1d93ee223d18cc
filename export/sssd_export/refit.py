"""``sssd-export refit MODEL ENGINE``: another model's weights in an engine, everything else as it was.

The graph is composed anew, and has to be the same but for its constants. Runtimes that compile when an engine is loaded
just get it; TensorRT's plans have to have been built with ``refit=true``, and keep all but their weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sssd_engine.manifest import read_manifest
from sssd_export.engine_errors import as_users_error
from sssd_export.request import ExportOptions, export_request
from sssd_registry.errors import SSSDError
from sssd_registry.files.atomic import atomic_directory
from sssd_registry.files.folder_kinds import ENGINE
from sssd_registry.model_pipeline import ModelPipeline
from sssd_registry.plugin_api.given_head import Head

_COMPILED_WHEN_LOADED = ("onnxruntime", "openvino")
# What has to be the same: a caller of the engine sees no difference but the forecasts.
_SAME = ("inputs", "outputs", "horizons", "tableau", "latent_shape", "network_in_use")


def refit(engine: Path, model: Path, head: Head | None = None) -> dict[str, Any]:
    """Put the weights of ``model`` into ``engine``, after checking parity; the folder is replaced whole or not at all.

    Args:
        engine: engine folder.
        model: model folder.
        head: the model's, where it was given from Python.

    Returns:
        the new manifest.

    Raises:
        SSSDError: not an engine, of a runtime that cannot, or the model has another architecture or process.
    """
    with as_users_error():
        before = read_manifest(engine)
    parts = before.get("parts", ())
    if not parts or not all(_takes_weights(part) for part in parts):
        raise SSSDError(
            f"{engine} is an engine of target {before['target']!r}, whose weights are compiled in: export {model} anew"
        )
    order = ExportOptions(**before["source"]["order"])
    pipeline = ModelPipeline.from_pretrained(model, scheduler=order.scheduler, head=head)
    spec, request = export_request(model, order, pipeline)
    with atomic_directory(engine, owner=ENGINE) as folder:
        after = spec.build(replace(request, refit=engine), folder)
        different = [name for name in _SAME if after[name] != before[name]]
        different += [new["name"] for old, new in zip(before["parts"], after["parts"], strict=False)
                      if new["structure"] != old["structure"]]  # fmt: skip
        if different:
            raise SSSDError(f"{model} does not fit {engine}: {', '.join(different)} would change; export it anew")
    return after


def _takes_weights(part: Mapping[str, Any]) -> bool:
    return part["runtime"] in _COMPILED_WHEN_LOADED or bool(part.get("plan", {}).get("refit"))
