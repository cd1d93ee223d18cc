"""The conformance suite for noise heads, run on an installed plugin by its name."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from sssd_registry.errors import SSSDError
from sssd_registry.options import build_options
from sssd_registry.plugin_api.hookspecs import HeadSpec
from sssd_registry.plugin_api.make_network import check_kinds
from sssd_registry.plugin_api.make_scheduler import make_scheduler
from sssd_registry.plugin_api.registry import registry
from sssd_registry.sampling.noise_schedule import NoiseSchedule
from sssd_registry.sampling.read_tableau import read_tableau
from sssd_registry.sampling.sampler import sample
from sssd_registry.testing.other_options import other_values
from sssd_registry.testing.parameters import fill_zeros

# Float32 sums in another order.
RTOL, ATOL = 1e-4, 1e-5


class HeadConformance:
    """Subclass it in a test file and name the head:

        class TestMine(HeadConformance):
            name = "mine"

    Attributes:
        name: as registered.
        options: other options than the defaults.
        latent_size, cond_size: D and C to build it with.
        horizons: numbers of horizons K that it has to serve.
        past_tokens: N, for a head that sees the past.
    """

    name: ClassVar[str]
    options: ClassVar[Mapping[str, Any]] = {}
    latent_size: ClassVar[int] = 4
    cond_size: ClassVar[int] = 6
    horizons: ClassVar[tuple[int, ...]] = (1, 3, 24)
    past_tokens: ClassVar[int] = 5

    @property
    def spec(self) -> HeadSpec:
        return registry().heads[self.name]

    def make(
        self, latent_size: int | None = None, seed: int = 0, options: Mapping[str, Any] | None = None
    ) -> nn.Module:
        """Make a fresh head, none of whose parameters is zero.

        As after some training: a head may well start by putting out nothing.
        """
        chosen = build_options("head", self.name, self.spec.options, dict(self.options if options is None else options))
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            head = self.spec.factory(latent_size or self.latent_size, self.cond_size, chosen)
        fill_zeros(head)
        return head.eval()

    def inputs(
        self, windows: int = 2, samples: int = 3, horizons: int = 3, seed: int = 1
    ) -> tuple[Tensor, Tensor, Tensor]:
        """``z (B, S, K, D), t (B, S), cond (B, K, C)``; of a head that sees the past, ``cond (B, K + N, C)``."""
        generator = torch.Generator().manual_seed(seed)
        z = torch.randn(windows, samples, horizons, self.latent_size, generator=generator)
        t = torch.rand(windows, samples, generator=generator) * 999
        rows = horizons + (self.past_tokens if self.spec.past else 0)
        return z, t, torch.randn(windows, rows, self.cond_size, generator=generator)

    def test_contract(self) -> None:
        """Any B, S and K; float32 in the shape of z."""
        assert self.spec.summary, f"{self.name}: HeadSpec.summary is empty; `sssd plugins` shows it"
        head = self.make()
        for windows, samples in ((1, 1), (3, 2)):
            for horizons in self.horizons:
                z, t, cond = self.inputs(windows, samples, horizons)
                with torch.no_grad():
                    made = head(z, t, cond)
                assert made.shape == z.shape, f"{self.name}: z is {tuple(z.shape)}, the output {tuple(made.shape)}"
                assert made.dtype == torch.float32, f"{self.name}: the output is {made.dtype}, not float32"
                assert torch.isfinite(made).all(), f"{self.name}: the output is not finite"

    def test_any_latent_size(self) -> None:
        for size in (1, 2, 7):
            z = torch.randn(2, 3, 3, size)
            with torch.no_grad():
                assert self.make(size)(z, *self.inputs()[1:]).shape == z.shape

    def test_windows_and_samples_do_not_see_each_other(self) -> None:
        """Samples are independent draws; one that saw another would not be. So batches can be cut anywhere."""
        head = self.make()
        z, t, cond = self.inputs()
        with torch.no_grad():
            whole = head(z, t, cond)
            for b in range(z.shape[0]):
                alone = head(z[b : b + 1], t[b : b + 1], cond[b : b + 1])
                self._same(alone, whole[b : b + 1], f"windows see each other: window {b} alone")
            for s in range(z.shape[1]):
                alone = head(z[:, s : s + 1], t[:, s : s + 1], cond)
                self._same(alone, whole[:, s : s + 1], f"samples see each other: sample {s} alone")

    def test_every_input_matters(self) -> None:
        """State, time step and condition; a head that ignores one cannot denoise."""
        head = self.make()
        given = self.inputs()
        with torch.no_grad():
            before = head(*given)
            for index, what in enumerate(("z", "t", "cond")):
                changed = list(given)
                changed[index] = given[index] * 0.5 + 1.0
                assert not torch.allclose(head(*changed), before, rtol=RTOL, atol=ATOL), f"{self.name} ignores {what}"
            z, t, cond = given
            other, last = cond.clone(), z.shape[2] - 1
            other[:, last] += 1.0
            assert not torch.allclose(head(z, t, other)[:, :, -1], before[:, :, -1], rtol=RTOL, atol=ATOL), (
                f"{self.name} ignores the condition of the last horizon: every horizon has its own, cond (B, K, C)"
            )

    def test_every_token_of_the_past_matters(self) -> None:
        """Cond is K rows and N tokens of the past, of whatever number; a head that asks for them looks at each."""
        if not self.spec.past:  # it sees the context alone
            return
        head = self.make()
        z, t, cond = self.inputs()
        with torch.no_grad():
            before = head(z, t, cond)
            for token in range(z.shape[2], cond.shape[1]):
                other = cond.clone()
                other[:, token] += 1.0
                change = (head(z, t, other) - before).abs().amax(dim=(0, 1, 3))  # (K,)
                assert (change > ATOL).all(), f"{self.name}: a token of the past does not reach the output"
            fewer = head(z, t, cond[:, :-2])
        assert fewer.shape == z.shape, f"{self.name}: windows of another length have fewer tokens of the past"

    def test_time_is_continuous(self) -> None:
        """Schedulers ask between the time steps of training, too."""
        head = self.make()
        z, t, cond = self.inputs()
        with torch.no_grad():
            near = (head(z, t + 1e-3, cond) - head(z, t, cond)).abs().max()
            far = (head(z, t * 0.5, cond) - head(z, t, cond)).abs().max()
        assert near < far / 10, f"{self.name} jumps when t changes by a thousandth: does it round t to a whole number?"

    def test_time_is_not_rounded(self) -> None:
        """Every sixteenth of a time step counts: a table of whole ones moves the output in jumps, or not at all."""
        head = self.make()
        z, _, cond = self.inputs(windows=1, samples=1)
        stepped = []
        for start in (3.0, 111.0, 300.0, 512.0, 777.0, 990.0):
            with torch.no_grad():
                made = [head(z, torch.full((1, 1), start + k / 16), cond) for k in range(33)]
            moves = torch.stack([(after - before).norm() for before, after in itertools.pairwise(made)])
            stepped.append(bool((moves == 0).float().mean() > 0.2 or moves.max() > 5 * moves.mean()))
        assert sum(stepped) <= len(stepped) / 2, (
            f"{self.name} moves in steps while t moves evenly: it rounds t, or looks it up in a table"
        )

    def test_any_number_of_time_steps(self) -> None:
        """Training may have had 1,000 time steps or 4,000, from 0, or from 1 with flow matching."""
        head = self.make()
        z, t, cond = self.inputs()
        for timestep in (0.0, 1.0, 999.0, 1000.0, 3999.0):
            try:
                with torch.no_grad():
                    made = head(z, torch.full_like(t, timestep), cond)
            except (IndexError, RuntimeError) as error:
                raise AssertionError(f"{self.name} does not take t = {timestep:g}: {error}") from None
            assert torch.isfinite(made).all(), f"{self.name}: at t = {timestep:g} the output is not finite"

    def test_every_horizon_has_its_own(self) -> None:
        """Latent and condition at horizon k reach the output at k; those of others may, too."""
        head, horizons = self.make(), 4
        z, t, cond = self.inputs(horizons=horizons)
        with torch.no_grad():
            before = head(z, t, cond)
            for k in range(horizons):
                moved, told = z.clone(), cond.clone()
                moved[:, :, k] += 1.0
                told[:, k] += 1.0
                for what, made in (("latent", head(moved, t, cond)), ("condition", head(z, t, told))):
                    same = torch.allclose(made[:, :, k], before[:, :, k], rtol=RTOL, atol=ATOL)
                    assert not same, (
                        f"{self.name}: the {what} of horizon {k} does not reach the output there: which order?"
                    )

    def test_windows_do_not_see_each_other_in_training(self) -> None:
        """Statistics over a batch, as BatchNorm takes them, would be others when a forecast is made of one window."""
        head = self.make().train()
        z, t, cond = self.inputs()
        other, told = z.clone(), cond.clone()
        other[1:], told[1:] = 3 * z[1:] + 1, 3 * cond[1:] + 1
        made = []
        for given in ((z, t, cond), (other, t, told)):
            with torch.random.fork_rng(), torch.no_grad():
                torch.manual_seed(0)  # the same dropout
                made.append(head(*given)[:1])
        self._same(made[1], made[0], "windows see each other in training mode (BatchNorm?): another window beside it")

    def test_it_is_deterministic_in_evaluation_mode(self) -> None:
        head, given = self.make(), self.inputs()
        with torch.no_grad():
            assert torch.equal(head(*given), head(*given)), f"{self.name}: dropout or noise in evaluation mode"

    def test_eight_threads(self) -> None:
        """Run in step, each with inputs of its own: what one call leaves on the head, the others run into."""
        head, given = self.make(), [self.inputs(seed=seed) for seed in range(8)]
        barrier = threading.Barrier(len(given))

        def call(inputs: tuple[Tensor, Tensor, Tensor]) -> Tensor:
            with torch.no_grad(), _InStep(barrier):  # both hold for one thread only
                made = torch.as_tensor(head(*inputs))
            barrier.abort()  # whoever has more to do goes on alone
            return made

        with torch.no_grad():
            alone = [head(*inputs) for inputs in given]
        with ThreadPoolExecutor(len(given)) as pool:
            together = list(pool.map(call, given))
        for other, expected in zip(together, alone, strict=True):
            self._same(other, expected, "the head keeps state between calls: in eight threads one")

    def test_gradients_reach_every_parameter(self) -> None:
        head = self.make().train()
        head(*self.inputs()).square().sum().backward()
        unused = [key for key, parameter in head.named_parameters() if parameter.grad is None]
        assert not unused, f"{self.name}: no gradient reaches {', '.join(unused)}; training leaves them as they are"

    def test_weights_survive_a_round_trip(self, tmp_path: Path) -> None:
        """Save and load as a model folder does: safetensors, into a fresh head of the same options and other seeds."""
        from safetensors.torch import load_file, save_file

        head, other, given = self.make(), self.make(seed=1), self.inputs()
        with torch.no_grad():
            for parameter in head.parameters():
                parameter.add_(0.01)
            save_file({key: value.contiguous() for key, value in head.state_dict().items()}, tmp_path / "w.safetensors")
            other.load_state_dict(load_file(tmp_path / "w.safetensors"))
            assert torch.equal(head(*given), other(*given)), (
                f"{self.name}: after loading it is another network: something that it computes with, such as numbers"
                " drawn when it is made, is neither a parameter nor a buffer that is saved"
            )

    def test_what_is_saved_is_floating_point(self) -> None:
        """Complex numbers as pairs; whole numbers, such as a range of positions, are made anew and not saved."""
        check_kinds(self.make(), self.name)

    def test_options_survive_a_round_trip(self) -> None:
        """Go from the dataclass to JSON, as a model keeps it, and back to the same network."""
        kind = self.spec.options
        assert kind.__dataclass_params__.frozen, f"{self.name}: {kind.__name__} is not frozen; write frozen=True"  # type: ignore[attr-defined]
        options = build_options("head", self.name, kind, dict(self.options))
        try:
            kept = json.loads(json.dumps(dataclasses.asdict(options)))
        except TypeError as error:
            raise AssertionError(f"{self.name}: {options} cannot be saved with a model: {error}") from None
        again = build_options("head", self.name, kind, kept)
        assert again == options, f"{self.name}: {options} come back as {again}"
        first, second = (self.spec.factory(self.latent_size, self.cond_size, one) for one in (options, again))
        shapes = [{key: value.shape for key, value in head.state_dict().items()} for head in (first, second)]
        assert shapes[0] == shapes[1], f"{self.name}: two networks of the same options have other parameters"

    def test_every_option_has_an_effect(self) -> None:
        """Some other value of each makes another network, or is refused; else it reaches nothing."""
        chosen = build_options("head", self.name, self.spec.options, dict(self.options))
        before = self._network(self.options)
        for option, values in other_values(chosen):
            changed = any(not _same_network(self._network({**self.options, option: value}), before) for value in values)
            assert changed or not values, (
                f"{self.name}: setting {option} to {', '.join(map(repr, values))} changes nothing: pass it on"
            )

    def _network(self, options: Mapping[str, Any]) -> list[Tensor] | None:
        """Parameters, and outputs in both modes; none where the options are refused."""
        try:
            head = self.make(options=options)
        except (ValueError, RuntimeError, TypeError, ArithmeticError, LookupError):  # options that do not go together
            return None
        with torch.random.fork_rng(), torch.no_grad():
            torch.manual_seed(0)
            made = [head(*self.inputs()), head.train()(*self.inputs())]
        return [*head.state_dict().values(), *made]

    def test_an_unknown_option_is_refused(self) -> None:
        with pytest.raises(SSSDError, match="has no option 'no_such_option'"):
            build_options("head", self.name, self.spec.options, {"no_such_option": 1})

    def test_compile_parity(self) -> None:
        """Traced once, unrolled over a few steps and run by ONNX Runtime: as eager sampling, to 1e-4 of the spread."""
        pytest.importorskip("onnxruntime", reason="the export extra is not installed")
        from sssd_registry.testing.compiled_loop import compile_head

        head = self.make().requires_grad_(False)
        _, _, condition = self.inputs()
        tableau = read_tableau(make_scheduler("dpmsolver++", NoiseSchedule()), 3)
        noise = torch.randn(1, 2, 5, 3, self.latent_size, generator=torch.Generator().manual_seed(2))
        expected = sample(lambda z, t: head(z, t, condition), tableau, noise)
        seen = compile_head(head, condition, self.latent_size, noise.shape[-2])(tableau, condition, noise)
        error = float((seen - expected).abs().max() / expected.std())
        assert error <= 1e-4, f"{self.name}: the compiled loop is off eager by {error:.1e} of the spread"

    def _same(self, seen: Tensor, expected: Tensor, what: str) -> None:
        error = float((seen - expected).abs().max())
        close = torch.allclose(seen, expected, rtol=RTOL, atol=ATOL)
        assert close, f"{self.name}: {what} gives an output that is off by {error:.1e}"


def _same_network(first: list[Tensor] | None, second: list[Tensor] | None) -> bool:
    if first is None or second is None:
        return first is second
    same = len(first) == len(second)
    return same and all(torch.equal(one, other) for one, other in zip(first, second, strict=True))


class _InStep(TorchFunctionMode):
    """Waits for all threads before each of torch's operations: left to chance, a fault would show now and then."""

    def __init__(self, barrier: threading.Barrier) -> None:
        super().__init__()
        self.barrier = barrier

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        with contextlib.suppress(threading.BrokenBarrierError):
            self.barrier.wait(timeout=5)
        return func(*args, **kwargs or {})
