"""Who imports whom: read from the sources, imports within functions and for types alone included."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {
    "sssd_registry": ROOT / "sssd_registry",
    "sssd_export": ROOT / "export" / "sssd_export",
    "sssd_engine": ROOT / "engine" / "sssd_engine",
    "sssd_heads": ROOT / "plugins" / "sssd_heads",
    "sssd_trackers": ROOT / "plugins" / "sssd_trackers",
    "sssd_metrics": ROOT / "plugins" / "sssd_metrics",
    "sssd_schedulers": ROOT / "plugins" / "sssd_schedulers",
}

# Rooms, and modules that lie in a package's root, each with all of ours that it may import. What is not a key here has
# no place yet: give it one.
_BASE = {"sssd_registry.errors", "sssd_registry.options", "sssd_registry.config", "sssd_registry.sampling.limits"}
_FACES = {"sssd_registry.forecast", "sssd_registry.forecaster", "sssd_registry.functionals", "sssd_registry.horizons"}
_MODEL = _BASE | {"sssd_registry.data", "sssd_registry.sampling", "sssd_registry.model", "sssd_registry.plugin_api",
                  "sssd_registry.files", "sssd_registry.storage", "sssd_registry.model_pipeline",
                  "sssd_registry.pipeline"}  # fmt: skip
_BUILDING = _BASE | {"sssd_engine", "sssd_registry.data", "sssd_registry.sampling", "sssd_registry.model",
                     "sssd_registry.files"}  # fmt: skip
MAY_IMPORT: dict[str, set[str]] = {
    "sssd_engine": set(),
    "sssd_registry.version": set(),
    "sssd_registry.errors": set(),
    "sssd_registry.options": {"sssd_registry.errors"},
    "sssd_registry.extras": {"sssd_registry.errors"},
    "sssd_registry.config": {"sssd_registry.errors", "sssd_registry.options", "sssd_registry.sampling.limits"},
    "sssd_registry.sampling": {"sssd_registry.errors", "sssd_engine.noise"},
    "sssd_registry.files": {"sssd_registry.errors", "sssd_engine.settling"},
    "sssd_registry.data": {"sssd_registry.errors", "sssd_registry.config", "sssd_registry.extras"},
    "sssd_registry.functionals": {"sssd_registry.errors"},
    "sssd_registry.forecast": {"sssd_registry.errors", "sssd_registry.extras", "sssd_registry.files",
                               "sssd_registry.data", "sssd_registry.functionals"},
    "sssd_registry.forecaster": {"sssd_registry.data", "sssd_registry.forecast"},
    "sssd_registry.horizons": {"sssd_registry.errors", "sssd_registry.data", "sssd_registry.forecast"},
    "sssd_registry.model": {"sssd_registry.errors", "sssd_registry.config", "sssd_registry.data",
                            "sssd_registry.sampling"},
    "sssd_registry.plugin_api": {*_BASE, "sssd_registry.data", "sssd_registry.sampling", "sssd_registry.model",
                                 "sssd_registry.forecaster"},
    "sssd_registry.storage": {*_BASE, "sssd_registry.data", "sssd_registry.sampling", "sssd_registry.model",
                              "sssd_registry.plugin_api", "sssd_registry.files", "sssd_registry.version"},
    "sssd_registry.model_pipeline": {*_MODEL, "sssd_registry.forecast", "sssd_registry.horizons"},
    "sssd_registry.pipeline": _MODEL,
    "sssd_registry.model_or_engine": _MODEL | _FACES,
    "sssd_registry.forecast_ends": {"sssd_registry.errors", "sssd_registry.data", *_FACES},
    "sssd_registry.batch": {"sssd_registry.errors", "sssd_registry.files", *_FACES, "sssd_registry.forecast_ends",
                            "sssd_registry.model_or_engine"},
    "sssd_registry.check_model": _MODEL,
    "sssd_registry.evaluation": {*_BASE, *_FACES, "sssd_registry.data", "sssd_registry.sampling",
                                 "sssd_registry.model", "sssd_registry.plugin_api"},
    "sssd_registry.training": {*_MODEL, "sssd_registry.evaluation"},
    "sssd_registry.estimator": {*_MODEL, *_FACES, "sssd_registry.training"},
    "sssd_registry.imputing": {*_MODEL, *_FACES},
    "sssd_registry.comparison": {*_MODEL, "sssd_registry.evaluation"},
    "sssd_registry.tuning": {*_MODEL, "sssd_registry.evaluation"},
    "sssd_registry.backtesting": {*_MODEL, *_FACES, "sssd_registry.extras", "sssd_registry.evaluation",
                                  "sssd_registry.training", "sssd_registry.forecast_ends",
                                  "sssd_registry.model_or_engine"},
    "sssd_registry.search": {*_MODEL, "sssd_registry.evaluation", "sssd_registry.training"},
    "sssd_registry.plots": {"sssd_registry.errors", "sssd_registry.extras", "sssd_registry.files",
                            "sssd_registry.forecast", "sssd_registry.sampling", "sssd_registry.comparison",
                            "sssd_registry.evaluation", "sssd_registry.backtesting", "sssd_registry.imputing"},
    # Reads what others made; nobody reads from it.
    "sssd_registry.report": {"sssd_registry.errors", "sssd_registry.extras", "sssd_registry.files",
                             "sssd_registry.data", "sssd_registry.functionals", "sssd_registry.horizons",
                             "sssd_registry.storage", "sssd_registry.comparison", "sssd_registry.evaluation"},
    "sssd_registry.newplugin": {"sssd_registry.errors", "sssd_registry.files", "sssd_registry.plugin_api"},
    # The outermost rooms of the core: nobody but sssd_export's command line imports anything of theirs.
    "sssd_registry.adapters": {*_MODEL, *_FACES, "sssd_registry.training", "sssd_registry.estimator"},
    "sssd_registry.cli": {"sssd_registry"},
    "sssd_registry.__main__": {"sssd_registry.cli"},
    "sssd_registry.testing": {"sssd_registry", "sssd_export"},  # what plugins' authors run asks whether all compiles
    "sssd_heads": {*_BASE, "sssd_registry.plugin_api.hookspecs"},
    "sssd_trackers": {"sssd_registry.plugin_api.hookspecs"},
    "sssd_metrics": {"sssd_registry.plugin_api.hookspecs", "sssd_registry.evaluation.scores"},
    "sssd_schedulers": {*_BASE, "sssd_registry.plugin_api.hookspecs", "sssd_registry.sampling"},
    "sssd_export.engine_errors": {"sssd_engine", "sssd_registry.errors"},
    # The model's way to fill holes serves engines that know of none.
    "sssd_export.forecaster": {"sssd_engine", "sssd_export.engine_errors", "sssd_registry.errors", "sssd_registry.data",
                               "sssd_registry.model", *_FACES},
    "sssd_export.graph": _BUILDING,
    "sssd_export.build": {*_BUILDING, "sssd_export.graph", "sssd_export.forecaster", "sssd_registry.plugin_api"},
    "sssd_export.targets": {*_BUILDING, "sssd_export.graph", "sssd_export.build", "sssd_export.forecaster",
                            "sssd_registry.plugin_api"},
    "sssd_export.request": {*_MODEL, *_FACES, "sssd_engine", "sssd_registry.model_or_engine"},
    "sssd_export.refit": {*_MODEL, "sssd_engine", "sssd_export.engine_errors", "sssd_export.request"},
    "sssd_export.inspection": {"sssd_engine", "sssd_export.engine_errors", "sssd_export.forecaster",
                               "sssd_registry.data", "sssd_registry.errors", "sssd_registry.storage"},
    "sssd_export.triton": {"sssd_engine", "sssd_export.engine_errors", "sssd_registry.errors", "sssd_registry.files"},
    "sssd_export.web": {"sssd_engine", "sssd_export.engine_errors", "sssd_export.forecaster", "sssd_registry.data",
                        "sssd_registry.errors", "sssd_registry.files"},
    "sssd_export.auto": {*_MODEL, "sssd_engine", "sssd_export.build", "sssd_export.forecaster", "sssd_export.request",
                         "sssd_registry.comparison", "sssd_registry.evaluation", "sssd_registry.extras",
                         "sssd_registry.plots"},
    "sssd_export.cli": {"sssd_export", "sssd_registry"},
}  # fmt: skip


def _modules() -> dict[str, Path]:
    found: dict[str, Path] = {}
    for package, folder in PACKAGES.items():
        for file in folder.rglob("*.py"):
            parts = file.relative_to(folder).with_suffix("").parts
            found[".".join([package, *(part for part in parts if part != "__init__")])] = file
    return found


MODULES = _modules()


def _imports(module: str) -> set[str]:
    """Modules of ours that ``module`` imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            whole = str(node.module)
            names = [f"{whole}.{alias.name}" if f"{whole}.{alias.name}" in MODULES else whole for alias in node.names]
        found |= {name for name in names if name in MODULES and name != module}
    return found


GRAPH = {module: _imports(module) for module in MODULES}


def _room(module: str) -> str:
    """``sssd_registry.data`` of ``sssd_registry.data.windows``; a module in a package's root is a room by itself."""
    parts = module.split(".")
    return (
        parts[0]
        if parts[0] in ("sssd_engine", "sssd_heads", "sssd_schedulers", "sssd_trackers", "sssd_metrics")
        else ".".join(parts[:2])
    )


def _within(module: str, places: set[str]) -> bool:
    return any(module == place or module.startswith(f"{place}.") for place in places)


@pytest.mark.parametrize("room", sorted({_room(module) for module in MODULES} - {"sssd_registry", "sssd_export"}))
def test_a_room_imports_only_what_it_may(room: str) -> None:
    assert room in MAY_IMPORT, f"{room} has no place: say in MAY_IMPORT what it may import"
    allowed = MAY_IMPORT[room] | {room}
    wrong = [
        f"{module} imports {other}"
        for module, others in GRAPH.items()
        if _room(module) == room
        for other in others
        if not _within(other, allowed)
    ]
    assert not wrong, "\n".join(wrong)


def test_no_import_goes_round_in_a_circle() -> None:
    circles = list(_circles(GRAPH))
    assert not circles, "\n".join(" -> ".join(circle) for circle in circles)


def test_no_room_goes_round_in_a_circle() -> None:
    """A package's root is no room: it offers the names of all."""
    roots = {"sssd_registry", "sssd_export"}
    rooms: dict[str, set[str]] = {_room(module): set() for module in MODULES if module not in roots}
    for module, others in GRAPH.items():
        if module not in roots:
            rooms[_room(module)] |= {_room(other) for other in others if other not in roots} - {_room(module)}
    # Small, and of no room: a configuration bounds steps by it, and the room of samplers does not know configurations.
    rooms["sssd_registry.config"].discard("sssd_registry.sampling")
    circles = list(_circles(rooms))
    assert not circles, "\n".join(" -> ".join(circle) for circle in circles)


def _circles(graph: dict[str, set[str]]) -> Iterator[list[str]]:
    """One circle for each module that an import leads back to, on a walk through all of them."""
    done: set[str] = set()

    def walk(module: str, path: list[str]) -> Iterator[list[str]]:
        if module in path:
            yield [*path[path.index(module) :], module]
        elif module not in done:
            for other in sorted(graph[module]):
                yield from walk(other, [*path, module])
            done.add(module)

    for module in sorted(graph):
        yield from walk(module, [])


def test_the_walk_finds_a_circle() -> None:
    assert list(_circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}})) == [["a", "b", "c", "a"]]
    assert not list(_circles({"a": {"b", "c"}, "b": {"c"}, "c": set()}))


def test_the_table_names_what_exists() -> None:
    rooms = {_room(module) for module in MODULES}
    assert set(MAY_IMPORT) == rooms - {"sssd_registry", "sssd_export"}


def test_nothing_else_in_the_core_imports_its_outermost_rooms() -> None:
    outer = {f"sssd_registry.{room}" for room in ("cli", "__main__", "testing", "adapters", "newplugin")}
    for module, others in GRAPH.items():
        if module.startswith("sssd_registry.") and _room(module) not in outer:
            assert not [other for other in others if _within(other, outer)], module


def test_the_core_knows_no_plugin_and_no_exporter() -> None:
    for module, others in GRAPH.items():
        if module.startswith("sssd_registry") and _room(module) != "sssd_registry.testing":
            assert not [
                other
                for other in others
                if _within(other, {"sssd_export", "sssd_heads", "sssd_schedulers", "sssd_trackers", "sssd_metrics"})
            ]
