"""The suites find what is wrong with a plugin, and say it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import diffusers
import pytest
import torch
from torch import Tensor, nn

from sssd_registry.plugin_api.discovery import Entry
from sssd_registry.plugin_api.hookspecs import HeadSpec, SchedulerSpec
from sssd_registry.plugin_api.registry import Registry
from sssd_registry.sampling.noise_schedule import NoiseSchedule
from sssd_registry.testing import HeadConformance, SchedulerConformance
from sssd_registry.testing import heads as heads_module
from sssd_registry.testing import schedulers as schedulers_module


def offered(kind: Any, spec: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A suite for ``spec``, as if a distribution offered it."""
    made = Registry((Entry(kind, spec.name, spec.summary, "p", "d", "1", spec=spec),))
    base: Any = SchedulerConformance if kind == "scheduler" else HeadConformance
    for module in (schedulers_module, heads_module):
        monkeypatch.setattr(module, "registry", lambda: made)
    monkeypatch.setattr("sssd_registry.plugin_api.make_scheduler.registry", lambda: made)
    return type("Suite", (base,), {"name": spec.name})()


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


BROKEN_HEADS = [
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
def test_what_is_wrong_with_a_head_is_said(head: Any, check: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def made(latent_size: int, cond_size: int, _options: Any) -> nn.Module:
        result: nn.Module = head(latent_size, cond_size)
        return result

    suite = offered("head", HeadSpec("broken", "for a test", made), monkeypatch)
    with pytest.raises(AssertionError, match=reason):
        getattr(suite, check)()


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


def test_the_plain_head_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    suite = offered("head", HeadSpec("plain", "for a test", lambda d, c, _: Plain(d, c)), monkeypatch)
    for _, check, _ in BROKEN_HEADS:
        getattr(suite, check)()
