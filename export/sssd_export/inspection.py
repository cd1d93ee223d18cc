"""Report of ``sssd-export inspect`` on an engine folder: its manifest, the files' sizes, and how fast it is here."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from pydantic import ValidationError

from sssd_engine.engine import Engine, load_engine
from sssd_engine.manifest import MANIFEST, EngineError, read_manifest
from sssd_export.engine_errors import as_users_error
from sssd_export.forecaster import engine_spec
from sssd_registry.data.windows import KNOWN
from sssd_registry.errors import SSSDError
from sssd_registry.storage.validation_paths import ValidationPaths

_ROUNDS = 7
_DESCRIBED = (
    "precision",
    "scheduler",
    "num_inference_steps",
    "num_calls",
    "network_in_use",
    "horizons",
    "num_samples",
    "spec",
    "versions",
)


def inspected(folder: Path) -> dict[str, Any]:
    """The manifest, with ``sizes`` of the files in bytes and ``speed``, or why there is none.

    Raises:
        SSSDError: not an engine folder, or one that was changed.
    """
    with as_users_error():
        manifest = read_manifest(folder)
    if missing := [name for name in _DESCRIBED if name not in manifest]:
        raise SSSDError(f"{folder}/{MANIFEST} does not say its {', '.join(missing)}: its own plugin has to show it")
    sizes = {name: (folder / name).stat().st_size for name in manifest["files"]}
    return {**manifest, "sizes": sizes, "speed": _speed(folder)}


def _speed(folder: Path) -> dict[str, Any]:
    """Milliseconds of one forecast of one window, with the samples it was exported for, on this machine."""
    try:
        engine = load_engine(folder)
        feed = plain_windows(engine, 1)
        engine(feed)
    except EngineError as error:
        return {"not measured": str(error)}
    taken = []
    for seed in range(_ROUNDS):
        started = time.perf_counter()
        engine(feed, seed=seed)
        taken.append(1e3 * (time.perf_counter() - started))
    return {"milliseconds": round(median(taken), 2), "windows": 1, "samples": engine.manifest["num_samples"]}


def plain_windows(engine: Engine, windows: int) -> dict[str, np.ndarray[Any, Any]]:
    """Bars of a random walk about 1, as an engine takes them: fit for timing, not for anything else."""
    spec = engine_spec(engine.manifest)
    random = np.random.default_rng(0)
    end = math.lcm(*(timeframe.seconds for timeframe in spec.timeframes))  # all timeframes' last bars end here
    feed: dict[str, np.ndarray[Any, Any]] = {}
    for timeframe in spec.timeframes:
        shape = (windows, timeframe.lookback, spec.width)
        feed[f"values_{timeframe.name}"] = 1 + 1e-3 * random.standard_normal(shape).cumsum(axis=1)
        times = end + timeframe.seconds * np.arange(-timeframe.lookback, 0, dtype=np.int64)
        feed[f"times_{timeframe.name}"] = np.tile(times, (windows, 1))
    if spec.known:
        feed[f"values_{KNOWN}"] = np.zeros((windows, max(engine.horizons), len(spec.known)))
    return feed


def describe(folder: Path, found: dict[str, Any]) -> str:
    """A page of text."""
    speed = found["speed"]
    lines = [
        f"{folder}: {found['target']} engine, {found['precision']}",
        f"scheduler  {found['scheduler']}, {found['num_inference_steps']} steps, {found['num_calls']} network calls"
        if found["network_in_use"]
        else "scheduler  none: the model's network was left out, and forecasts are in closed form",
        f"horizons   {', '.join(map(str, found['horizons']))} bars, {found['num_samples']} samples by default",
        f"targets    {', '.join(found['spec']['targets'])}",
        f"parity     {_parity(found.get('parity'))}",
    ]
    if found.get("validation"):
        lines.append(f"validation {_validation(folder, found['validation'])}")
    if "milliseconds" in speed:
        lines.append(
            f"speed      {speed['milliseconds']} ms for one window and {speed['samples']} samples, here and now"
        )
    else:
        lines.append(f"speed      not measured: {speed['not measured']}")
    for part in found.get("parts", ()):
        nodes = ", ".join(f"{count} {kind}" for kind, count in list(part["layers"].items())[:6])
        lines.append(
            f"{part['name']:<10} {part['graph']} for {part['runtime']} in {part['precision']}:"
            f" {sum(part['layers'].values())} nodes ({nodes}, …), {part['weights']:,} weights;"
            f" {_names(part['inputs'])} -> {_names(part['outputs'])}"
        )
    lines += [f"{name:<20} {size / 1e6:8.2f} MB  sha256 {found['files'][name][:16]}…"
              for name, size in found["sizes"].items()]  # fmt: skip
    lines.append("made with  " + ", ".join(f"{name} {version}" for name, version in found["versions"].items()))
    if source := found.get("source"):
        lines.append(f"made from  {source['model']} by sssd-export build {source['command']}")
    return "\n".join(lines)


def _parity(parity: Mapping[str, Any] | None) -> str:
    if parity is None:
        return "was not checked"
    moved = f", of which the network moves them {share:.2g}" if (share := parity.get("network_share")) else ""
    return (
        f"{parity['max_error']:.1e} of the samples' standard deviation, {parity['tolerance']:.0e} allowed{moved};"
        f" {parity.get('of', 'the engine')}"
    )


def _validation(folder: Path, entry: Any) -> str:
    """Scores of the model's paths, as training found them."""
    try:
        scores = ValidationPaths.model_validate(entry)
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise SSSDError(f"{folder}/{MANIFEST}: its validation is not an engine's, at {where}") from None
    several = ", targets scaled" if len(scores.target_scales) > 1 else ""
    covered = ", ".join(
        f"{name} {np.mean(list(one.coverage_90.values())):.0%}" for name, one in scores.functionals.items()
    )
    return (
        f"CRPS {np.mean(list(scores.crps.values())):.4g}, energy score{several} {scores.energy_score:.4g},"
        f" variogram score {scores.variogram_score:.4g}"
        + (f"; in the 90 % interval of the path's {covered}" if covered else "")
        + f"; the model's, of {scores.windows} windows before the test part"
    )


def _names(ports: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(port["name"] for port in ports)
