"""``sssd plugins --why NAME``: what is wrong with a plugin or with what it offers, with the whole traceback."""

from __future__ import annotations

import traceback

from sssd_registry.errors import UnknownNameError, near_matches
from sssd_registry.options import build_options
from sssd_registry.plugin_api.discovery import Entry
from sssd_registry.plugin_api.registry import Registry

# Of any size: a head is made to see whether it can be.
_LATENT_SIZE, _COND_SIZE = 4, 6


def explain(registry: Registry, name: str) -> str:
    """Say what is wrong with everything that goes by ``name``: of an offer, a plugin or a distribution.

    Raises:
        UnknownNameError: nothing does.
    """
    known = {called for entry in registry.entries for called in _names(entry)}
    if name not in known:
        raise UnknownNameError(f"no plugin named {name!r}, and none that offers it: {near_matches(name, known)}")
    found = [entry for entry in registry.entries if name in _names(entry)]
    return "\n".join(f"{entry.kind} {entry.name}, {entry.origin}: {_explain(entry)}" for entry in found)


def _names(entry: Entry) -> tuple[str, str, str]:
    return entry.name, entry.plugin, entry.distribution


def _explain(entry: Entry) -> str:
    if entry.trace:
        return f"{entry.status}\n{entry.trace.rstrip()}"
    if entry.status != "ok" or entry.kind not in ("scheduler", "sampler", "head"):
        return entry.status_text
    try:
        _make(entry)
    except Exception:  # whatever somebody's factory raises
        return f"cannot be made with its default options\n{traceback.format_exc().rstrip()}"
    return "ok: it is listed, and can be made with its default options"


def _make(entry: Entry) -> None:
    options = build_options(entry.kind, entry.name, entry.spec.options, {})
    if entry.kind == "head":
        entry.spec.factory(_LATENT_SIZE, _COND_SIZE, options)
        return
    from sssd_registry.sampling.noise_schedule import NoiseSchedule

    flow = NoiseSchedule("flow", 1000, "flow_prediction")
    try:
        entry.spec.factory(NoiseSchedule(), options)
    except ValueError:  # it may be for the other kind of process, and says so
        entry.spec.factory(flow, options)
