"""Space that a search goes through: sizes, heads and training, but for what the user has settled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from sssd_registry.config import Config

if TYPE_CHECKING:
    from optuna.trial import BaseTrial

# Setting -> how a trial is asked for it. Sizes are powers of two or half-way between: nearer ones hardly differ.
Suggest = Callable[["BaseTrial", str], Any]


def _choice(*values: Any) -> Suggest:
    return lambda trial, name: trial.suggest_categorical(name, values)


def _between(low: float, high: float, log: bool = False) -> Suggest:
    return lambda trial, name: trial.suggest_float(name, low, high, log=log)


SPACE: dict[str, Suggest] = {
    "model.feature_size": _choice(16, 32, 48, 64, 96),
    "model.num_layers": _choice(1, 2, 3),
    "model.context_size": _choice(32, 64, 128),
    "model.dropout": _between(0.0, 0.3),
    "training.learning_rate": _between(3e-4, 1e-2, log=True),
    "training.batch_size": _choice(32, 64, 128),
    "training.weight_decay": _between(1e-4, 1e-1, log=True),
    "training.ema_decay": _choice(0.99, 0.995, 0.999),
}
HEAD = "model.head"


def searched(settled: Config, heads: Sequence[str]) -> dict[str, Suggest]:
    """Settings that are searched: all of the space that the user did not set, and the head among several.

    Args:
        settled: the user's configuration; what was given in it stays as it is.
        heads: among which the head is chosen.
    """
    given = {f"{section}.{name}" for section in ("model", "training") for name in _given(settled, section)}
    free = {name: suggest for name, suggest in SPACE.items() if name not in given}
    return ({HEAD: _choice(*heads)} if len(heads) > 1 else {}) | free


def _given(settled: Config, section: str) -> set[str]:
    names: set[str] = getattr(settled, section).model_fields_set
    return names


def with_values(settled: Config, values: dict[str, Any]) -> Config:
    """``settled`` with values by their dotted names."""
    sections: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        section, _, key = name.partition(".")
        sections.setdefault(section, {})[key] = value
    updates = {section: getattr(settled, section).model_copy(update=some) for section, some in sections.items()}
    return settled.model_copy(update=updates)
