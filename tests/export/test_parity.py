"""The engine is the live scheduler's loop, whatever the scheduler, the numbers of windows and samples, the data."""

from __future__ import annotations

import copy
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from compiled import Compiled
from hypothesis import given, settings
from hypothesis import strategies as st

from sssd_export.engine import Engine, EngineForecast
from sssd_export.forecaster import engine_inputs
from sssd_export.parity import TOLERANCE, check_parity, largest_error
from sssd_registry.errors import SSSDError
from sssd_registry.registry import registry
from sssd_registry.schedulers import make_scheduler

SCHEDULERS = [
    ("ddim", 1),
    ("ddim", 12),
    ("ddpm", 15),
    ("ddpm:variance_type=fixed_large", 4),
    ("dpmsolver++", 20),
    ("dpmsolver++:solver_order=1", 6),
    ("dpmsolver++:solver_order=3", 10),
    ("dpmsolver++:algorithm_type=sde-dpmsolver++", 8),
    ("dpmsolver++:use_karras_sigmas=true", 7),
]


@pytest.mark.parametrize(("scheduler", "steps"), SCHEDULERS)
def test_the_engine_is_the_live_loop(tiny: Compiled, scheduler: str, steps: int) -> None:
    engine = tiny.engine(scheduler, steps)
    for windows, samples in ((1, 2), (7, 5), (2, 200)):
        assert tiny.error(engine, scheduler, steps, windows, samples) <= TOLERANCE


@pytest.mark.parametrize(("scheduler", "steps"), [("dpmsolver++", 10), ("ddpm", 6), ("ddim", 5)])
def test_joint_targets_log_returns_and_no_volume(joint: Compiled, scheduler: str, steps: int) -> None:
    engine = joint.engine(scheduler, steps)
    for windows, samples in ((1, 3), (6, 20)):
        assert joint.error(engine, scheduler, steps, windows, samples) <= TOLERANCE


@pytest.mark.parametrize("name", list(registry().schedulers))
def test_every_scheduler_in_the_registry_compiles(tiny: Compiled, name: str) -> None:
    """The engine in float32 against the scheduler's own loop: 1e-4 of the samples' standard deviation."""
    case = for_flow_matching(tiny) if name.startswith("flow-") else tiny
    steps = 10
    assert case.error(case.engine(name, steps), name, steps, windows=3, samples=40) <= TOLERANCE


def for_flow_matching(case: Compiled) -> Compiled:
    """The same network, taken for one that was trained by flow matching: the pieces do not know."""
    network = copy.deepcopy(case.network)
    process = {"beta_schedule": "flow", "prediction_type": "flow_prediction"}
    network.config = network.config.model_copy(update=process)
    return replace(case, network=network)


@pytest.fixture(scope="module")
def stochastic(tiny: Compiled) -> Engine:
    return tiny.engine("ddpm", 4)


@settings(max_examples=15, deadline=None)
@given(windows=st.integers(1, 7), samples=st.integers(1, 200), seed=st.integers(0, 2**40))
def test_windows_and_samples_are_dynamic(
    tiny: Compiled, stochastic: Engine, windows: int, samples: int, seed: int
) -> None:
    assert tiny.error(stochastic, "ddpm", 4, windows, samples, seed) <= TOLERANCE


def test_windows_differ_and_so_do_their_forecasts(tiny: Compiled, joint: Compiled) -> None:
    """Without this, the tests above could pass on a graph that ignores its windows."""
    for case in (tiny, joint):
        engine = case.engine("ddim", 3)
        shape = (1, 4, len(case.horizons), case.network.latent_size)
        noise = np.random.default_rng(0).standard_normal((1, *shape), dtype=np.float32).repeat(2, axis=0)
        first, second = engine(engine_inputs(case.windows.part(0, 2)), noise=noise).samples
        assert not np.isclose(first, second, rtol=1e-3).any()


def test_check_parity_reports_what_it_compared(tiny: Compiled) -> None:
    engine = tiny.engine("ddim", 4)
    report = check_parity(engine, tiny.network, scheduler(tiny, "ddim"), 4, tiny.windows)
    assert 0 < report.pop("max_error") <= TOLERANCE
    assert report == {"tolerance": TOLERANCE, "windows": len(tiny.windows), "samples": 32}


@pytest.mark.parametrize(("name", "steps"), [("ddim", 5), ("dpmsolver++", 4)])
def test_another_number_of_steps_or_another_scheduler_misses_parity(tiny: Compiled, name: str, steps: int) -> None:
    engine = Engine({**tiny.engine("ddim", 4).manifest, "scheduler": "ddim"}, tiny.engine("ddim", 4).parts)
    with pytest.raises(SSSDError, match=r"off its scheduler ddim by .* of the samples' standard deviation"):
        check_parity(engine, tiny.network, scheduler(tiny, name), steps, tiny.windows)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 1e-3])
def test_one_wrong_sample_is_enough(tiny: Compiled, wrong: float) -> None:
    engine = tiny.engine("ddim", 4)

    def altered(inputs: Any, *, noise: Any) -> EngineForecast:
        seen = engine(inputs, noise=noise)
        seen.samples[1, 2, 0, 0] += wrong * seen.samples[1, :, 0, 0].std()
        return seen

    stand_in: Any = SimpleNamespace(manifest={**engine.manifest, "scheduler": "ddim"}, horizons=tiny.horizons)
    stand_in = _callable(stand_in, altered)
    with pytest.raises(SSSDError, match="it was not written"):
        check_parity(stand_in, tiny.network, scheduler(tiny, "ddim"), 4, tiny.windows)


def test_after_a_flat_window_rounding_is_no_error() -> None:
    """Its samples are the last value but for the last digits that float64 has."""
    draws = np.random.default_rng(0).normal(size=(1, 32, 1, 1))
    expected = 1.1 + 1.1e-12 * draws
    seen = np.nextafter(expected, 2)
    assert np.abs(seen - expected).max() / expected.std() > TOLERANCE
    assert largest_error(seen, expected) == 0
    assert largest_error(expected + 1e-2 * expected.std(), expected) > TOLERANCE
    same = np.ones((1, 3, 1, 1))
    assert largest_error(same, same) == 0
    assert largest_error(same + 1e-9, same) > 1


def scheduler(case: Compiled, name: str) -> Any:
    return lambda: make_scheduler(name, case.network.schedule)


def _callable(attributes: SimpleNamespace, call: Any) -> Any:
    return type("StandIn", (), {**vars(attributes), "__call__": staticmethod(call)})()
