"""Which plugins there are, and what they offer, by name.

The loop over entry points is our own: pluggy's stops at the first plugin that fails and silently skips the
second of two with one name. Here a plugin that fails, or claims a name already taken, is recorded and listed,
and raises only when what it offers is asked for.
"""

from __future__ import annotations

import functools
import importlib.metadata
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

import pluggy

from sssd_registry.errors import SSSDError, UnknownNameError, near_matches
from sssd_registry.hookspecs import PROJECT, HeadSpec, Hooks, SchedulerSpec, TargetSpec

GROUP = "sssd_registry"
DISABLE_VARIABLE = "SSSD_DISABLE_PLUGINS"

Kind = Literal["scheduler", "head", "target", "plugin"]
Spec = TypeVar("Spec", SchedulerSpec, HeadSpec, TargetSpec)

_HOOKS: Mapping[str, tuple[Kind, type]] = {
    "register_schedulers": ("scheduler", SchedulerSpec),
    "register_heads": ("head", HeadSpec),
    "register_targets": ("target", TargetSpec),
}


@dataclass(frozen=True)
class Entry:
    """One row of ``sssd plugins``: something offered, or a plugin (kind ``plugin``) that could not offer."""

    kind: Kind
    name: str
    summary: str
    plugin: str
    distribution: str
    version: str
    status: str = "ok"
    spec: Any = field(default=None, repr=False, compare=False)

    @property
    def origin(self) -> str:
        """The distribution and its version, for messages."""
        return f"{self.distribution} {self.version}"


@dataclass(frozen=True)
class Catalogue(Generic[Spec]):
    """The entries of one kind: ``catalogue["ddim"]``, ``"ddim" in catalogue``, ``list(catalogue)``."""

    kind: Kind
    entries: tuple[Entry, ...]

    def __iter__(self) -> Iterable[str]:  # type: ignore[override]
        return iter(sorted({entry.name for entry in self._offered() if entry.status == "ok"}))

    def __contains__(self, name: object) -> bool:
        return name in set(self.__iter__())

    def _offered(self) -> list[Entry]:
        return [entry for entry in self.entries if entry.kind == self.kind]

    def __getitem__(self, name: str) -> Spec:
        """The specification registered as ``name``.

        Raises:
            UnknownNameError: nothing has that name; lists near matches and the plugins that failed.
            SSSDError: more than one plugin claims the name.
        """
        claims = [entry for entry in self._offered() if entry.name == name]
        if not claims:
            raise UnknownNameError(f"no {self.kind} named {name!r}: {self._near(name)}{self._failed()}")
        if len(claims) > 1:
            raise SSSDError(
                f"{self.kind} {name!r} is claimed by {' and by '.join(entry.origin for entry in claims)}:"
                f" uninstall one, or block it with {DISABLE_VARIABLE}={claims[-1].plugin}"
            )
        spec: Spec = claims[0].spec
        return spec

    def _near(self, name: str) -> str:
        return near_matches(name, {entry.name for entry in self._offered()})

    def _failed(self) -> str:
        failed = [entry for entry in self.entries if entry.kind == "plugin"]
        return "".join(f"; plugin {entry.name!r} of {entry.origin} is {entry.status}" for entry in failed)


@dataclass(frozen=True)
class Registry:
    """Everything the installed plugins offer."""

    entries: tuple[Entry, ...]

    @property
    def schedulers(self) -> Catalogue[SchedulerSpec]:
        return Catalogue("scheduler", self.entries)

    @property
    def heads(self) -> Catalogue[HeadSpec]:
        return Catalogue("head", self.entries)

    @property
    def targets(self) -> Catalogue[TargetSpec]:
        return Catalogue("target", self.entries)


@functools.cache
def registry() -> Registry:
    """The registry of this process, read once from the installed distributions."""
    return load_registry(importlib.metadata.entry_points(group=GROUP), os.environ.get(DISABLE_VARIABLE, ""))


def load_registry(entry_points: Iterable[importlib.metadata.EntryPoint], disabled: str = "") -> Registry:
    """Load every entry point that ``disabled`` (comma-separated entry-point or distribution names) leaves.

    Ours come first, the rest in order of distribution, so that the result does not depend on the order in
    which the file system lists them.
    """
    blocked = {name.strip().lower() for name in disabled.split(",") if name.strip()}
    points = sorted(entry_points, key=lambda point: (_dist(point)[0] != "sssd-registry", _dist(point), point.name))
    entries: list[Entry] = []
    for point in points:
        for entry in _load(point, blocked):
            entries.append(_mark_if_taken(entry, entries))
    return Registry(tuple(entries))


def _dist(point: importlib.metadata.EntryPoint) -> tuple[str, str]:
    return (point.dist.name, point.dist.version) if point.dist else ("unknown", "?")


def _load(point: importlib.metadata.EntryPoint, blocked: set[str]) -> list[Entry]:
    distribution, version = _dist(point)
    row = functools.partial(Entry, plugin=point.name, distribution=distribution, version=version)
    if {point.name.lower(), distribution.lower()} & blocked:
        return [row("plugin", point.name, point.value, status=f"disabled by {DISABLE_VARIABLE}")]
    try:
        offers = _offers(point.load())
    except Exception as error:  # whatever a plugin raises must not take the others down
        return [row("plugin", point.name, point.value, status=f"broken: {type(error).__name__}: {_line(error)}")]
    return [row(kind, spec.name, spec.summary, spec=spec) for kind, spec in offers]


def _offers(plugin: object) -> list[tuple[Kind, Any]]:
    """Ask one plugin alone, so that what it says, or raises, is known to be its own."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Hooks)
    manager.register(plugin)
    manager.check_pending()
    offers: list[tuple[Kind, Any]] = []
    for hook, (kind, expected) in _HOOKS.items():
        for specs in getattr(manager.hook, hook)():
            for spec in specs:
                if not isinstance(spec, expected):
                    raise TypeError(f"{hook}() has to return {expected.__name__}s, got {type(spec).__name__}")
                offers.append((kind, spec))
    return offers


def _mark_if_taken(entry: Entry, earlier: Iterable[Entry]) -> Entry:
    if entry.kind == "plugin":
        return entry
    for other in earlier:
        if (other.kind, other.name) == (entry.kind, entry.name):
            status = f"conflict: {entry.name!r} is taken by {other.origin}"
            return Entry(entry.kind, entry.name, entry.summary, entry.plugin, entry.distribution, entry.version,
                         status, entry.spec)
    return entry


def _line(error: Exception) -> str:
    """The error on one line."""
    return " ".join(str(error).split())
