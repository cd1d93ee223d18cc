"""Tableau of a scheduler in N steps, as numbers: the counterpart of a Runge-Kutta method's Butcher tableau.

Every diffusers scheduler is linear in the initial noise, the network's outputs and the noise it draws, once
the number of steps is fixed. So running it on basis vectors reads its coefficients off, and nothing else has to
be known about it: the sampler and the exporter run the numbers, not the scheduler.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

# A recurrence has to give the dense rows to this share of their largest entry.
BAND_TOLERANCE = 1e-9
# States times float32 network outputs: what a scheduler's own float32 constants leave of linearity.
LINEARITY_TOLERANCE = 1e-5


@dataclass(frozen=True, slots=True)
class Term:
    """``weight`` times one of: the state or output ``index`` calls ago (0 is the last), or noise ``index``."""

    source: Literal["state", "output", "noise"]
    index: int
    weight: float


Update = tuple[Term, ...]


@dataclass(frozen=True, eq=False)
class SolverTableau:
    """A solver's coefficients for one number of steps. Immutable, hashable, safe to share between threads.

    :func:`~sssd_registry.sampling.read_tableau.read_tableau` reads one off a scheduler.

    With M network calls and W draws, ``columns`` are [initial noise, outputs 0 … M−1, draws 1 … W]. Row j < M of
    ``coefficients`` gives the input of call j, row M the result:

        x_j = coefficients[j, 0] n_0 + sum_i coefficients[j, 1 + i] o_i + sum_k coefficients[j, M + k] n_k

    Invariants: ``coefficients.shape == (M + 1, 1 + M + W)``; row j is zero at the outputs of calls j and later.

    Attributes:
        num_inference_steps: N, as asked for; M may be larger (PNDM, Heun).
        timesteps: float64 ``(M,)``, what the network is called with.
        coefficients: float64 ``(M + 1, 1 + M + W)``, read-only.
        drawn_in: the call whose step drew each of the W draws.
    """

    num_inference_steps: int
    timesteps: Array
    coefficients: Array
    drawn_in: tuple[int, ...]

    def __post_init__(self) -> None:
        for name in ("timesteps", "coefficients"):
            array = np.array(getattr(self, name), dtype=np.float64)
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        calls, draws = len(self.timesteps), len(self.drawn_in)
        if self.coefficients.shape != (calls + 1, 1 + calls + draws):
            raise ValueError(
                f"coefficients have shape {self.coefficients.shape}; {calls} calls and {draws} draws need"
                f" {(calls + 1, 1 + calls + draws)}"
            )

    @property
    def num_calls(self) -> int:
        """M, how often the network is called."""
        return len(self.timesteps)

    @property
    def num_noises(self) -> int:
        """1 + W: the initial noise and the draws of the steps."""
        return 1 + len(self.drawn_in)

    @functools.cached_property
    def updates(self) -> tuple[Update, ...]:
        """M + 1 updates: how x_0, …, x_{M−1} and the result are made, each from as few terms as do it.

        A solver with finite memory is found to be one: x_{j+1} is then a sum over the last few states and
        outputs and the newest draws. A row for which no recurrence is exact stays dense.
        """
        return tuple(_update(self, row) for row in range(self.num_calls + 1))

    @functools.cached_property
    def memory(self) -> int:
        """Number of last states and outputs that the updates look back to."""
        return max((t.index + 1 for update in self.updates for t in update if t.source != "noise"), default=1)

    def to_json(self) -> str:
        """Exact text form: ``from_json(to_json())`` equals the tableau bit for bit."""
        return json.dumps(
            {
                "num_inference_steps": self.num_inference_steps,
                "timesteps": self.timesteps.tolist(),
                "coefficients": self.coefficients.tolist(),
                "drawn_in": self.drawn_in,
            }
        )

    @classmethod
    def from_json(cls, text: str) -> SolverTableau:
        """The tableau that ``to_json`` wrote."""
        tree = json.loads(text)
        return cls(tree["num_inference_steps"], tree["timesteps"], tree["coefficients"], tuple(tree["drawn_in"]))

    @property
    def _key(self) -> tuple[Any, ...]:
        return (
            self.num_inference_steps,
            self.drawn_in,
            self.timesteps.tobytes(),
            self.coefficients.tobytes(),
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SolverTableau) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def digest(self) -> str:
        """SHA-256 of the tableau's text form: the same in every process."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def __repr__(self) -> str:
        dense = sum(len(update) for update in self.updates)
        times = ", ".join(f"{t:g}" for t in self.timesteps[:4])
        return (
            f"SolverTableau({self.num_inference_steps} steps, {self.num_calls} network calls at t = {times}"
            f"{', …' if self.num_calls > 4 else ''}; {len(self.drawn_in)} draws; memory {self.memory},"
            f" {dense} terms)"
        )


def _update(tableau: SolverTableau, row: int) -> Update:
    """The cheapest exact update for one row: fewest lags first, dense last."""
    for states, lags in _lag_choices(row):
        weights = _fit_states(tableau, row, states, lags)
        if weights is not None:
            return _terms(tableau, row, weights)
    return _terms(tableau, row, np.zeros(0))


def _lag_choices(row: int) -> Iterator[tuple[int, int]]:
    """(states, lags) to try for a row: with ``lags``, the newest outputs and draws enter freely."""
    choices = ((states, lags) for states in range(1, 5) for lags in range(1, 6))
    return (c for c in sorted(choices, key=lambda c: (sum(c), c[0])) if c[0] <= row and c[1] <= row)


def _fit_states(tableau: SolverTableau, row: int, states: int, lags: int) -> Array | None:
    """Weights of the last ``states`` states that leave nothing of ``row`` but its newest outputs and draws."""
    calls = tableau.num_calls
    old_draws = [1 + calls + k for k, call in enumerate(tableau.drawn_in) if call < row - lags]
    old = np.r_[0 : 1 + row - lags, old_draws].astype(int)
    target = tableau.coefficients[row, old]
    basis = tableau.coefficients[row - states : row, old][::-1].T  # (old, states), newest first
    weights = np.linalg.lstsq(basis, target, rcond=None)[0]
    scale = np.abs(tableau.coefficients[row]).max()
    fits = np.abs(basis @ weights - target).max(initial=0.0) <= BAND_TOLERANCE * scale
    return weights if fits and np.isfinite(weights).all() else None


def _terms(tableau: SolverTableau, row: int, weights: Array) -> Update:
    """Return the rest of ``row`` after the weighted states, as terms; entries of rounding size are dropped."""
    calls = tableau.num_calls
    rest = tableau.coefficients[row].copy()
    size = np.abs(rest).max()
    for lag, weight in enumerate(weights):
        earlier = weight * tableau.coefficients[row - 1 - lag]
        size = max(size, np.abs(earlier).max())
        rest -= earlier
    rest[np.abs(rest) <= BAND_TOLERANCE * size] = 0.0
    terms = [Term("state", lag, float(weight)) for lag, weight in enumerate(weights) if weight != 0.0]
    terms += [Term("output", row - 1 - i, float(rest[1 + i])) for i in reversed(range(row)) if rest[1 + i]]
    noises = [0, *range(1 + calls, rest.size)]
    terms += [Term("noise", k, float(rest[column])) for k, column in enumerate(noises) if rest[column]]
    return tuple(terms)
