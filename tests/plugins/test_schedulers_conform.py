"""Every scheduler in the registry passes the suite that its author would run."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from sssd_registry.errors import SSSDError
from sssd_registry.plugin_api.make_scheduler import make_scheduler
from sssd_registry.plugin_api.registry import registry
from sssd_registry.sampling.noise_schedule import NoiseSchedule
from sssd_registry.testing import SamplerConformance
from sssd_registry.testing.schedulers import SchedulerConformance, measured_order

FLOW = NoiseSchedule("flow", 1000, "flow_prediction")
# Other options than the defaults, each with the order that its theory gives, where it has one.
OPTIONS: dict[str, float | None] = {
    "ddim:eta=0.5": None,
    "ddim:timestep_spacing=leading": 1,
    "ddpm:variance_type=fixed_large": None,
    "pndm:skip_prk_steps=true": 2,
    "dpmsolver++:solver_order=1": 1,
    "dpmsolver++:solver_order=3": 2.5,  # the first two steps and the last are of lower order
    "dpmsolver++:solver_type=heun": 2,
    "dpmsolver++:algorithm_type=sde-dpmsolver++": None,
    "dpmsolver++:use_karras_sigmas=true": 2,
    "dpmsolver++:use_exponential_sigmas=true": 2,
    "dpmsolver++:use_lu_lambdas=true": 2,
    "dpmsolver++-singlestep:solver_order=3": 2.5,
    "dpmsolver++-singlestep:algorithm_type=sde-dpmsolver++": None,
    "unipc:solver_order=1": 2,
    "unipc:solver_order=3": None,  # at its rounding before an order shows
    "unipc:use_karras_sigmas=true": 3,
    "deis:solver_order=1": 1,
    "deis:solver_order=3": None,  # its error changes sign on the way
    "euler:use_karras_sigmas=true": 1,
    "heun:use_karras_sigmas=true": 2,
    "lms:use_karras_sigmas=true": 3,
    "sa-solver:tau=0": 2.5,  # second, and a corrector that adds one but for its start
    "tcd:eta=0": 1,
    "edm-dpm:solver_order=3": None,  # its error changes sign on the way
    "edm-dpm:algorithm_type=sde-dpmsolver++": None,
}
# Options that act only beside others.
BESIDE: dict[str, dict[str, dict[str, Any]]] = {
    "dpmsolver++": {option: {"final_sigmas_type": "sigma_min"} for option in ("lower_order_final", "euler_at_final")},
    "euler": {option: {"use_karras_sigmas": True} for option in ("sigma_min", "sigma_max")},
}


def suite(text: str) -> type[SchedulerConformance]:
    """A test class for ``NAME`` or ``NAME:key=value``."""
    from sssd_registry.options import split_options

    label, chosen = split_options(text)
    kind = FLOW if label.startswith("flow-") else NoiseSchedule()

    is_loop = any(entry.kind == "sampler" and entry.name == label for entry in registry().entries)
    base: type[SchedulerConformance] = SamplerConformance if is_loop else SchedulerConformance

    class Conformance(base):  # type: ignore[misc,valid-type]
        name: ClassVar[str] = label
        beside: ClassVar[dict[str, dict[str, Any]]] = BESIDE.get(label, {})
        options: ClassVar[dict[str, Any]] = chosen
        schedule: ClassVar[NoiseSchedule] = kind

    return Conformance


@pytest.mark.parametrize(
    ("text", "check"),
    [(text, check) for text in registry().schedulers for check in dir(suite(text)) if check.startswith("test_")],
)
def test_default_options(text: str, check: str) -> None:
    getattr(suite(text)(), check)()


@pytest.mark.parametrize("check", ["test_it_is_linear", "test_it_converges_to_the_data", "test_compile_parity"])
@pytest.mark.parametrize("text", OPTIONS)
def test_other_options(text: str, check: str) -> None:
    getattr(suite(text)(), check)()


@pytest.mark.parametrize("text", ["dpmsolver++", "dpmsolver++-singlestep", "unipc"])
def test_solvers_of_betas_that_serve_flow_matching_too(text: str) -> None:
    class Flow(suite(text)):  # type: ignore[misc]
        schedule: ClassVar[NoiseSchedule] = FLOW

    for check in ("test_contract", "test_it_samples_the_process_of_the_model", "test_it_is_linear"):
        getattr(Flow(), check)()
    Flow().test_it_converges_to_the_data()


@pytest.mark.parametrize(("text", "order"), [(text, order) for text, order in OPTIONS.items() if order])
def test_orders_of_convergence_agree_with_theory(text: str, order: float) -> None:
    assert measured_order(text) == pytest.approx(order, abs=0.5)


@pytest.mark.parametrize("name", ["dpmsolver++", "euler", "lms", "sa-solver", "dpm-sde"])
def test_beta_sigmas_serve_where_sigma_has_a_scale(name: str) -> None:
    class Scaled(suite(f"{name}:use_beta_sigmas=true")):  # type: ignore[misc]
        schedule: ClassVar[NoiseSchedule] = NoiseSchedule("scaled_linear")
        # SA-Solver samples 19 times as wide as the data in 10 steps of these, and 1.1 times in 50.
        steps: ClassVar[tuple[int, ...]] = (50,) if name == "sa-solver" else (10, 20)

    Scaled().test_it_is_linear()
    Scaled().test_it_converges_to_the_data()
    with pytest.raises(SSSDError, match="take use_karras_sigmas"):
        make_scheduler(f"{name}:use_beta_sigmas=true", NoiseSchedule("cosine"))


def test_declared_orders_are_not_understated() -> None:
    """The suite asks for at least the declared order; an author who declares too little should learn it here."""
    for name in registry().schedulers:
        declared = registry().schedulers[name].order
        if declared is not None:
            schedule = FLOW if name.startswith("flow-") else None
            assert measured_order(name, schedule) < declared + 0.6, name
