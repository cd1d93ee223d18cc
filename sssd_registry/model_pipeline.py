"""A trained forecaster: a frame in, a forecast out.

Imports none of diffusers: what only forecasts, as the command line does, has no use for its pipelines, whose import
takes longer than a forecast. :class:`~sssd_registry.pipeline.SSSDPipeline` is this and a diffusers pipeline in one.
"""

from __future__ import annotations

import hashlib
import math
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sssd_registry.data.end_windows import end_windows
from sssd_registry.data.given import given_values
from sssd_registry.data.other_frames import Data
from sssd_registry.data.panel import Panel
from sssd_registry.data.read_windows import read_windows
from sssd_registry.data.spec import DataSpec
from sssd_registry.data.windows import Windows, WindowSource
from sssd_registry.forecast import Forecast
from sssd_registry.horizons import check_horizons, dated_forecast, forecast_of_series
from sssd_registry.model.batches import to_tensors
from sssd_registry.model.conditioning import conditioned
from sssd_registry.model.network import SSSDNetwork
from sssd_registry.model.paths import standard_paths
from sssd_registry.plugin_api.given_head import Head
from sssd_registry.plugin_api.make_scheduler import bound, solver_tableau
from sssd_registry.sampling.noise import PathNoise, path_noise
from sssd_registry.sampling.tableau import SolverTableau
from sssd_registry.storage.distilled import Distilled, check_solver
from sssd_registry.storage.hub import local_folder
from sssd_registry.storage.model_folder import ModelFolder, TrainingRecord, read_model_folder, write_model_folder
from sssd_registry.storage.sampling_defaults import SamplingDefaults

# Numbers of noise and of samples in one batch: enough to keep the cores busy, small enough for any memory.
_NUMBERS_AT_ONCE = 1 << 20


class ModelPipeline:
    """Encoder, noise head, correlation and scheduler of a trained model.

    Args:
        model: the trained network; ``record`` says whether it is in use.
        scheduler: any object with the diffusers interface that samples ``model.schedule``, or a loop sampler
            (``from_loop(function)``). Assign another one at any time.
        record: what training left to know; needed to save.
        examples: a few windows kept with the model, for parity checks.
        sampling_defaults: default number of steps, and solvers tuned for the model.
    """

    scheduler: Any

    def __init__(
        self,
        model: SSSDNetwork,
        scheduler: Any,
        record: TrainingRecord | None = None,
        examples: Windows | None = None,
        sampling_defaults: SamplingDefaults | None = None,
    ) -> None:
        self.model = model
        if record is not None:
            model.in_use = record.network_in_use
        self._tableaus: dict[tuple[bytes, int], SolverTableau] = {}
        self.scheduler = scheduler
        self.record = record
        self.examples = examples
        self.sampling_defaults = sampling_defaults or SamplingDefaults()
        self._default_scheduler = self.scheduler if self.sampling_defaults.scheduler else None
        self._progress_bar_config: dict[str, Any] = {}
        model.eval()

    @property
    def spec(self) -> DataSpec:
        """Columns, timeframes and horizons the model was trained for."""
        return self.network.spec

    @property
    def network(self) -> SSSDNetwork:
        """The network; its parts are ``normalizer``, ``correlation``, ``encoder`` and ``head``."""
        return self.model

    def __setattr__(self, name: str, value: Any) -> None:
        """Give a scheduler that is assigned its process; diffusers, whose attribute it is too, is told as ever."""
        if name == "scheduler":
            value = bound(value, self.model.schedule)
            self._tableaus.clear()  # a function that was written anew has the name of the old one
        super().__setattr__(name, value)

    @property
    def device(self) -> torch.device:
        return self.network.device

    @property
    def encoder(self) -> torch.nn.Module:
        return self.network.encoder

    @property
    def head(self) -> torch.nn.Module:
        return self.network.head

    @property
    def correlation(self) -> torch.nn.Module:
        return self.network.correlation

    @property
    def distilled(self) -> Distilled | None:
        """The one solver that a distilled model forecasts right with."""
        return self.record.distilled if self.record else None

    def tableau(self, num_inference_steps: int) -> SolverTableau:
        """Return what the present scheduler does in that many steps.

        Raises:
            SSSDError: the scheduler samples another process than the model's, is not linear, or is not the one that
                the model was distilled for.
        """
        # Reading a tableau takes as long as a forecast. A scheduler can be changed in place: its state is the key.
        try:
            key = (hashlib.sha256(pickle.dumps(self.scheduler)).digest(), num_inference_steps)
        except (pickle.PicklingError, AttributeError, TypeError):  # made of a class or function within a function
            self._tableaus.clear()
            key = (b"", num_inference_steps)
        if key not in self._tableaus:
            tableau = solver_tableau(self.scheduler, self.network.schedule, num_inference_steps)
            check_solver(tableau, self.distilled, self.network.schedule)
            self._tableaus[key] = tableau
        return self._tableaus[key]

    def source(self, data: Data | Panel) -> WindowSource:
        """A raw frame, or file, read as the training data were."""
        return read_windows(data, self.spec)

    @torch.no_grad()
    def __call__(
        self,
        data: Data | Windows,
        *,
        horizons: Sequence[float | str] | None = None,
        num_inference_steps: int | None = None,
        num_samples: int = 100,
        generator: torch.Generator | int | None = None,
        given: Mapping[str, npt.ArrayLike] | npt.NDArray[np.float64] | None = None,
    ) -> Forecast:
        """Forecast from the last bar of every series, or from given windows.

        Args:
            data: a frame or file with the training data's columns, or windows.
            horizons: bars, durations such as ``"4h"``, or a range such as ``"1:24"``; default: the trained ones.
            num_inference_steps: N of the scheduler; default: the model's own, 20 unless it was set.
            num_samples: S.
            generator: a seed (the same forecast as an engine's with that seed), a torch generator, or nothing
                for fresh noise.
            given: what is known of the future: by target its values at the K horizons, ``(K,)`` or ``(B, K)``, NaN
                where it is not; or ``(B, K, C)`` of all targets. Samples pass through these, and the rest is as
                their correlation tells (:func:`~sssd_registry.model.conditioning.conditioned`).

        Returns:
            samples ``(B, S, K, C)`` float64 in data units.

        Raises:
            SSSDError: unusable data, a horizon beyond the trained ones, or a scheduler that does not fit.
        """
        bars = check_horizons(horizons, self.spec)
        if isinstance(data, Windows):
            windows = data
        else:
            source = self.source(data)
            windows, origins = end_windows(source, math.ceil(max(bars)))
        tableau = self.tableau(num_inference_steps or self.sampling_defaults.steps)
        shape = self.network.noise_shape(tableau)
        if generator is None:
            generator = int(np.random.default_rng().integers(2**62))
        at_once = max(1, _NUMBERS_AT_ONCE // (num_samples * (shape.size + len(bars) * len(self.spec.targets))))
        known = given_values(given, self.spec, len(windows), len(bars))
        chunks: list[Tensor] = []
        for first in self.progress_bar(range(0, len(windows), at_once)):
            chunk = windows.part(first, first + at_once)
            noise = path_noise(generator, chunk.numbers(first), len(chunk), num_samples, shape).to(self.device)
            part = None if known is None else torch.from_numpy(known[first : first + at_once]).to(self.device)
            chunks.append(forecast_samples(self.network, tableau, chunk, bars, noise, part).cpu())
        made = dated_forecast(torch.cat(chunks).numpy(), windows, self.spec, bars)
        return made if isinstance(data, Windows) else forecast_of_series(made, source, origins)

    def forecast_given(
        self,
        windows: Windows,
        *,
        horizons: Sequence[float | str],
        num_samples: int,
        seed: int,
        given: npt.NDArray[np.float64],
    ) -> Forecast:
        """Forecast given a part of the future: what an engine does, too."""
        return self(windows, horizons=horizons, num_samples=num_samples, generator=seed, given=given)

    def progress_bar(self, iterable: Any = None, total: int | None = None) -> Any:
        """A bar of batches, but none for a single one."""
        if total is None and len(iterable) < 2:
            return iterable
        from tqdm.auto import tqdm  # type: ignore[import-untyped]

        return tqdm(iterable, total=total, **self._progress_bar_config)

    def set_progress_bar_config(self, **options: Any) -> None:
        """Give the bar tqdm's ``options``, such as ``disable=True``."""
        self._progress_bar_config = options

    def save_pretrained(self, save_directory: str | Path) -> None:
        """Write the model folder: safetensors and JSON, complete or not at all.

        The scheduler of ``sampling_defaults`` goes with it, unless another one was assigned since.

        Args:
            save_directory: the folder.

        Raises:
            SSSDError: the folder cannot be written, or holds something else.
        """
        sampling_defaults = self.sampling_defaults
        if self.scheduler is not self._default_scheduler:
            sampling_defaults = SamplingDefaults(tuned=sampling_defaults.tuned)
        folder = ModelFolder(self.network, self.scheduler, self.record, self.examples, sampling_defaults)
        write_model_folder(folder, Path(save_directory))

    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path: str | Path, *, scheduler: Any = None, head: Head | None = None, **hub: Any
    ) -> Self:
        """Read a model folder. Nothing in it is executed, unpickled or imported by name.

        Args:
            pretrained_model_name_or_path: the folder, or ``owner/name`` on the Hub.
            scheduler: in place of the model's own: an object, or a name as ``--scheduler`` takes it.
            head: the factory of a head that was given from Python, as ``train(…, head=…)`` was; or the name of a
                plugin's head that has come to be the same, under which the model is then saved.
            hub: ``revision``, ``token``, ``cache_dir`` and ``local_files_only``, for the Hub.

        Raises:
            SSSDError: a file is missing, cut off, or not what it should be; or no such scheduler; or the head is of no
                plugin and is not given, or is not the one that was trained.
        """
        folder = read_model_folder(local_folder(pretrained_model_name_or_path, hub), scheduler, head)
        made = cls(folder.network, folder.scheduler, folder.record, folder.examples, folder.sampling_defaults)
        if scheduler is not None:
            made._default_scheduler = None
        return made


@torch.no_grad()
def forecast_samples(
    network: SSSDNetwork,
    tableau: SolverTableau,
    windows: Windows,
    horizons: Sequence[float],
    noise: PathNoise,
    given: Tensor | None = None,
) -> Tensor:
    """The whole computation of a forecast: encode once, denoise every path in one batch, colour, restore data units.

    Args:
        network: in evaluation mode.
        tableau: M network calls.
        windows: B windows.
        horizons: K, in bars.
        noise: of B windows and S samples, on the network's device.
        given: what is known of the future, ``(B, K, C)`` in data units, NaN where nothing is.

    Returns:
        float64 ``(B, S, K, C)``, data units.
    """
    values, times = to_tensors(windows, network.spec, network.device)
    bars = torch.tensor(list(horizons), dtype=torch.float32, device=network.device)
    condition = network.condition(network.encode(values, times)) if network.in_use else None
    paths = standard_paths(network, condition, tableau, bars, noise)  # (B, S, K, C)
    location, scale = network.normalizer.location_scale(values, times, bars)
    if given is None:
        return network.restore(paths, location, scale)
    standard = (network.target_values.scaled(given) - location) / scale
    paths = conditioned(paths, standard, network.correlation, network.correlation.rows(bars))
    made = network.restore(paths, location, scale)
    return torch.where(given.isnan().unsqueeze(1), made, given.unsqueeze(1))
