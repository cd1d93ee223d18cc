"""The menu: everything a plugin can add, and what each thing has to look like.

A plugin is a module with one or more of the functions below, marked ``@hookimpl``, and an entry point:

    [project.entry-points.sssd_registry]
    my-plugin = "my_module"

It says which version of this menu it was written for, ``SSSD_HOOK_API = 1``; another version is not loaded.

Importing that module should cost little: ``sssd plugins`` imports every plugin. Import torch and diffusers
inside the factories.

Options are a frozen dataclass with a default for every field; they are validated by their annotations when
somebody passes any (``--scheduler dpmsolver++:solver_order=3``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pluggy

if TYPE_CHECKING:
    from torch import nn

    from sssd_registry.data.windows import Windows
    from sssd_registry.forecaster import Forecaster
    from sssd_registry.model.network import SSSDNetwork
    from sssd_registry.sampling.noise_schedule import NoiseSchedule
    from sssd_registry.sampling.tableau import SolverTableau

PROJECT = "sssd_registry"

# Raised when something here changes so that a plugin written for the earlier version would do the wrong thing.
HOOK_API = 1

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@dataclass(frozen=True)
class NoOptions:
    """Options of plugins that have nothing to set."""


def always() -> str:
    """Return ``""``: for plugins that can be used wherever they are installed."""
    return ""


@dataclass(frozen=True)
class SchedulerSpec:
    """A scheduler: how a model's noise is taken away.

    Attributes:
        name: what ``--scheduler`` calls it.
        summary: one line for ``sssd plugins``.
        factory: ``(schedule, options) -> scheduler``, a fresh object with the diffusers interface
            (``set_timesteps``, ``timesteps``, ``scale_model_input``, ``init_noise_sigma``, ``step``). It must
            honour the schedule's betas and prediction type, and be linear: no clipping, no thresholding.
        options: frozen dataclass of what can be set.
        order: order of convergence in the number of steps with the default options, where the scheduler solves
            the probability flow ODE; ``sssd_registry.testing`` measures it. ``None`` for stochastic ones.
        consistency: samples right only from a network distilled to a consistency function; with any other it
            does not come closer to the data with more steps.
        unavailable: why it cannot be used here, or nothing; asked by ``sssd plugins``, so it imports nothing heavy.
    """

    name: str
    summary: str
    factory: Callable[[NoiseSchedule, Any], Any]
    options: type = NoOptions
    order: int | None = None
    consistency: bool = False
    unavailable: Callable[[], str] = always


@dataclass(frozen=True)
class SamplerOptions:
    """Options of a loop sampler; a subclass adds arguments of its function, by their names.

    ``sigmas`` are spaced by Karras et al. 2022 (eq. 5), ``exponential``, or those of evenly spaced time steps
    (``trailing``).
    """

    sigmas: Literal["karras", "exponential", "trailing"] = "karras"


@dataclass(frozen=True)
class SamplerSpec:
    """A loop sampler: a function ``(model, x, sigmas, …) -> x0``, as k-diffusion has them.

    It works on ``x = x0 + sigma eps``; ``model(x, sigma)``, with ``sigma`` a tensor ``(len(x),)``, is the data seen in
    ``x``. Instead of ``sigmas`` it may take ``sigma_min`` and ``sigma_max``, and ``n``. Noise comes from
    ``noise_sampler(sigma, sigma_next)``, if it has that argument, or from ``torch.randn_like``. It is read off by
    running it, so its calls must not depend on the data, and it has to be linear in them. Then it is a scheduler like
    any other.

    Attributes:
        name: what ``--scheduler`` calls it; schedulers and samplers share their names.
        summary: one line for ``sssd plugins``.
        factory: ``() -> function``; import torch in it.
        options: frozen dataclass, :class:`SamplerOptions` or a subclass of it.
        order, unavailable: as for schedulers.
    """

    name: str
    summary: str
    factory: Callable[[], Callable[..., Any]]
    options: type = SamplerOptions
    order: int | None = None
    unavailable: Callable[[], str] = always


@dataclass(frozen=True)
class HeadSpec:
    """A noise head: the network that each denoising step calls.

    Attributes:
        name: what ``model.head`` calls it.
        summary: one line for ``sssd plugins``.
        factory: ``(latent_size D, cond_size C, options) -> nn.Module`` with
            ``forward(z (B, S, K, D), t (B, S), cond (B, K, C)) -> (B, S, K, D)``, float32, for any B, S and K.
            ``t`` is one of the training's time steps (``NoiseSchedule.timesteps``), or between two of them.
            A head that also takes ``t`` as ``(1, 1)``, to be broadcast, exports faster.
        options: frozen dataclass of what can be set.
        unavailable: as for schedulers.
        tokens: it looks along K, at a path's leading components over horizons as K tokens, smooth ones first, each
            of the targets' D. Otherwise K is 1, and D all that is diffused of a path, so that any head sees all of it.
        past: ``cond`` is ``(B, K + N, C)``: after the K rows come N tokens of the window's past, oldest first and
            timeframe by timeframe, for it to attend to. What it computes from them alone is done once a window.
    """

    name: str
    summary: str
    factory: Callable[[int, int, Any], nn.Module]
    options: type = NoOptions
    unavailable: Callable[[], str] = always
    tokens: bool = False
    past: bool = False


# Told what is done, how much there is, and what is next.
Report = Callable[[int, int, str], None]


def silent(_done: int, _total: int, _now: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class ExportRequest:
    """Request of ``sssd-export`` to a target.

    Attributes:
        network: the trained network; its ``spec`` says what the data are.
        tableau: what the solver does, which the engine is to do.
        scheduler: its name, for the manifest; ``scheduler_factory`` makes one, which parity is checked against.
        horizons: K, in bars.
        num_samples: S where nothing else is asked of the engine.
        examples: raw windows to trace, calibrate and check with.
        random_walk_window, test_start: as the training record has them, for the manifest.
        validation: scores of the model's paths on its validation part, for the manifest; nothing where there are none.
        options: an instance of the target's options.
        precision: one of the target's ``precisions``.
        loop: ``unrolled`` into the graph, a ``loop`` in it, or a ``step`` that is repeated outside.
        split: encoder and denoiser are to be graphs of their own.
        stream: the encoder is to be fed bar by bar, too; a target need not know of it.
        source: what the engine is made of, for its manifest: the model's files by hash, and the command.
        refit: an engine of the same graphs but for their weights, whose compiled parts may be taken over and given
            new ones.
        report: may be told steps of the build done, steps in all, and what is next, for a progress bar.
    """

    network: SSSDNetwork
    tableau: SolverTableau
    scheduler: str
    scheduler_factory: Callable[[], Any]
    horizons: tuple[int, ...]
    num_samples: int
    examples: Windows
    random_walk_window: int
    test_start: int
    options: Any
    precision: str = "fp32"
    loop: str = "unrolled"
    split: bool = False
    stream: bool = False
    source: Mapping[str, Any] = field(default_factory=dict)
    validation: Mapping[str, Any] = field(default_factory=dict)
    refit: Path | None = None
    report: Report = silent


@dataclass(frozen=True)
class TargetSpec:
    """An export target: a compiler that an engine can be built for, and the runtime of its engines.

    Attributes:
        name: what ``sssd-export build --target`` calls it; stored in the engine's manifest.
        summary: one line for ``sssd plugins``.
        build: ``(request, folder) -> manifest`` writes an engine into an existing empty folder.
        load: ``folder -> Forecaster``; needs no torch.
        options: frozen dataclass of what can be set; ``build`` finds an instance in ``request.options``.
        unavailable: as for schedulers: why nothing can be built here, such as ``not installed: pip install …``.
        precisions: what ``--precision`` may ask of it, the default first.
        run_unavailable: why an engine that is built here cannot be run here, or nothing; it may import what it asks.
        native_code: its engines are machine code, which those alone load who say that they trust it; `sssd-export auto`
            tries it only where it is named.
    """

    name: str
    summary: str
    build: Callable[[ExportRequest, Path], dict[str, Any]]
    load: Callable[[Path], Forecaster]
    options: type = NoOptions
    unavailable: Callable[[], str] = always
    precisions: tuple[str, ...] = ("fp32",)
    run_unavailable: Callable[[], str] = always
    native_code: bool = False


@dataclass(frozen=True)
class TrackedRun:
    """Training that a tracker follows.

    Attributes:
        name: of the model's folder.
        folder: where a tracker that writes files puts them, beside the model; there is none yet.
    """

    name: str
    folder: Path


@dataclass(frozen=True)
class TrackerSpec:
    """An experiment tracker, which is told of a training: its settings, loss, learning rate and validations.

    Attributes:
        name: what ``training.trackers`` calls it.
        summary: one line for ``sssd plugins``.
        factory: ``(run, options) -> tracker``, where a tracker has what accelerate's ``GeneralTracker`` has:
            ``start()``, ``store_init_configuration(values)``, ``log(values, step)`` and ``finish()``. It is made, and
            called, in the main process alone.
        options: frozen dataclass of what can be set.
        unavailable: as for schedulers.
    """

    name: str
    summary: str
    factory: Callable[[TrackedRun, Any], Any]
    options: type = NoOptions
    unavailable: Callable[[], str] = always


# Samples float64 (B, S, K, C) and what came to be (B, K, C), NaN where it is missing, to scores (B,).
Metric = Callable[[Any, Any], Any]


@dataclass(frozen=True)
class MetricSpec:
    """A score of forecasts, beside those of ``sssd evaluate``.

    Attributes:
        name: what ``--metric`` calls it.
        summary: one line for ``sssd plugins``.
        factory: ``(options) -> metric``, where a metric is a function of samples float64 ``(B, S, K, C)`` and of what
            came to be ``(B, K, C)``, NaN where it is missing, in data units (log-returns where these are forecast). It
            returns a score for each window, ``(B,)``, the lower the better, and NaN where nothing of a window was
            observed. It is given some windows at a time, and arrays that it cannot write to.
        options: frozen dataclass of what can be set.
        unavailable: as for schedulers.
    """

    name: str
    summary: str
    factory: Callable[[Any], Metric]
    options: type = NoOptions
    unavailable: Callable[[], str] = always


class Hooks:
    """The functions a plugin may have. Each takes nothing and returns a list."""

    @hookspec
    def register_schedulers(self) -> list[SchedulerSpec]:  # type: ignore[empty-body]
        """Schedulers to add."""

    @hookspec
    def register_samplers(self) -> list[SamplerSpec]:  # type: ignore[empty-body]
        """Loop samplers to add: functions that become schedulers."""

    @hookspec
    def register_heads(self) -> list[HeadSpec]:  # type: ignore[empty-body]
        """Noise heads to add."""

    @hookspec
    def register_targets(self) -> list[TargetSpec]:  # type: ignore[empty-body]
        """Export targets to add."""

    @hookspec
    def register_trackers(self) -> list[TrackerSpec]:  # type: ignore[empty-body]
        """Experiment trackers to add."""

    @hookspec
    def register_metrics(self) -> list[MetricSpec]:  # type: ignore[empty-body]
        """Scores of forecasts to add."""
