"""Checks of what a plugin's hook returns: found here, a wrong type is listed; later, it would be a traceback."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable

from sssd_registry.plugin_api.hookspecs import (
    HeadSpec,
    MetricSpec,
    SamplerOptions,
    SamplerSpec,
    SchedulerSpec,
    TargetSpec,
    TrackerSpec,
)

AnySpec = SchedulerSpec | SamplerSpec | HeadSpec | TargetSpec | TrackerSpec | MetricSpec

# The scheduler that a model has of its own (sssd_registry.storage.sampling_defaults), never a plugin's.
TUNED = "tuned"
_RESERVED = {TUNED: "a model's own solvers are called that", "all": "`--schedulers all` means every one"}


def check_answer(hook: str, expected: type[AnySpec], answer: object) -> list[AnySpec]:
    """Return a hook's answer as a list, if it is what the hook's specification says.

    Raises:
        TypeError: it is something else; says what came.
    """
    wanted = f"{hook}() has to return a list of {expected.__name__}"
    if not isinstance(answer, list | tuple):
        raise TypeError(f"{wanted}, got {type(answer).__name__}")
    for spec in answer:
        if not isinstance(spec, expected):
            raise TypeError(f"{wanted}, got {type(spec).__name__} in it")
        check_offer(spec, wanted)
    return list(answer)


def check_offer(spec: AnySpec, wanted: str) -> None:
    """Check one specification; messages begin with what is ``wanted``.

    Raises:
        TypeError: a field is of the wrong type; says which, and what came.
    """
    _check_name(spec, wanted)
    _check_options(spec, wanted)
    _check_fields(spec)


def _check_name(spec: AnySpec, wanted: str) -> None:
    if not isinstance(spec.name, str) or not re.fullmatch(r"[^\s:,]+", spec.name):
        raise TypeError(f"{wanted} named by text without spaces, ':' and ',', got {spec.name!r}")
    if isinstance(spec, SchedulerSpec | SamplerSpec) and spec.name in _RESERVED:
        raise TypeError(f"{wanted}, none of them named {spec.name!r}: {_RESERVED[spec.name]}")


def _check_options(spec: AnySpec, wanted: str) -> None:
    options = spec.options
    if not (isinstance(options, type) and dataclasses.is_dataclass(options)):
        raise TypeError(f"{wanted} whose options are a dataclass, got {options!r} for {spec.name!r}")
    if isinstance(spec, SamplerSpec) and not issubclass(options, SamplerOptions):
        raise TypeError(f"{wanted} whose options are SamplerOptions or a subclass, got {options!r} for {spec.name!r}")
    for field in dataclasses.fields(options):
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise TypeError(f"{wanted} whose options have defaults, got none for {field.name!r} of {spec.name!r}")


def _check_fields(spec: AnySpec) -> None:
    for field in dataclasses.fields(spec):
        value = getattr(spec, field.name)
        fits, wanted = _FIELDS[field.name]
        if not fits(value):
            raise TypeError(f"{type(spec).__name__} {spec.name!r}: {field.name}={value!r} is not {wanted}")


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_order(value: object) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool) and value > 0)


def _are_texts(value: object) -> bool:
    return isinstance(value, tuple) and bool(value) and all(isinstance(one, str) for one in value)


_FUNCTION = (callable, "a function")
_FLAG = (lambda value: isinstance(value, bool), "true or false")
_FIELDS: dict[str, tuple[Callable[[object], bool], str]] = {
    "name": (_is_text, "text"),
    "summary": (_is_text, "text"),
    "options": (lambda value: isinstance(value, type), "a dataclass"),
    "factory": _FUNCTION,
    "build": _FUNCTION,
    "load": _FUNCTION,
    "unavailable": _FUNCTION,
    "run_unavailable": _FUNCTION,
    "order": (_is_order, "a whole number from 1, or None"),
    "consistency": _FLAG,
    "tokens": _FLAG,
    "past": _FLAG,
    "native_code": _FLAG,
    "precisions": (_are_texts, "a tuple of texts, the default first"),
}
