"""The conformance suite for schedulers, run on an installed plugin by its name.

Nothing is trained: the network is the optimal one for Gaussian data (:mod:`sssd_registry.testing.gaussian`), so what
a scheduler gives is compared with the truth.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from sssd_registry.errors import SolverWarning, SSSDError
from sssd_registry.options import build_options
from sssd_registry.plugin_api.hookspecs import SchedulerSpec
from sssd_registry.plugin_api.make_scheduler import make_scheduler, solver_tableau
from sssd_registry.plugin_api.registry import registry
from sssd_registry.sampling.deviation_check import deviations, most_noise_left
from sssd_registry.sampling.noise_schedule import NoiseSchedule
from sssd_registry.sampling.process_check import TOLERANCE, point_means
from sssd_registry.sampling.read_tableau import read_tableau
from sssd_registry.sampling.sampler import sample
from sssd_registry.sampling.scheduler_loop import run_scheduler
from sssd_registry.sampling.tableau import SolverTableau
from sssd_registry.testing.gaussian import GaussianData, SmoothSchedule
from sssd_registry.testing.other_options import other_values

# The live loop and the tableau run in float64; what differs is the scheduler's own rounding to float32.
PARITY = 1e-6
ENERGY_DISTANCE = 1e-3  # to data of standard deviation 0.4, in 100 steps


class SchedulerConformance:
    """Subclass it in a test file and name the scheduler:

        class TestMine(SchedulerConformance):
            name = "mine"

    Attributes:
        name: as registered.
        options: other options than the defaults.
        steps: numbers of steps that it has to serve.
        beside: for options that do nothing by themselves, what they act beside: ``{"eta": {"kind": "sde"}}``.
        schedule: the process to sample; a flow schedule for schedulers of flow matching.
    """

    name: ClassVar[str]
    options: ClassVar[Mapping[str, Any]] = {}
    steps: ClassVar[tuple[int, ...]] = (10, 20)
    beside: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    schedule: ClassVar[NoiseSchedule] = NoiseSchedule()

    @property
    def spec(self) -> SchedulerSpec:
        return registry().schedulers[self.name]

    @property
    def text(self) -> str:
        """Text that ``--scheduler`` would take."""
        # A TOML value is a JSON value here: numbers, texts, booleans and lists.
        chosen = ",".join(f"{key}={json.dumps(value)}" for key, value in self.options.items())
        return f"{self.name}:{chosen}" if chosen else self.name

    def make(self, schedule: NoiseSchedule | None = None) -> Any:
        """A fresh scheduler."""
        return make_scheduler(self.text, schedule or self.schedule)

    def tableau(self, steps: int) -> SolverTableau:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SolverWarning)  # how wide it samples has a test of its own
            return solver_tableau(self.make(), self.schedule, steps)

    def test_contract(self) -> None:
        """Check that it has the diffusers interface, makes a new object each time, and says what it is in a line."""
        assert self.spec.summary, f"{self.name}: SchedulerSpec.summary is empty; `sssd plugins` shows it"
        assert "\n" not in self.spec.summary, f"{self.name}: the summary has to be one line"
        first, second = self.make(), self.make()
        assert first is not second, f"{self.name}: the factory has to make a new scheduler each time; they have state"
        for method in ("set_timesteps", "step"):
            assert callable(getattr(first, method, None)), f"{self.name}: the scheduler has no {method}()"
        first.set_timesteps(self.steps[0])
        timesteps = np.asarray(first.timesteps, dtype=np.float64)
        inside = (timesteps >= 0) & (timesteps <= self.schedule.num_train_timesteps)
        assert inside.all(), f"{self.name}: time steps {timesteps[~inside]} are outside of training's"

    def test_it_samples_the_process_of_the_model(self) -> None:
        """Betas and prediction type are those of the schedule it is given, whichever that is."""
        kinds: list[NoiseSchedule] = [self.schedule]
        if not self.schedule.is_flow:
            kinds += [NoiseSchedule("linear", 1000, "epsilon"), NoiseSchedule("scaled_linear", 500, "sample")]
        served = 0
        for schedule in kinds:
            try:
                read_tableau(self.make(schedule), self.steps[-1])
            except SSSDError:  # a refusal says so: not every scheduler takes every prediction type
                continue
            solver_tableau(self.make(schedule), schedule, self.steps[-1])
            served += schedule is self.schedule
        assert served, f"{self.name} refuses {self.schedule}: name one that it serves as `schedule`"

    def test_it_is_linear(self) -> None:
        """The sampler gives what the scheduler's own loop gives, for a network that is not linear at all.

        The sampler knows the tableau only.
        """
        for steps in self.steps:
            tableau = self.tableau(steps)
            noise = _noise(tableau, 4)
            expected, calls = self._live(steps, noise)
            error = float((sample(curved_network, tableau, noise) - expected).abs().max() / expected.std())
            assert error <= PARITY, f"{self.name} in {steps} steps: the tableau is off the live loop by {error:.1e}"
            assert calls == tableau.num_calls, f"{self.name}: {calls} network calls, the tableau says otherwise"

    def test_network_calls_grow_with_the_steps(self) -> None:
        """Every step calls the network once or more; calls that do nothing cost time."""
        for steps in self.steps:
            tableau = self.tableau(steps)
            assert tableau.num_calls >= steps, f"{self.name}: {tableau.num_calls} network calls in {steps} steps"
            used = np.abs(tableau.coefficients[:, 1 : 1 + tableau.num_calls]).max(axis=0) > 0
            assert used.all(), f"{self.name} in {steps} steps: outputs of calls {np.flatnonzero(~used)} are never used"

    def test_it_is_deterministic(self) -> None:
        """The noise is handed in, so two runs are the same."""
        for steps in self.steps:
            assert self.tableau(steps) == self.tableau(steps), f"{self.name}: two fresh schedulers differ: hidden state"

    def test_one_scheduler_serves_eight_threads(self) -> None:
        """Copies share no state."""
        scheduler = self.make()
        steps = list(self.steps) * (16 // len(self.steps))
        alone = [read_tableau(scheduler, n) for n in steps]
        with ThreadPoolExecutor(8) as pool:
            together = list(pool.map(lambda n: read_tableau(scheduler, n), steps))
        assert together == alone, f"{self.name}: runs in threads differ; copy.deepcopy() of it shares state"

    def test_options_survive_a_round_trip(self) -> None:
        """Go from defaults to text and back: ``NAME:key=value`` reaches the scheduler whole."""
        options = build_options("scheduler", self.name, self.spec.options, dict(self.options))
        values = {key: value for key, value in vars(options).items() if value is not None}
        text = ",".join(f"{key}={json.dumps(value)}" for key, value in values.items())
        made = make_scheduler(f"{self.name}:{text}", self.schedule)
        steps = self.steps[0]
        assert read_tableau(made, steps) == self.tableau(steps)
        again = SolverTableau.from_json(self.tableau(steps).to_json())
        assert again == self.tableau(steps)

    def test_an_unknown_option_is_refused(self) -> None:
        with pytest.raises(SSSDError, match="has no option 'no_such_option'"):
            make_scheduler(f"{self.name}:no_such_option=1", self.schedule)

    def test_every_option_has_an_effect(self) -> None:
        """Some other value of each changes what is sampled, or is refused; else it reaches nothing."""
        chosen = build_options("scheduler", self.name, self.spec.options, dict(self.options))
        for option, values in other_values(chosen):
            beside = {**self.options, **self.beside.get(option, {})}
            assert not values or self._changes(beside, option, values), (
                f"{self.name}: setting {option} to {', '.join(map(repr, values))} changes nothing: pass it on, or name"
                " what it acts beside in `beside`"
            )

    def _changes(self, beside: Mapping[str, Any], option: str, values: Sequence[Any]) -> bool:
        """Tell whether one of the values makes another solver; some options act in few steps only."""
        for steps in (self.steps[0], 5, self.steps[-1]):
            before = self._sampled(beside, steps)
            if any(self._sampled({**beside, option: value}, steps) != before for value in values):
                return True
        return False

    def _sampled(self, options: Mapping[str, Any], steps: int) -> SolverTableau | str:
        """Read what it does with options, or its refusal of them."""
        text = self.name + ":" + ",".join(f"{key}={json.dumps(value)}" for key, value in options.items())
        try:
            return read_tableau(make_scheduler(text, self.schedule), steps)
        except SSSDError as error:
            return str(error)

    def test_it_goes_all_the_way(self) -> None:
        """Data that are a point come out as the point: noise that more steps do not take away is never taken away."""
        left = [float(deviations(self.tableau(steps), self.schedule, (0.0,))[0]) for steps in (50, 100)]
        most = most_noise_left(self.schedule)
        assert left[1] <= most or left[1] < 0.7 * left[0], (
            f"{self.name} ends before the data: noise of deviation {left[1]:.2g} is left in 100 steps, as in 50; the"
            " last step has to go to sigma = 0"
        )

    def test_its_samples_are_no_wider_than_the_data(self) -> None:
        """The mean may be right and the deviation far off, which forecasts would inherit."""
        for steps in self.steps:
            wide = deviations(self.tableau(steps), self.schedule, (0.4, 1.0)) / (0.4, 1.0)
            assert wide.max() <= 1.5, f"{self.name} in {steps} steps samples {wide.max():.1f} times as wide as the data"

    def test_it_takes_as_many_steps_as_training(self) -> None:
        """The largest number of steps, where grids run over their ends; a refusal has to be its own."""
        short = replace(self.schedule, num_train_timesteps=50)
        refusal: SSSDError | None = None
        try:
            made = read_tableau(self.make(short), short.num_train_timesteps)
        except SSSDError as error:
            refusal = error
        if refusal is not None:
            own = isinstance(refusal.__cause__, SSSDError | ValueError | NotImplementedError | None)
            assert own, f"{self.name} fails in as many steps as training has, {short.num_train_timesteps}: {refusal}"
            return
        inside = (made.timesteps >= 0) & (made.timesteps <= short.num_train_timesteps)
        assert inside.all(), f"{self.name}: time steps {made.timesteps[~inside]} are outside of training's"
        off = float(np.abs(point_means(made, short)[-1] - 1.0))
        assert off <= TOLERANCE, f"{self.name} in as many steps as training has is off the data's mean by {off:.2g}"

    def test_it_converges_to_the_data(self) -> None:
        """Mean, standard deviation and energy distance to Gaussian data: small in 100 steps, and not by chance."""
        data = GaussianData(self.schedule)
        distances = []
        for steps in (25, 50, 100):
            mean, std = data.moments(self.tableau(steps), distilled=self.spec.consistency)
            distances.append(data.energy_distance(mean, std))
        found = ", ".join(f"{distance:.1e}" for distance in distances)
        assert distances[-1] <= ENERGY_DISTANCE, (
            f"{self.name} does not converge: energy distance {found} in 25, 50, 100 steps"
        )
        floor = 1e-4  # what is left may come from the first sigma, which no number of steps changes
        assert distances[-1] <= max(distances[0], floor), f"{self.name} gets worse with more steps: {found}"

    def test_order_of_convergence(self) -> None:
        """Regression of log error on log steps; at least the order that the plugin declares."""
        if self.spec.order is None or self.options:
            pytest.skip("no order is declared for it")
        order = measured_order(self.text, self.schedule)
        assert order >= self.spec.order - 0.25, f"{self.name} declares order {self.spec.order}; measured {order:.2f}"

    def test_compile_parity(self) -> None:
        """The compiled loop, in float32, against the scheduler's own, on the same noise."""
        pytest.importorskip("onnxruntime", reason="the export extra is not installed")
        from sssd_registry.testing.compiled_loop import compiled_loop

        head, condition, run = compiled_loop()
        for steps in self.steps:
            tableau = self.tableau(steps)
            noise = _noise(tableau, head.latent_size)
            expected, _ = self._live(steps, noise, lambda z, t: head.network(z, t, condition))
            seen = run(tableau, condition, noise)
            error = float((seen.double() - expected).abs().max() / expected.std())
            assert error <= 1e-4, f"{self.name} in {steps} steps: the compiled loop is off by {error:.1e} of the spread"

    def _live(self, steps: int, noise: Tensor, network: Any = None) -> tuple[Tensor, int]:
        """The scheduler's own loop."""
        denoise = network or curved_network
        windows, samples = noise.shape[1:3]
        result, timesteps, _ = run_scheduler(
            self.make(),
            steps,
            lambda _call, z, t: denoise(z, torch.full((windows, samples), t, dtype=torch.float64)),
            lambda index: noise[index],
        )
        return result, len(timesteps)


def measured_order(scheduler: str, schedule: NoiseSchedule | None = None) -> float:
    """Order of convergence of a deterministic scheduler, against the exact solution of the probability flow ODE.

    Args:
        scheduler: ``NAME`` or ``NAME:option=value,…``.
        schedule: a flow schedule for schedulers of flow matching; others are measured on :class:`SmoothSchedule`.
    """
    smooth = schedule if schedule is not None and schedule.is_flow else SmoothSchedule()
    data = GaussianData(smooth)
    start = torch.linspace(-2, 2, 9, dtype=torch.float64).reshape(1, 9, 1, 1)
    numbers = (16, 20, 25, 32, 40, 50)
    errors = []
    for steps in numbers:  # each divides SmoothSchedule's time steps, so that none has to be rounded
        tableau = solver_tableau(make_scheduler(scheduler, smooth), smooth, steps)
        noise = start.expand(tableau.num_noises, -1, -1, -1, -1) / tableau.coefficients[0, 0]
        exact = data.flow(start, float(tableau.timesteps[0]), None)
        errors.append(float((sample(data.network, tableau, noise) - exact).abs().max()))
    return -float(np.polyfit(np.log(numbers), np.log(errors), 1)[0])


def _noise(tableau: SolverTableau, size: int) -> Tensor:
    generator = torch.Generator().manual_seed(tableau.num_calls)
    return torch.randn(tableau.num_noises, 2, 7, 3, size, generator=generator, dtype=torch.float64)


def curved_network(z: Tensor, t: Tensor) -> Tensor:
    """Make a network that is not linear in z and t, and mixes the latent's dimensions."""
    weight = torch.linspace(-1, 1, z.shape[-1] ** 2, dtype=z.dtype).reshape(z.shape[-1], -1)
    return torch.tanh(z @ weight + t[..., None, None].to(z.dtype) / 1000)
