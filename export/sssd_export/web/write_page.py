"""A folder with a page that runs an engine in the browser: static files, for any server.

DIR/index.html, *.css, *.js      the page, as it is in this package
DIR/page.json                    the engine's name, and what was written
DIR/engine/                      the engine folder's files, unchanged
DIR/vendor/                      ONNX Runtime for browsers
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from sssd_engine.manifest import MANIFEST, opened, read_manifest
from sssd_export.engine_errors import as_users_error
from sssd_export.forecaster import engine_spec
from sssd_export.web.runtime import bring_runtime
from sssd_registry.data.spec import DataSpec
from sssd_registry.errors import SSSDError
from sssd_registry.files.atomic import atomic_directory
from sssd_registry.files.folder_kinds import PAGE


def write_page(engine: Path, out: Path) -> int:
    """Write the page; one that is there is replaced whole or not at all.

    Args:
        engine: engine folder, of target onnx.
        out: folder to write.

    Returns:
        its size in bytes.

    Raises:
        SSSDError: not an engine, one that a page cannot run or feed, ``out`` is another folder, or the runtime for
            browsers cannot be brought.
    """
    with as_users_error(), opened(engine) as place:
        manifest = read_manifest(place)
        check_engine(engine, manifest)
        with atomic_directory(out, owner=PAGE) as folder:
            _fill(folder, engine.resolve().name, place, manifest)
            return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _fill(folder: Path, name: str, engine: Path, manifest: Mapping[str, Any]) -> None:
    for source in files("sssd_export.web").joinpath("page").iterdir():
        (folder / source.name).write_bytes(source.read_bytes())
    for room in ("engine", "vendor"):
        (folder / room).mkdir()
    for file in (MANIFEST, *manifest["files"]):
        shutil.copyfile(engine / file, folder / "engine" / file)
    bring_runtime(folder / "vendor")
    written = {str(one.relative_to(folder)): None for one in sorted(folder.rglob("*")) if one.is_file()}
    (folder / PAGE.marker).write_text(json.dumps({"page": "sssd-export web", "name": name, "files": written}, indent=1))


def check_engine(engine: Path, manifest: Mapping[str, Any]) -> None:
    """Check that a page can run the engine, and make its windows of a file.

    Raises:
        SSSDError: it cannot; says why, and what could.
    """
    parts = manifest.get("parts", ())
    if not parts or any(part["runtime"] != "onnxruntime" for part in parts):
        runtime = ", ".join(sorted({part["runtime"] for part in parts}))
        of = f"target {manifest['target']!r}" + (f" for {runtime}" if runtime else "")
        raise SSSDError(f"{engine} is of {of}, which no browser runs: export it with --target onnx")
    if any(part.get("solver") for part in parts):
        raise SSSDError(f"{engine} was exported with --loop step, and a page repeats no graph: use unrolled or loop")
    if reason := _unreadable(engine_spec(manifest)):
        raise SSSDError(f"{engine} {reason}, which a page cannot: use sssd forecast, or Python")


def _unreadable(spec: DataSpec) -> str:
    """Tell what of the data a page does not read, or nothing."""
    if any(one.country or one.static for one in spec.known):
        names = ", ".join(dict.fromkeys(one.name for one in spec.known if one.country or one.static))
        return f"is told of holidays, or of what is constant within a series ({names})"
    if spec.bar_months:
        return f"has bars of {spec.bar}, and follows the calendar's months"
    if spec.step_length:
        return f"counts steps of {spec.step_length} where others have times"
    if (spec.timezone or "UTC").upper() not in ("UTC", "GMT", "ETC/UTC"):
        return f"takes times without a zone by the clock of {spec.timezone}"
    return ""
