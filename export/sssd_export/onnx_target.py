"""The ``onnx`` target: a plugin like anyone's. Importing it costs nothing; building imports torch and onnx-ir."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sssd_registry.hookspecs import ExportRequest, TargetSpec, hookimpl

if TYPE_CHECKING:
    from sssd_export.engine import Engine
    from sssd_registry.data.spec import DataSpec
    from sssd_registry.data.windows import Windows
    from sssd_registry.forecast import Forecast

SSSD_HOOK_API = 1

GRAPH = "model.onnx"


def build(request: ExportRequest, folder: Path) -> dict[str, Any]:
    """Write ``model.onnx`` and the manifest into ``folder``; returns the manifest.

    Raises:
        SSSDError: the engine does not match the live scheduler.
    """
    from sssd_export.build import build_onnx

    return build_onnx(request, folder, GRAPH)


def load(folder: Path) -> EngineForecaster:
    """Load an engine for the command line."""
    return open_engine(folder)


def open_engine(folder: Path, *, threads: int = 0) -> EngineForecaster:
    """An engine that ONNX Runtime runs, of whichever target, on ``threads`` threads (0: as many as there are cores).

    Raises:
        SSSDError: not such an engine, or a file was changed.
    """
    from sssd_export.engine import load_engine
    from sssd_export.manifest import EngineError
    from sssd_registry.errors import SSSDError

    try:
        return EngineForecaster(load_engine(folder, threads=threads))
    except EngineError as error:
        raise SSSDError(str(error)) from None


class EngineForecaster:
    """An engine that takes the core's windows and answers with the core's forecasts."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @functools.cached_property
    def spec(self) -> DataSpec:
        """The model's, but with the horizons that the engine was built for."""
        from sssd_registry.data.spec import DataSpec

        trained = DataSpec.model_validate(self.engine.manifest["spec"])
        return trained.model_copy(update={"horizons": self.engine.horizons})

    @property
    def num_samples(self) -> int:
        return int(self.engine.manifest["num_samples"])

    @property
    def test_start(self) -> int:
        return int(self.engine.manifest["test_start"])

    @property
    def random_walk_window(self) -> int:
        return int(self.engine.manifest["random_walk_window"])

    def __call__(
        self, windows: Windows, *, horizons: Sequence[float | str] | None, num_samples: int, seed: int
    ) -> Forecast:
        """Forecast at some or all of the horizons the engine was built for, in batches of bounded size."""
        import numpy as np

        from sssd_registry.horizons import check_horizons, dated_forecast

        bars = check_horizons(horizons, self.spec)
        columns = [self._column(bar) for bar in bars]
        at_once = max(1, 32_768 // (num_samples * len(self.engine.horizons)))
        parts = []
        for start in range(0, len(windows), at_once):
            part = windows.part(start, start + at_once)
            inputs: dict[str, Any] = {f"values_{name}": array for name, array in part.values.items()}
            inputs |= {f"times_{name}": array for name, array in part.times.items()}
            parts.append(self.engine(inputs, num_samples, seed, first_window=start).samples[:, :, columns])
        return dated_forecast(np.concatenate(parts), windows, self.spec, bars)

    def _column(self, bar: float) -> int:
        from sssd_registry.errors import SSSDError

        if bar not in self.engine.horizons:
            raise SSSDError(
                f"this engine was built for horizons {', '.join(map(str, self.engine.horizons))} (bars), not for"
                f" {bar:g}: export another with --horizons"
            )
        return self.engine.horizons.index(int(bar))


@hookimpl
def register_targets() -> list[TargetSpec]:
    return [TargetSpec("onnx", "ONNX Runtime; the engine runs with numpy and onnxruntime alone", build, load)]
