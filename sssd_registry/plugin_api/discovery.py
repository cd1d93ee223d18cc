"""Discovery of what the installed distributions offer: the loop over entry points.

It is our own: pluggy's stops at the first plugin that fails and silently skips the second of two with one
name. Here a plugin that fails, or claims a name already taken, is recorded like any other.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib.metadata
import re
import sys
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pluggy

from sssd_registry.plugin_api.check_spec import AnySpec, check_answer
from sssd_registry.plugin_api.hookspecs import (
    HOOK_API,
    PROJECT,
    HeadSpec,
    Hooks,
    MetricSpec,
    SamplerSpec,
    SchedulerSpec,
    TargetSpec,
    TrackerSpec,
)
from sssd_registry.plugin_api.sampler_scheduler import scheduler_of_sampler

GROUP = "sssd_registry"
OURS = "sssd-registry"
DISABLE_VARIABLE = "SSSD_DISABLE_PLUGINS"

Kind = Literal["scheduler", "sampler", "head", "target", "tracker", "metric", "plugin"]

_HOOKS: Mapping[str, tuple[Kind, type[AnySpec]]] = {
    "register_schedulers": ("scheduler", SchedulerSpec),
    "register_samplers": ("sampler", SamplerSpec),
    "register_heads": ("head", HeadSpec),
    "register_targets": ("target", TargetSpec),
    "register_trackers": ("tracker", TrackerSpec),
    "register_metrics": ("metric", MetricSpec),
}


@dataclass(frozen=True)
class Entry:
    """One row of ``sssd plugins``: something offered, or a plugin (kind ``plugin``) that could not offer.

    ``trace`` is the traceback of one that raised.
    """

    kind: Kind
    name: str
    summary: str
    plugin: str
    distribution: str
    version: str
    status: str = "ok"
    spec: Any = field(default=None, repr=False, compare=False)
    trace: str = field(default="", repr=False, compare=False)

    @property
    def origin(self) -> str:
        """The distribution and its version, for messages."""
        return f"{self.distribution} {self.version}"

    @property
    def status_text(self) -> str:
        """The status in a user's words; of a target, also whether its engines can be run on this machine."""
        if self.kind != "target" or self.spec is None:
            return self.status
        if self.status != "ok":
            return self.status.removeprefix("unavailable: ")
        try:
            with contextlib.redirect_stdout(sys.stderr):
                reason = self.spec.run_unavailable()
        except Exception as error:  # a plugin's own code
            reason = f"run_unavailable() of plugin {self.plugin!r} raised {one_line(error)}"
        return f"can build, cannot run here: {reason}" if reason else "available"


def find_entries(entry_points: Iterable[importlib.metadata.EntryPoint], disabled: str = "") -> tuple[Entry, ...]:
    """Load every entry point that ``disabled`` (comma-separated entry-point or distribution names) leaves.

    Ours come first, the rest in order of distribution, so that the result does not depend on the order in
    which the file system lists them. A name that is offered twice belongs to neither: both are conflicts.
    """
    blocked = {_normal(name) for name in disabled.split(",") if name.strip()}
    points = sorted(((_dist(point), point) for point in entry_points), key=_order)
    entries = [entry for dist, point in points for entry in _load(point, dist, blocked)]
    return tuple(_mark_conflict(entry, entries) for entry in entries)


def _order(found: tuple[tuple[str, str], importlib.metadata.EntryPoint]) -> tuple[bool, tuple[str, str], str]:
    dist, point = found
    return _normal(dist[0]) != OURS, dist, point.name


def _normal(name: str) -> str:
    """A distribution's name as installers compare it: ``My_Plugin`` is ``my-plugin``."""
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


def _dist(point: importlib.metadata.EntryPoint) -> tuple[str, str]:
    """Name and version; a damaged installation may lack either."""
    metadata: Any = point.dist.metadata if point.dist else {}
    return str(metadata.get("Name", "unknown")), str(metadata.get("Version", "?"))


def _load(point: importlib.metadata.EntryPoint, dist: tuple[str, str], blocked: set[str]) -> list[Entry]:
    distribution, version = dist
    row = functools.partial(Entry, plugin=point.name, distribution=distribution, version=version)
    if {_normal(point.name), _normal(distribution)} & blocked:
        return [row("plugin", point.name, point.value, status=f"disabled by {DISABLE_VARIABLE}")]
    try:
        # What a plugin prints would come before the output of the command that loads it.
        with contextlib.redirect_stdout(sys.stderr):
            offers = [(kind, spec, _availability(spec)) for kind, spec in _offers(point.load())]
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever a plugin raises must not take the others down
        trace = "".join(traceback.format_exception(error))
        return [row("plugin", point.name, point.value, status=f"broken: {one_line(error)}", trace=trace)]
    if not offers:
        return [row("plugin", point.name, point.value, status="empty: its hooks return nothing")]
    return [
        row(kind, spec.name, spec.summary, status=status, spec=_as_asked(spec, point.name))
        for kind, spec, status in offers
    ]


def one_line(error: BaseException) -> str:
    """An exception's kind and message, on one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def why(name: str) -> str:
    """Say how to see the traceback behind a message."""
    return f"`sssd plugins --why {name}` shows where"


def _as_asked(spec: AnySpec, plugin: str) -> AnySpec:
    """A sampler as the scheduler that it becomes."""
    return scheduler_of_sampler(spec, plugin) if isinstance(spec, SamplerSpec) else spec


def _availability(spec: AnySpec) -> str:
    reason = spec.unavailable()
    return f"unavailable: {reason}" if reason else "ok"


def _offers(plugin: object) -> list[tuple[Kind, AnySpec]]:
    """Ask one plugin alone, so that what it says, or raises, is known to be its own."""
    written_for = getattr(plugin, "SSSD_HOOK_API", None)
    if written_for != HOOK_API:
        said = (
            "does not say which hook API it was written for"
            if written_for is None
            else f"was written for hook API {written_for!r}"
        )
        raise TypeError(f"{said}; this version has SSSD_HOOK_API = {HOOK_API}")
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Hooks)
    manager.register(plugin)
    manager.check_pending()
    if not manager.get_hookcallers(plugin):
        raise TypeError(f"no function marked @hookimpl: expected one or more of {', '.join(_HOOKS)}")
    offers: list[tuple[Kind, AnySpec]] = []
    for hook, (kind, expected) in _HOOKS.items():
        for implementation in getattr(manager.hook, hook).get_hookimpls():
            offers += [(kind, spec) for spec in check_answer(hook, expected, implementation.function())]
    return offers


def _mark_conflict(entry: Entry, entries: Iterable[Entry]) -> Entry:
    same = (asked_as(entry.kind), entry.name)
    others = [other for other in entries if (asked_as(other.kind), other.name) == same and other is not entry]
    if entry.kind == "plugin" or not others:
        return entry
    rivals = " and ".join(other.origin for other in others)
    return dataclasses.replace(entry, status=f"conflict: also offered by {rivals}")


def asked_as(kind: Kind) -> Kind:
    """The kind whose names it shares: a sampler is asked for as a scheduler."""
    return "scheduler" if kind == "sampler" else kind
