"""Registry of the plugins, and of what they offer by name.

What is wrong with a plugin is listed, and raises only when what it offers is asked for.
"""

from __future__ import annotations

import functools
import importlib.metadata
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from sssd_registry.errors import SSSDError, UnknownNameError, near_matches
from sssd_registry.plugin_api.discovery import DISABLE_VARIABLE, GROUP, Entry, Kind, asked_as, find_entries
from sssd_registry.plugin_api.hookspecs import HeadSpec, MetricSpec, SchedulerSpec, TargetSpec, TrackerSpec

Spec = TypeVar("Spec", SchedulerSpec, HeadSpec, TargetSpec, TrackerSpec, MetricSpec)


@dataclass(frozen=True)
class Catalogue(Generic[Spec]):
    """The entries of one kind: ``catalogue["ddim"]``, ``"ddim" in catalogue``, ``list(catalogue)``."""

    kind: Kind
    entries: tuple[Entry, ...]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(entry.name for entry in self._offered() if entry.status == "ok"))

    def __contains__(self, name: object) -> bool:
        return name in list(self)

    def _offered(self) -> list[Entry]:
        return [entry for entry in self.entries if asked_as(entry.kind) == self.kind]

    def __getitem__(self, name: str) -> Spec:
        """The specification registered as ``name``.

        Raises:
            UnknownNameError: nothing has that name; lists near matches and the plugins that failed.
            SSSDError: more than one plugin claims the name, or what it stands for cannot be used here.
        """
        claims = [entry for entry in self._offered() if entry.name == name]
        if not claims:
            raise UnknownNameError(f"no {self.kind} named {name!r}: {self._near(name)}{self._failed()}")
        if len(claims) > 1:
            raise SSSDError(
                f"{self.kind} {name!r} is offered by {' and by '.join(entry.origin for entry in claims)}:"
                f" uninstall one, or set {DISABLE_VARIABLE}={_blocking(*claims)}"
            )
        if claims[0].status != "ok":
            raise SSSDError(f"{self.kind} {name!r} of {claims[0].origin} is {claims[0].status}")
        spec: Spec = claims[0].spec
        return spec

    def plugin_of(self, name: str) -> str:
        """The plugin that offers ``name``, and its distribution, for messages."""
        entry = next(entry for entry in self._offered() if entry.name == name)
        return f"plugin {entry.plugin!r} of {entry.origin}"

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
        """Schedulers, and samplers as the schedulers that they become."""
        return Catalogue("scheduler", self.entries)

    @property
    def heads(self) -> Catalogue[HeadSpec]:
        return Catalogue("head", self.entries)

    @property
    def targets(self) -> Catalogue[TargetSpec]:
        return Catalogue("target", self.entries)

    @property
    def trackers(self) -> Catalogue[TrackerSpec]:
        return Catalogue("tracker", self.entries)

    @property
    def metrics(self) -> Catalogue[MetricSpec]:
        return Catalogue("metric", self.entries)


@functools.cache
def registry() -> Registry:
    """The registry of this process, read once from the installed distributions."""
    return load_registry(importlib.metadata.entry_points(group=GROUP), os.environ.get(DISABLE_VARIABLE, ""))


def load_registry(entry_points: Iterable[importlib.metadata.EntryPoint], disabled: str = "") -> Registry:
    """The registry of the given entry points; see :func:`sssd_registry.plugin_api.discovery.find_entries`."""
    return Registry(find_entries(entry_points, disabled))


def _blocking(first: Entry, *others: Entry) -> str:
    """Name what to block so that ``first`` stays: an entry point's name may be in use in several distributions."""
    same = first.distribution
    names = (entry.plugin if entry.distribution == same else entry.distribution for entry in others)
    return ",".join(dict.fromkeys(names))
