"""Loop sampler: a function ``sample_xxx(model, x, sigmas, …)`` that calls the model itself, as k-diffusion has them.

It works on ``x = x0 + sigma eps`` (Karras et al. 2022): ``model(x, sigma)`` is the data seen in ``x``, and ``sigmas``
fall to zero.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sssd_registry.errors import SSSDError, near_matches

# Arguments that a run gives to whichever function has them; the first two, model and x, go by their place.
GIVEN = ("sigmas", "sigma_min", "sigma_max", "n", "noise_sampler", "disable")


@dataclass(frozen=True)
class LoopFunction:
    """A sampler's function with its options, for any process.

    Attributes:
        function: ``(model, x, sigmas, …) -> x0``, or with ``sigma_min`` and ``sigma_max`` (and ``n``, the number of
            steps) for functions that choose their own sigmas.
        label: what it is called in messages.
        sigmas: how sigmas are spaced, one of :data:`sssd_registry.sampling.sigma_grid.SPACINGS`.
        options: the function's other arguments.

    Raises:
        SSSDError: an option that the function does not take, an argument that nobody gives, or no sigmas.
    """

    function: Callable[..., Any]
    label: str
    sigmas: str = "karras"
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        try:
            _, _, *rest = inspect.signature(self.function).parameters.values()
        except (TypeError, ValueError):
            raise SSSDError(f"{self.label} is no function (model, x, sigmas, …)") from None
        named = [one.name for one in rest if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
        for option in self.options:
            if option in GIVEN or option not in named:
                known = near_matches(option, set(named) - set(GIVEN))
                raise SSSDError(f"{self.label} has no argument {option!r} to set: {known}")
        for one in rest:
            needed = one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
            if needed and one.name not in (*GIVEN, *self.options):
                raise SSSDError(f"{self.label} needs the argument {one.name!r}, which nothing gives: give it a default")
        if "sigmas" not in named and not {"sigma_min", "sigma_max"} <= set(named):
            raise SSSDError(f"{self.label} takes neither sigmas nor sigma_min and sigma_max: it is no loop sampler")

    @property
    def takes(self) -> frozenset[str]:
        """Those of :data:`GIVEN` that the function takes."""
        return frozenset(inspect.signature(self.function).parameters) & frozenset(GIVEN)


def from_loop(function: Callable[..., Any], /, *, sigmas: str = "karras", **options: Any) -> LoopFunction:
    """Make a scheduler of a loop sampler: ``pipe.scheduler = from_loop(sample_euler)``.

    Args:
        function: ``(model, x, sigmas, …) -> x0``.
        sigmas: ``karras`` (Karras et al. 2022, eq. 5), ``exponential``, or ``trailing`` for evenly spaced time steps.
        options: the function's own arguments, such as ``eta=0.5``.

    Raises:
        SSSDError: it is no such function, or does not take one of the options.
    """
    return LoopFunction(function, getattr(function, "__qualname__", repr(function)), sigmas, options)
