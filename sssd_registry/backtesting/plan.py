"""Plan of a backtest: what all folds share, settled before the first one runs."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import pandas as pd

from sssd_registry.backtesting.folds import Fold, bar_starts, past_of, plan_folds
from sssd_registry.config import Config
from sssd_registry.data.frame import read_frame
from sssd_registry.data.other_frames import Data
from sssd_registry.data.panel import Panel, to_panel, without_constants
from sssd_registry.data.spec import DataSpec, resolve
from sssd_registry.errors import SSSDError
from sssd_registry.plugin_api.given_head import with_head
from sssd_registry.plugin_api.hookspecs import HeadSpec


@dataclass(frozen=True)
class Options:
    """Options of a backtest, as those of ``sssd backtest``.

    Attributes:
        folds: how many.
        refit: train for each fold anew; else one model, of the first fold's past, forecasts all.
        step: bars from a fold's first origin to the next one's; None for the farthest horizon.
        windows: origins of each fold, evenly spaced.
        samples: S.
        seed: of the forecasts' noise.
        format: of the tables, ``parquet`` or ``csv``.
    """

    folds: int = 5
    refit: bool = False
    step: int | None = None
    windows: int = 1
    samples: int = 100
    seed: int = 0
    format: str = "parquet"

    def check(self) -> None:
        """Refuse numbers that are none.

        Raises:
            SSSDError: one is too small, or the format is unknown.
        """
        for name, least in (("folds", 1), ("windows", 1), ("samples", 2), ("seed", 0)):
            if getattr(self, name) < least:
                raise SSSDError(f"{name} has to be {least} or more, got {getattr(self, name)}")
        if self.step is not None and self.step < 1:
            raise SSSDError(f"step has to be 1 bar or more, got {self.step}")
        if self.format not in ("parquet", "csv"):
            raise SSSDError(f"tables are written as parquet or csv, not {self.format!r}")


@dataclass(frozen=True)
class Plan:
    """Plan that folds are run by.

    Attributes:
        frame: all rows, as ``read_frame`` gives them.
        config: of every training; horizons and targets are settled, and nothing is held out for a test.
        spec: how the frame is read.
        actual: what came to be: the panel of all rows, without the series that nothing is scored of.
        folds: in the order of time.
        options: as asked for.
        head: of every training, in place of a plugin's.
    """

    frame: pd.DataFrame
    config: Config
    spec: DataSpec
    actual: Panel
    folds: tuple[Fold, ...]
    options: Options
    head: HeadSpec | None = None

    def past(self, origin: int) -> pd.DataFrame:
        """The rows that are known at an origin."""
        return past_of(self.frame, self.spec, origin)


def make_plan(data: Data, config: Config, options: Options, head: HeadSpec | None = None) -> Plan:
    """Read the data and settle what folds share.

    Raises:
        SSSDError: bad data, or too few for the folds.
    """
    options.check()
    config = with_head(config, head)
    frame = read_frame(data, config.data)
    spec = resolve(config.data, frame)
    panel = without_constants(to_panel(frame, spec), spec)
    farthest = max(spec.horizons)
    starts = bar_starts([series.times for series in panel.series])
    folds = plan_folds(starts, farthest, options.folds, options.step or farthest, options.windows, panel.source)
    # What is forecast follows from the past alone: a column that is constant there may vary later.
    targets = resolve(config.data, past_of(frame, spec, folds[0].cutoff)).targets
    settled = config.data.model_copy(
        update={
            "time": spec.time, "id": spec.id, "horizons": spec.horizons, "targets": targets, "test_fraction": 0.0,
            "bar": config.data.bar,
        }
    )  # fmt: skip
    spec = spec.model_copy(update={"targets": targets})
    return Plan(frame, config.model_copy(update={"data": settled}), spec, panel, folds, options, head)


def settings_of(plan: Plan) -> dict[str, Any]:
    """Settings that forecasts depend on, with the data's digest: a folder has the folds of one such dictionary."""
    digest = hashlib.sha256()
    for series in plan.actual.series:
        digest.update(series.id.encode("utf-8", "surrogatepass") + b"\0")
        digest.update(series.times.tobytes())
        digest.update(series.values.tobytes())
    config = plan.config.model_dump(mode="json")
    options = {name: getattr(plan.options, name) for name in Options.__dataclass_fields__}
    options["step"] = options["step"] or max(plan.spec.horizons)
    made: dict[str, Any] = json.loads(json.dumps({"data": digest.hexdigest(), **options, **_flat(config)}))
    return made


def _flat(tree: dict[str, Any]) -> dict[str, Any]:
    return {f"{section}.{key}": value for section, entries in tree.items() for key, value in entries.items()}
