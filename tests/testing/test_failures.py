"""The suites find what is wrong with a plugin, and say it."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sssd_registry.plugin_api.discovery import Entry
from sssd_registry.plugin_api.hookspecs import HeadSpec, SamplerOptions, SamplerSpec, SchedulerSpec
from sssd_registry.plugin_api.registry import Registry
from sssd_registry.plugin_api.sampler_scheduler import scheduler_of_sampler
from sssd_registry.sampling.noise_schedule import NoiseSchedule
from sssd_registry.testing import HeadConformance, SamplerConformance, SchedulerConformance
from sssd_registry.testing import heads as heads_module
from sssd_registry.testing import schedulers as schedulers_module


def offered(kind: Any, spec: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A suite for ``spec``, as if a distribution offered it."""
    asked = scheduler_of_sampler(spec, "p") if kind == "sampler" else spec
    made = Registry((Entry(kind, spec.name, spec.summary, "p", "d", "1", spec=asked),))
    base: Any = {"scheduler": SchedulerConformance, "sampler": SamplerConformance, "head": HeadConformance}[kind]
    for module in (schedulers_module, heads_module):
        monkeypatch.setattr(module, "registry", lambda: made)
    monkeypatch.setattr("sssd_registry.plugin_api.make_scheduler.registry", lambda: made)
    return type("Suite", (base,), {"name": spec.name})()


def run_check(suite: Any, check: str, folder: Path) -> None:
    """Run a check of a suite; some write files."""
    wanted = inspect.signature(getattr(suite, check)).parameters
    getattr(suite, check)(*[folder] * len(wanted))


def ddim(schedule: NoiseSchedule, **options: Any) -> Any:
    return diffusers.DDIMScheduler(**schedule.scheduler_config() | options)


ONE = ddim(NoiseSchedule(), clip_sample=False)
BROKEN_SCHEDULERS = {
    "clips": (lambda schedule, _: ddim(schedule), "test_it_is_linear", "clip_sample=True: pass clip_sample=False"),
    "own betas": (
        lambda schedule, _: ddim(schedule, clip_sample=False, trained_betas=None),
        "test_it_samples_the_process_of_the_model",
        "the model was trained with",
    ),
    "linspace": (
        lambda schedule, _: ddim(schedule, clip_sample=False, timestep_spacing="linspace"),
        "test_it_is_linear",
        "does not sample the process",
    ),
    "first order": (lambda schedule, _: ddim(schedule, clip_sample=False), "test_order_of_convergence", "measured 0.9"),
    "one object": (
        lambda _schedule, _options: ONE,
        "test_contract",
        "make a new scheduler each time",
    ),
    "does not converge": (
        lambda schedule, _: diffusers.LCMScheduler(
            **schedule.scheduler_config(), clip_sample=False, original_inference_steps=1000
        ),
        "test_it_converges_to_the_data",
        "does not converge",
    ),
}


class Euler:
    """Euler's method in sigma, with nothing wrong, for others to break."""

    init_noise_sigma = 1.0

    def __init__(self, schedule: NoiseSchedule, _options: Any = None) -> None:
        if schedule.prediction_type != "v_prediction":
            raise ValueError("for networks that predict v")
        self.schedule = schedule

    def set_timesteps(self, steps: int, device: Any = None) -> None:
        last = self.schedule.num_train_timesteps
        grid = np.linspace(last, 0, steps, endpoint=False).round().astype(int) - 1
        self.grid(self.schedule.timesteps[grid])

    def grid(self, timesteps: Any, end: float | None = None) -> None:
        alpha, sigma = self.schedule.marginal(timesteps)
        last = (1.0, 0.0) if end is None else tuple(float(part) for part in self.schedule.marginal(end))
        self.path = [*zip(alpha.tolist(), sigma.tolist(), strict=True), last]
        self.timesteps, self.index = torch.from_numpy(timesteps.copy()), 0

    def step(self, v: Tensor, timestep: Any, z: Tensor) -> Any:
        (alpha, sigma), (alpha_next, sigma_next) = self.path[self.index : self.index + 2]
        self.index += 1
        return SimpleNamespace(
            prev_sample=self.moved(alpha * z - sigma * v, sigma * z + alpha * v, alpha_next, sigma_next)
        )

    def moved(self, x0: Tensor, eps: Tensor, alpha: float, sigma: float) -> Tensor:
        return alpha * x0 + sigma * eps


class EndsEarly(Euler):
    """Its last state is that of t = 20, as if it were the data."""

    def set_timesteps(self, steps: int, device: Any = None) -> None:
        self.grid(np.linspace(999, 20, steps + 1)[:-1], end=20.0)

    def moved(self, x0: Tensor, eps: Tensor, alpha: float, sigma: float) -> Tensor:
        scale = alpha if self.index == len(self.timesteps) else 1.0
        return super().moved(x0, eps, alpha, sigma) / scale


class TooMuchNoise(Euler):
    """Adds noise that it did not take away."""

    def moved(self, x0: Tensor, eps: Tensor, alpha: float, sigma: float) -> Tensor:
        return super().moved(x0, eps, alpha, sigma) + 0.5 * sigma * torch.randn(x0.shape, dtype=x0.dtype)


class ClipsFarOut(Euler):
    def moved(self, x0: Tensor, eps: Tensor, alpha: float, sigma: float) -> Tensor:
        return super().moved(x0.clamp(-200, 200), eps, alpha, sigma)


class OverTheEdge(Euler):
    """Two time steps late, which are not there when it is asked for as many as training had."""

    def set_timesteps(self, steps: int, device: Any = None) -> None:
        late = np.arange(steps)[::-1] * (self.schedule.num_train_timesteps // steps) + 2
        self.grid(self.schedule.timesteps[late])


BROKEN_SCHEDULERS |= {
    "ends early": (EndsEarly, "test_it_goes_all_the_way", "ends before the data: noise of deviation 0.04"),
    "too much noise": (TooMuchNoise, "test_its_samples_are_no_wider_than_the_data", "times as wide as the data"),
    "clips far out": (ClipsFarOut, "test_it_is_linear", "is not linear"),
    "over the edge": (
        OverTheEdge,
        "test_it_takes_as_many_steps_as_training",
        "fails in as many steps as training has, 50: .* out of bounds",
    ),
    "no scheduler": (lambda _schedule, _options: object(), "test_contract", "which has no set_timesteps"),
    "a factory that fails": (
        lambda _schedule, _options: {}["weights"],
        "test_contract",
        "scheduler 'broken' of plugin 'p' of d 1 cannot be made: KeyError: 'weights'; `sssd plugins --why broken`",
    ),
}


def test_the_good_scheduler_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    suite = offered("scheduler", SchedulerSpec("good", "for a test", Euler), monkeypatch)
    for check in {check for _, check, _ in BROKEN_SCHEDULERS.values()} - {"test_order_of_convergence"}:
        getattr(suite, check)()


@dataclass(frozen=True)
class Idle:
    """An option that nobody reads."""

    eta: float = 0.5


def test_an_option_without_effect_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    reason = "setting eta to .* changes nothing"
    suite = offered("scheduler", SchedulerSpec("broken", "for a test", Euler, Idle), monkeypatch)
    with pytest.raises(AssertionError, match=reason):
        suite.test_every_option_has_an_effect()
    suite = offered("head", HeadSpec("broken", "for a test", lambda d, c, _: Plain(d, c), Idle), monkeypatch)
    with pytest.raises(AssertionError, match=reason):
        suite.test_every_option_has_an_effect()


def euler_loop(model: Any, x: Tensor, sigmas: Tensor, eta: float = 0.0, noise_sampler: Any = None) -> Tensor:
    """Euler with some noise: nothing wrong."""
    for sigma, after in pairwise(sigmas):
        x0 = model(x, sigma * x.new_ones(len(x)))
        noise = eta * after * (1 - (after / sigma) ** 2).sqrt()
        x = x0 + (x - x0) * (after**2 - noise**2).sqrt() / sigma + noise * noise_sampler(sigma, after)
    return x


@dataclass(frozen=True)
class EtaOptions(SamplerOptions):
    eta: float = 0.6


def test_a_good_sampler_passes_every_check(monkeypatch: pytest.MonkeyPatch) -> None:
    suite = offered("sampler", SamplerSpec("good", "for a test", lambda: euler_loop, EtaOptions), monkeypatch)
    for check in (check for check in dir(suite) if check.startswith("test_") and check != "test_order_of_convergence"):
        getattr(suite, check)()


def noisy_loop(model: Any, x: Tensor, sigmas: Tensor) -> Tensor:
    """Skips what lies near the data where the model's answer is small: on random numbers it never is."""
    for sigma, after in pairwise(sigmas):
        x0 = model(x, sigma)
        x = x0 + (x - x0) * after / sigma + (0.1 * sigma if x0.abs().max() < 2 and after > 0 else 0.0)
    return x


def test_a_sampler_that_looks_at_the_data_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    suite = offered("sampler", SamplerSpec("broken", "for a test", lambda: noisy_loop), monkeypatch)
    with pytest.raises(
        (AssertionError, ValueError), match=r"sampler 'broken' of plugin 'p', noisy_loop\(\) .*not linear"
    ):
        suite.test_the_function_gives_what_is_sampled()


@pytest.mark.parametrize(("factory", "check", "reason"), BROKEN_SCHEDULERS.values(), ids=BROKEN_SCHEDULERS)
def test_what_is_wrong_with_a_scheduler_is_said(
    factory: Any, check: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = offered("scheduler", SchedulerSpec("broken", "for a test", factory, order=2), monkeypatch)
    with pytest.raises((AssertionError, ValueError), match=reason):
        getattr(suite, check)()


class Plain(nn.Module):
    """A head with nothing wrong, for others to break."""

    def __init__(self, latent_size: int, cond_size: int) -> None:
        super().__init__()
        self.z, self.t, self.cond = (nn.Linear(size, latent_size) for size in (latent_size, 1, cond_size))

    def forward(self, z: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        return self.z(z) + self.t(t[..., None, None] / 1000) + self.cond(cond).unsqueeze(1)


class IgnoresTime(Plain):
    def forward(self, z: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        return super().forward(z, torch.zeros_like(t), cond)


class MixesSamples(Plain):
    def forward(self, z: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        return super().forward(z - z.mean(dim=1, keepdim=True), t, cond)


class RoundsTime(Plain):
    def forward(self, z: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        return super().forward(z, 1000 * torch.cos(1e5 * t), cond)


class Drops(Plain):
    def forward(self, z: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        return super().forward(nn.functional.dropout(z, 0.5, training=True), t, cond)


class Unused(Plain):
    def __init__(self, latent_size: int, cond_size: int) -> None:
        super().__init__(latent_size, cond_size)
        self.spare = nn.Linear(2, 2)


class Doubles(Plain):
    def forward(self, z: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        return super().forward(z, t, cond).double()


class SeesLaterWindows(Plain):
    """The last window sees no other, so that it alone would not tell."""

    def forward(self, z: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        return super().forward(z.flip(0).cumsum(0).flip(0), t, cond)


class SeesLaterSamples(Plain):
    def forward(self, z: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        return super().forward(z.flip(1).cumsum(1).flip(1), t, cond)


class OneHorizonForAll(Plain):
    def forward(self, z: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        return super().forward(z, t, cond[:, :1])


class KeepsCondition(Plain):
    def forward(self, z: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        self.kept = self.cond(cond).unsqueeze(1)
        moved = self.z(z) + self.t(t[..., None, None] / 1000)
        return torch.as_tensor(moved + self.kept)


class Unsaved(Plain):
    """Random features that are neither parameter nor buffer."""

    def __init__(self, latent_size: int, cond_size: int) -> None:
        super().__init__(latent_size, cond_size)
        self.features = torch.randn(latent_size)

    def forward(self, z: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        return super().forward(z * self.features, t, cond)


class Forgotten(Unsaved):
    """A buffer that is not saved."""

    def __init__(self, latent_size: int, cond_size: int) -> None:
        super().__init__(latent_size, cond_size)
        features = self.__dict__.pop("features")
        self.register_buffer("features", features, persistent=False)


class WholeTime(Plain):
    def forward(self, z: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        return super().forward(z, t.round(), cond)


class TimeTable(Plain):
    """A table of 1,000 time steps, as the published networks for images have."""

    def __init__(self, latent_size: int, cond_size: int) -> None:
        super().__init__(latent_size, cond_size)
        self.table = nn.Embedding(1000, latent_size)

    def forward(self, z: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        return super().forward(z, t, cond) + self.table(t.long()).unsqueeze(2)


class Batches(Plain):
    def __init__(self, latent_size: int, cond_size: int) -> None:
        super().__init__(latent_size, cond_size)
        self.norm = nn.BatchNorm1d(latent_size)

    def forward(self, z: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        made = super().forward(z, t, cond)
        return torch.as_tensor(self.norm(made.flatten(0, 2)).reshape(made.shape))


class TurnsHorizons(Plain):
    def forward(self, z: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        return super().forward(z, t, cond).flip(2)


class TurnsConditions(Plain):
    def forward(self, z: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        return super().forward(z, t, cond.flip(1))


BROKEN_HEADS = [
    (Unsaved, "test_weights_survive_a_round_trip", "neither a parameter nor a buffer"),
    (Forgotten, "test_weights_survive_a_round_trip", "a buffer that is saved"),
    (WholeTime, "test_time_is_not_rounded", "moves in steps while t moves evenly"),
    (TimeTable, "test_time_is_not_rounded", "looks it up in a table"),
    (TimeTable, "test_any_number_of_time_steps", "does not take t = 1000"),
    (Batches, "test_windows_do_not_see_each_other_in_training", "BatchNorm"),
    (TurnsHorizons, "test_every_horizon_has_its_own", "the latent of horizon 0 does not reach the output there"),
    (TurnsConditions, "test_every_horizon_has_its_own", "the condition of horizon 0"),
    (IgnoresTime, "test_every_input_matters", "ignores t"),
    (MixesSamples, "test_windows_and_samples_do_not_see_each_other", "samples see each other"),
    (RoundsTime, "test_time_is_continuous", "jumps when t changes"),
    (Drops, "test_it_is_deterministic_in_evaluation_mode", "dropout or noise in evaluation mode"),
    (Unused, "test_gradients_reach_every_parameter", r"no gradient reaches spare\.weight, spare\.bias"),
    (Doubles, "test_contract", "float64, not float32"),
    (SeesLaterWindows, "test_windows_and_samples_do_not_see_each_other", "windows see each other"),
    (SeesLaterSamples, "test_windows_and_samples_do_not_see_each_other", "samples see each other"),
    (OneHorizonForAll, "test_every_input_matters", "ignores the condition of the last horizon"),
    (KeepsCondition, "test_eight_threads", "keeps state between calls"),
]


@pytest.mark.parametrize(("head", "check", "reason"), BROKEN_HEADS)
def test_what_is_wrong_with_a_head_is_said(
    head: Any, check: str, reason: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def made(latent_size: int, cond_size: int, _options: Any) -> nn.Module:
        result: nn.Module = head(latent_size, cond_size)
        return result

    suite = offered("head", HeadSpec("broken", "for a test", made), monkeypatch)
    with pytest.raises(AssertionError, match=reason):
        run_check(suite, check, tmp_path)


@dataclass(frozen=True)
class Growing:
    """Options that are others when they are read back."""

    width: int = 4

    def __post_init__(self) -> None:
        object.__setattr__(self, "width", self.width + 1)


@dataclass
class Thawed:
    width: int = 4


@dataclass(frozen=True)
class Unwritable:
    widths: frozenset[int] = frozenset({4})


BROKEN_OPTIONS = [(Growing, "come back as"), (Thawed, "not frozen"), (Unwritable, "cannot be saved with a model")]


@pytest.mark.parametrize(("options", "reason"), BROKEN_OPTIONS)
def test_what_is_wrong_with_options_is_said(options: type, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = HeadSpec("broken", "for a test", lambda d, c, _: Plain(d, c), options)
    with pytest.raises(AssertionError, match=reason):
        offered("head", spec, monkeypatch).test_options_survive_a_round_trip()


def test_the_plain_head_passes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    suite = offered("head", HeadSpec("plain", "for a test", lambda d, c, _: Plain(d, c)), monkeypatch)
    for _, check, _ in BROKEN_HEADS:
        run_check(suite, check, tmp_path)
