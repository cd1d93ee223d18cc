"""Time-series diffusion forecasts whose schedulers and noise heads are plugins.

Names are loaded when they are first used, so that ``import sssd_registry`` (and with it every plugin's module
and ``sssd --help``) costs neither torch nor diffusers.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from sssd_registry.version import __version__

if TYPE_CHECKING:
    from sssd_registry.backtesting.backtest import backtest as backtest
    from sssd_registry.comparison.compare import compare as compare
    from sssd_registry.config import Config as Config
    from sssd_registry.config import load_config as load_config
    from sssd_registry.errors import DataWarning as DataWarning
    from sssd_registry.errors import SolverWarning as SolverWarning
    from sssd_registry.errors import SSSDError as SSSDError
    from sssd_registry.estimator import SSSDForecaster as SSSDForecaster
    from sssd_registry.evaluation.evaluate import evaluate as evaluate
    from sssd_registry.forecast import Forecast as Forecast
    from sssd_registry.model_or_engine import open_forecaster as open_forecaster
    from sssd_registry.pipeline import SSSDPipeline as SSSDPipeline
    from sssd_registry.plugin_api.hookspecs import HeadSpec as HeadSpec
    from sssd_registry.plugin_api.hookspecs import MetricSpec as MetricSpec
    from sssd_registry.plugin_api.hookspecs import NoOptions as NoOptions
    from sssd_registry.plugin_api.hookspecs import SamplerOptions as SamplerOptions
    from sssd_registry.plugin_api.hookspecs import SamplerSpec as SamplerSpec
    from sssd_registry.plugin_api.hookspecs import SchedulerSpec as SchedulerSpec
    from sssd_registry.plugin_api.hookspecs import TargetSpec as TargetSpec
    from sssd_registry.plugin_api.hookspecs import TrackedRun as TrackedRun
    from sssd_registry.plugin_api.hookspecs import TrackerSpec as TrackerSpec
    from sssd_registry.plugin_api.hookspecs import hookimpl as hookimpl
    from sssd_registry.sampling.loop_function import from_loop as from_loop
    from sssd_registry.sampling.noise_schedule import NoiseSchedule as NoiseSchedule
    from sssd_registry.sampling.read_tableau import read_tableau as read_tableau
    from sssd_registry.sampling.sampler import sample as sample
    from sssd_registry.sampling.tableau import SolverTableau as SolverTableau
    from sssd_registry.training.distill import distill as distill
    from sssd_registry.training.train import train as train
    from sssd_registry.tuning.tune import tune as tune

# Public name -> the module that it is in.
_HOME = {
    "Config": "config",
    "load_config": "config",
    "SSSDError": "errors",
    "DataWarning": "errors",
    "SolverWarning": "errors",
    "Forecast": "forecast",
    "HeadSpec": "plugin_api.hookspecs",
    "NoOptions": "plugin_api.hookspecs",
    "SamplerOptions": "plugin_api.hookspecs",
    "SamplerSpec": "plugin_api.hookspecs",
    "SchedulerSpec": "plugin_api.hookspecs",
    "TargetSpec": "plugin_api.hookspecs",
    "TrackedRun": "plugin_api.hookspecs",
    "TrackerSpec": "plugin_api.hookspecs",
    "MetricSpec": "plugin_api.hookspecs",
    "hookimpl": "plugin_api.hookspecs",
    "SSSDPipeline": "pipeline",
    "SSSDForecaster": "estimator",
    "open_forecaster": "model_or_engine",
    "from_loop": "sampling.loop_function",
    "sample": "sampling.sampler",
    "NoiseSchedule": "sampling.noise_schedule",
    "SolverTableau": "sampling.tableau",
    "read_tableau": "sampling.read_tableau",
    "train": "training.train",
    "distill": "training.distill",
    "evaluate": "evaluation.evaluate",
    "backtest": "backtesting.backtest",
    "compare": "comparison.compare",
    "tune": "tuning.tune",
}

__all__ = ["__version__", *sorted(_HOME)]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'sssd_registry' has no attribute {name!r}")
    return getattr(importlib.import_module(f"sssd_registry.{_HOME[name]}"), name)
