"""The engine is the live scheduler's loop, whatever the scheduler, the numbers of windows and samples, the data."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from compiled import Compiled, normal
from hypothesis import given, settings
from hypothesis import strategies as st

from sssd_engine.engine import Engine, EngineForecast
from sssd_export.build.odd_windows import odd_windows
from sssd_export.build.parity import TOLERANCE, check_parity, largest_error
from sssd_export.forecaster import engine_inputs
from sssd_registry.errors import SSSDError
from sssd_registry.plugin_api.make_scheduler import make_scheduler
from sssd_registry.plugin_api.registry import registry

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
        noise = normal(0, 1, 4, *engine.noise_shape.paths).repeat(2, axis=0)
        first, second = engine(engine_inputs(case.windows.part(0, 2)), noise=noise).samples
        assert np.isclose(first, second, rtol=1e-3).mean() < 0.2


def test_check_parity_reports_what_it_compared(tiny: Compiled) -> None:
    engine = tiny.engine("ddim", 4)
    report = check_parity(engine, tiny.network, scheduler(tiny, "ddim"), 4, tiny.windows)
    assert 0 < report.pop("max_error") <= TOLERANCE
    assert 0 < report.pop("path_error") <= 30 * TOLERANCE
    assert 0.05 < report.pop("network_share") < 10
    assert report == {"tolerance": TOLERANCE, "windows": len(tiny.windows), "odd_windows": 17, "samples": 32}


@pytest.mark.parametrize(("name", "steps"), [("ddim", 5), ("dpmsolver++", 4)])
def test_another_number_of_steps_or_another_scheduler_misses_parity(tiny: Compiled, name: str, steps: int) -> None:
    engine = Engine({**tiny.engine("ddim", 4).manifest, "scheduler": "ddim"}, tiny.engine("ddim", 4).parts)
    with pytest.raises(SSSDError, match=r"off its scheduler ddim by .* of the samples' standard deviation"):
        check_parity(engine, tiny.network, scheduler(tiny, name), steps, tiny.windows)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 1e-3])
def test_one_wrong_sample_is_enough(tiny: Compiled, wrong: float) -> None:
    engine = tiny.engine("ddim", 4)

    def altered(inputs: Any, *, noise: Any, draws: Any) -> EngineForecast:
        seen = engine(inputs, noise=noise, draws=draws)
        seen.samples[1, 2, 0, 0] += wrong * seen.samples[1, :, 0, 0].std()
        return seen

    with pytest.raises(SSSDError, match="it was not written"):
        check_parity(stand_in(engine, altered), tiny.network, scheduler(tiny, "ddim"), 4, tiny.windows)


def test_every_odd_window_is_borne(tiny: Compiled, joint: Compiled) -> None:
    """Also where targets are log-returns, and with no volume."""
    for case, names in ((tiny, ("volume 0 in all bars", "flat prices, volume 1")), (joint, ("gbp constant",))):
        seen, windows = odd_windows(case.windows, case.network.spec)
        assert {"every column constant", "flat prices", *names} <= set(seen)
        assert len(set(seen)) == len(seen) == len(windows)
        check_parity(case.engine("ddpm", 3), case.network, scheduler(case, "ddpm"), 3, case.windows)


def test_odd_windows_are_what_they_are_called(tiny: Compiled) -> None:
    spec = tiny.network.spec
    names, windows = odd_windows(tiny.windows, spec)
    for name, values in zip(names, windows.values["4h"], strict=True):
        still = [column for column, moved in zip(spec.columns, np.ptp(values, axis=0), strict=True) if moved == 0]
        if name.endswith(" constant") and not name.startswith("every"):
            assert still == [name.removesuffix(" constant")]
        elif name.startswith(("every", "flat prices, volume")):
            assert still == list(spec.columns)
        else:
            assert still == {"flat prices": ["open", "high", "low", "close"], "volume 0 in all bars": ["volume"],
                             "volume 1 in all bars": ["volume"]}.get(name, [])  # fmt: skip
    for times in windows.times.values():
        assert (np.diff(times, axis=1) > 0).all()


def test_nan_after_a_constant_volume_is_found(tiny: Compiled) -> None:
    """As when the exporter has dropped the guard beside the volume's deviation."""
    engine = tiny.engine("ddim", 4)

    def broken(inputs: Any, *, noise: Any, draws: Any) -> EngineForecast:
        made = engine(inputs, noise=noise, draws=draws)
        made.samples[np.ptp(inputs["values_1h"][:, :, 4], axis=1) == 0] = np.nan
        return made

    with pytest.raises(SSSDError, match=r"gives NaN, and the model does not, after a window with every column const"):
        check_parity(stand_in(engine, broken), tiny.network, scheduler(tiny, "ddim"), 4, tiny.windows)


def test_an_error_after_a_flat_open_is_found(tiny: Compiled) -> None:
    engine = tiny.engine("ddim", 4)

    def broken(inputs: Any, *, noise: Any, draws: Any) -> EngineForecast:
        made = engine(inputs, noise=noise, draws=draws)
        off = np.ptp(inputs["values_1h"][:, :, 0], axis=1) == 0
        return EngineForecast(*(np.where(off[:, None, None, None], 1.001 * each, each)
                                for each in (made.samples, made.quantiles)))  # fmt: skip

    with pytest.raises(SSSDError, match=r"off its scheduler by .* after a window with"):
        check_parity(stand_in(engine, broken), tiny.network, scheduler(tiny, "ddim"), 4, tiny.windows)


def test_quantiles_that_are_not_the_samples_are_found(tiny: Compiled) -> None:
    engine = tiny.engine("ddim", 4)

    def broken(inputs: Any, *, noise: Any, draws: Any) -> EngineForecast:
        made = engine(inputs, noise=noise, draws=draws)
        return EngineForecast(made.samples, made.quantiles[:, ::-1])

    with pytest.raises(SSSDError, match="quantiles are not those of its samples"):
        check_parity(stand_in(engine, broken), tiny.network, scheduler(tiny, "ddim"), 4, tiny.windows)


def test_a_model_that_gives_nan_itself_is_named(tiny: Compiled) -> None:
    network = copy.deepcopy(tiny.network)
    broken = network.normalizer.features
    network.normalizer.features = (
        lambda values, times: {  # type: ignore[method-assign]
            name: torch.where((values[name][..., 4:].amax(1, keepdim=True) == 0), torch.nan, each)
            for name, each in broken(values, times).items()
        }
    )
    engine = Engine({**tiny.engine("ddim", 4).manifest, "scheduler": "ddim"}, tiny.engine("ddim", 4).parts)
    with pytest.raises(SSSDError, match=r"the model itself gives NaN after a window with volume 0 in all bars"):
        check_parity(engine, network, scheduler(tiny, "ddim"), 4, tiny.windows)


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


def stand_in(engine: Engine, call: Any) -> Any:
    """Make an object that looks like the engine and answers with ``call``."""
    face = {name: getattr(engine, name) for name in ("horizons", "quantile_levels", "noise_shape")}
    manifest = {**engine.manifest, "scheduler": "ddim"}
    return type("StandIn", (), {**face, "manifest": manifest, "__call__": staticmethod(call)})()
