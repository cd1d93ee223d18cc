"""Real distributions, thrown away after each test: what is found, what is recorded, what raises and when."""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sssd_registry.errors import SSSDError, UnknownNameError
from sssd_registry.plugin_api.discovery import GROUP, find_entries
from sssd_registry.plugin_api.explain import explain
from sssd_registry.plugin_api.hookspecs import Hooks, NoOptions
from sssd_registry.plugin_api.registry import Registry, load_registry, registry
from sssd_registry.sampling.noise_schedule import NoiseSchedule

OURS = {
    "sssd_schedulers",
    "sssd_heads",
    "sssd_trackers",
    "sssd_metrics",
    *(f"sssd_export.targets.{name}" for name in ("onnx", "openvino", "tensorrt", "tensorrt_rtx", "torch_aot")),
}

SCHEDULER = """
from sssd_registry.plugin_api.hookspecs import SchedulerSpec, hookimpl

SSSD_HOOK_API = 1

@hookimpl
def register_schedulers():
    return [SchedulerSpec({name!r}, "for a test", lambda schedule, options: ({module!r}, schedule, options))]
"""

HEADER = "from sssd_registry.plugin_api.hookspecs import HeadSpec, SchedulerSpec, hookimpl\nSSSD_HOOK_API = 1\n"


def scheduler(module: str, name: str) -> str:
    return SCHEDULER.format(module=module, name=name)


class Site:
    """A folder that distributions are installed into, as an installer would leave them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.modules: list[str] = []

    def install(self, name: str, source: str, *, version: str = "1.0", point: str = "", meta: str = "") -> None:
        """One distribution, one module, one entry point: called like the module unless ``point`` is given."""
        module = name.lower().replace("-", "_")
        (self.folder / f"{module}.py").write_text(source)
        info = self.folder / f"{module}-{version}.dist-info"
        info.mkdir()
        metadata = meta or f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        (info / "METADATA").write_text(metadata)
        (info / "entry_points.txt").write_text(f"[{GROUP}]\n{point or module} = {module}\n")
        self.modules.append(module)

    def points(self) -> list[importlib.metadata.EntryPoint]:
        """The entry points of everything that is installed, ours included."""
        importlib.invalidate_caches()
        found = list(importlib.metadata.entry_points(group=GROUP))
        assert {*self.modules, *OURS} <= {point.value for point in found}
        return found

    def load(self, disabled: str = "") -> Registry:
        return load_registry(self.points(), disabled)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.syspath_prepend(str(tmp_path))
    made = Site(tmp_path)
    yield made
    for module in made.modules:
        sys.modules.pop(module, None)


def broken(found: Registry, plugin: str) -> str:
    """The status of a plugin that offers nothing."""
    (entry,) = [entry for entry in found.entries if (entry.kind, entry.name) == ("plugin", plugin)]
    return entry.status


def test_first_party_things_are_found_through_entry_points() -> None:
    points = importlib.metadata.entry_points(group=GROUP)
    assert {point.value for point in points} >= OURS
    found = registry()
    assert set(found.schedulers) >= {"ddim", "ddpm", "dpmsolver++"}
    assert "mlp" in found.heads
    assert "onnx" in found.targets
    assert all(entry.status == "ok" or entry.status.startswith("unavailable: ") for entry in found.entries)
    assert all(entry.summary for entry in found.entries)
    assert load_registry([]).entries == ()  # there is no other door


def test_a_new_distribution_is_found_with_its_origin(site: Site) -> None:
    site.install("Toy-Plugin", scheduler("toy_plugin", "toy"), version="2.3")
    found = site.load()
    (entry,) = [entry for entry in found.entries if entry.name == "toy"]
    assert (entry.kind, entry.origin, entry.plugin, entry.status) == (
        "scheduler",
        "Toy-Plugin 2.3",
        "toy_plugin",
        "ok",
    )
    assert found.schedulers["toy"].options is NoOptions
    assert "toy" in found.schedulers
    assert "toy" not in found.heads
    assert set(registry().schedulers) < set(found.schedulers)


BROKEN = {
    "import": (
        "import no_such_module_anywhere",
        "ModuleNotFoundError: No module named 'no_such_module_anywhere'",
    ),
    "exit": ("import sys\nsys.exit('two\\nlines')", "SystemExit: two lines"),
    "syntax": ("def f(:", "SyntaxError: "),
    "hook raises": (
        HEADER + "@hookimpl\ndef register_heads(): raise RuntimeError('dog ate it')",
        "dog ate it",
    ),
    "wrong type": (
        HEADER + "@hookimpl\ndef register_heads(): return ['mlp2']",
        "a list of HeadSpec, got str in it",
    ),
    "other kind": (
        HEADER + "@hookimpl\ndef register_heads(): return [SchedulerSpec('a', 'b', print)]",
        "register_heads() has to return a list of HeadSpec, got SchedulerSpec in it",
    ),
    "no list": (HEADER + "@hookimpl\ndef register_heads(): return HeadSpec('a', 'b', print)", "got HeadSpec"),
    "none": (HEADER + "@hookimpl\ndef register_heads(): pass", "register_heads() has to return a list"),
    "bad name": (
        HEADER + "@hookimpl\ndef register_heads(): return [HeadSpec('a:b', 'c', print)]",
        "without spaces, ':' and ',', got 'a:b'",
    ),
    "no name": (HEADER + "@hookimpl\ndef register_heads(): return [HeadSpec(None, 'c', print)]", "got None"),
    "options": (
        HEADER + "@hookimpl\ndef register_heads(): return [HeadSpec('a', 'b', print, dict)]",
        "whose options are a dataclass, got <class 'dict'> for 'a'",
    ),
    "no hook": ("SSSD_HOOK_API = 1\ndef register_heads(): return []", "no function marked @hookimpl"),
    "no version": (
        "def register_heads(): return []",
        "does not say which hook API it was written for; this version has SSSD_HOOK_API = 1",
    ),
    "other version": (HEADER + "SSSD_HOOK_API = 2", "was written for hook API 2; this version has SSSD_HOOK_API = 1"),
    "base exception": ("class Stop(BaseException): pass\nraise Stop('gone')", "Stop: gone"),
    "cancelled": ("import asyncio\nraise asyncio.CancelledError", "CancelledError"),
    "tuned": (
        HEADER + "@hookimpl\ndef register_schedulers(): return [SchedulerSpec('tuned', 'b', print)]",
        "none of them named 'tuned': a model's own solvers are called that",
    ),
    "all": (
        HEADER + "@hookimpl\ndef register_schedulers(): return [SchedulerSpec('all', 'b', print)]",
        "none of them named 'all'",
    ),
    "no factory": (
        HEADER + "@hookimpl\ndef register_schedulers(): return [SchedulerSpec('a', 'b', None)]",
        "SchedulerSpec 'a': factory=None is not a function",
    ),
    "order in words": (
        HEADER + "@hookimpl\ndef register_schedulers(): return [SchedulerSpec('a', 'b', print, order='two')]",
        "SchedulerSpec 'a': order='two' is not a whole number from 1, or None",
    ),
    "no summary": (
        HEADER + "@hookimpl\ndef register_heads(): return [HeadSpec('a', None, print)]",
        "HeadSpec 'a': summary=None is not text",
    ),
    "no default": (
        HEADER + "from dataclasses import dataclass\n@dataclass\nclass O: width: int\n"
        "@hookimpl\ndef register_heads(): return [HeadSpec('a', 'b', print, O)]",
        "whose options have defaults, got none for 'width' of 'a'",
    ),
    "options of another kind": (
        HEADER + "from sssd_registry import NoOptions, SamplerSpec\n"
        "@hookimpl\ndef register_samplers(): return [SamplerSpec('a', 'b', print, NoOptions)]",
        "whose options are SamplerOptions or a subclass",
    ),
    "unavailable": (
        HEADER + "@hookimpl\ndef register_heads(): return [HeadSpec('a', 'b', print, unavailable='no')]",
        "HeadSpec 'a': unavailable='no' is not a function",
    ),
    "unknown hook": (HEADER + "@hookimpl\ndef register_head(): return []", "unknown hook 'register_head'"),
}


@pytest.mark.parametrize(("source", "reason"), BROKEN.values(), ids=BROKEN)
def test_a_broken_plugin_is_recorded_and_takes_nothing_down(site: Site, source: str, reason: str) -> None:
    site.install("bad-plugin", source)
    site.install("good-plugin", scheduler("good_plugin", "good"))
    found = site.load()
    status = broken(found, "bad_plugin")
    assert status.startswith("broken: ")
    assert reason in status
    assert "\n" not in status
    assert set(found.schedulers) == {*registry().schedulers, "good"}
    assert set(found.heads) == set(registry().heads)
    with pytest.raises(UnknownNameError, match=r"plugin 'bad_plugin' of bad-plugin 1\.0 is broken: "):
        found.schedulers["goood"]


def test_a_keyboard_interrupt_ends_the_listing(site: Site) -> None:
    site.install("slow-plugin", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        site.load()


def test_a_plugin_that_offers_nothing_is_listed(site: Site) -> None:
    site.install("bare-plugin", HEADER + "@hookimpl\ndef register_heads(): return []")
    assert broken(site.load(), "bare_plugin") == "empty: its hooks return nothing"


def test_what_a_plugin_prints_is_not_on_standard_output(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    loud = "print('hello')\n" + HEADER + "@hookimpl\ndef register_heads():\n    print('hooked')\n    return []"
    site.install("loud-plugin", loud)
    site.load()
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "hello\nhooked\n")


def test_the_trace_of_a_broken_plugin_is_kept(site: Site) -> None:
    site.install("bad-plugin", "def f():\n    raise RuntimeError('dog ate it')\nf()")
    site.install("good-plugin", scheduler("good_plugin", "good"))
    found = site.load()
    told = explain(found, "bad_plugin")
    assert told.startswith("plugin bad_plugin, bad-plugin 1.0: broken: RuntimeError: dog ate it\nTraceback")
    assert "bad_plugin.py" in told
    assert told == explain(found, "bad-plugin")
    assert explain(found, "ddim").endswith("ok: it is listed, and can be made with its default options")
    with pytest.raises(UnknownNameError, match="did you mean 'bad-plugin' or 'bad_plugin'"):
        explain(found, "bad-plugn")


def test_the_trace_of_a_factory_that_fails(site: Site) -> None:
    source = "SchedulerSpec('bad', 'b', lambda schedule, options: {}['weights'])"
    site.install("bad-plugin", HEADER + f"@hookimpl\ndef register_schedulers(): return [{source}]")
    told = explain(site.load(), "bad")
    assert told.startswith("scheduler bad, bad-plugin 1.0: cannot be made with its default options\nTraceback")
    assert told.endswith("KeyError: 'weights'")


SAMPLER = """
from sssd_registry import SamplerSpec, hookimpl

SSSD_HOOK_API = 1

def sample_mean(model, x, sigmas):
    return model(x, sigmas[0] * x.new_ones(len(x)))

@hookimpl
def register_samplers():
    return [SamplerSpec({name!r}, "for a test", lambda: sample_mean)]
"""


def test_a_sampler_is_a_scheduler_and_shares_its_names(site: Site) -> None:
    site.install("loop-plugin", SAMPLER.format(name="mean"))
    site.install("other-plugin", scheduler("other_plugin", "twin"))
    site.install("twin-plugin", SAMPLER.format(name="twin"))
    found = site.load()
    (entry,) = [entry for entry in found.entries if entry.name == "mean"]
    assert (entry.kind, entry.status, entry.summary) == ("sampler", "ok", "for a test")
    assert "mean" in found.schedulers
    made = found.schedulers["mean"].factory(NoiseSchedule(), found.schedulers["mean"].options())
    assert made.loop.label == "sampler 'mean' of plugin 'loop_plugin', sample_mean()"
    assert [entry.status for entry in found.entries if entry.name == "twin"] == [
        "conflict: also offered by twin-plugin 1.0",
        "conflict: also offered by other-plugin 1.0",
    ]
    with pytest.raises(SSSDError, match="offered by other-plugin"):
        found.schedulers["twin"]


def test_what_cannot_be_used_here_is_listed_with_the_reason_and_raises_when_asked_for(site: Site) -> None:
    spec = "SchedulerSpec('far', 'b', print, unavailable=lambda: 'needs moon: pip install moon')"
    site.install("far-plugin", HEADER + f"@hookimpl\ndef register_schedulers(): return [{spec}]")
    found = site.load()
    (entry,) = [entry for entry in found.entries if entry.name == "far"]
    assert entry.status == "unavailable: needs moon: pip install moon"
    assert "far" not in found.schedulers
    with pytest.raises(SSSDError, match=r"'far' of far-plugin 1\.0 is unavailable: needs moon: pip install moon"):
        found.schedulers["far"]


def test_metadata_without_name_and_version(site: Site) -> None:
    site.install("nameless", scheduler("nameless", "toy"), meta="Metadata-Version: 2.1\n")
    (entry,) = [entry for entry in site.load().entries if entry.name == "toy"]
    assert entry.origin == "unknown ?"
    assert "ddim" in site.load().schedulers


def test_two_claims_conflict_and_only_the_name_raises(site: Site) -> None:
    site.install("first-plugin", scheduler("first_plugin", "twin"), point="same")
    site.install("second-plugin", scheduler("second_plugin", "twin"), version="0.2", point="same")
    found = site.load()
    states = {entry.origin: entry.status for entry in found.entries if entry.name == "twin"}
    assert states == {
        "first-plugin 1.0": "conflict: also offered by second-plugin 0.2",
        "second-plugin 0.2": "conflict: also offered by first-plugin 1.0",
    }
    assert "twin" not in found.schedulers
    assert found.schedulers["ddim"].name == "ddim"
    with pytest.raises(SSSDError) as raised:
        found.schedulers["twin"]
    message = str(raised.value)
    assert "'twin' is offered by first-plugin 1.0 and by second-plugin 0.2" in message
    assert "uninstall one, or set SSSD_DISABLE_PLUGINS=second-plugin" in message
    # The remedy works, though both entry points have the same name.
    factory = site.load(message.rpartition("=")[2]).schedulers["twin"].factory
    assert factory(None, None)[0] == "first_plugin"  # type: ignore[arg-type]


def test_a_first_party_name_can_be_claimed_but_not_taken(site: Site) -> None:
    site.install("aaa", scheduler("aaa", "ddim"))
    found = site.load()
    with pytest.raises(SSSDError, match=r"sssd-registry \S+ and by aaa 1\.0: .* SSSD_DISABLE_PLUGINS=aaa"):
        found.schedulers["ddim"]
    assert found.schedulers["ddpm"] is registry().schedulers["ddpm"]
    assert site.load("aaa").schedulers["ddim"] is registry().schedulers["ddim"]


def test_the_same_name_for_different_kinds_is_no_conflict(site: Site) -> None:
    site.install("toy", scheduler("toy", "mlp"))
    found = site.load()
    assert "mlp" in found.schedulers
    assert "mlp" in found.heads


@pytest.mark.parametrize("blocked", ["toy-plugin", "Toy_Plugin", "entry.one", " other , ENTRY-ONE "])
def test_disabled_by_distribution_or_entry_point(site: Site, blocked: str) -> None:
    site.install("Toy-Plugin", scheduler("toy_plugin", "toy"), point="entry.one")
    assert "toy" in site.load().schedulers
    found = site.load(blocked)
    assert broken(found, "entry.one") == "disabled by SSSD_DISABLE_PLUGINS"
    with pytest.raises(UnknownNameError, match=r"plugin 'entry\.one' of Toy-Plugin 1\.0 is disabled by"):
        found.schedulers["toy"]
    assert set(found.schedulers) == set(registry().schedulers)


def test_a_disabled_plugin_is_not_imported(site: Site) -> None:
    site.install("dangerous", "raise SystemExit(1)")
    assert broken(site.load("dangerous"), "dangerous").startswith("disabled")
    assert "dangerous" not in sys.modules


def test_the_variable_is_read_by_the_process_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSSD_DISABLE_PLUGINS", "heads")
    registry.cache_clear()
    try:
        assert list(registry().heads) == []
        assert "ddim" in registry().schedulers
    finally:
        monkeypatch.undo()
        registry.cache_clear()
    assert "mlp" in registry().heads


def test_unknown_names_list_near_matches(site: Site) -> None:
    found = site.load()
    with pytest.raises(UnknownNameError, match=r"no scheduler named 'dimm': did you mean .*'ddim'"):
        found.schedulers["dimm"]
    with pytest.raises(LookupError, match="no head named 'zzz': known: adaln, attend, dit, film-unet, mlp"):
        found.heads["zzz"]
    with pytest.raises(UnknownNameError, match="no target named 'onx': did you mean 'onnx'"):
        found.targets["onx"]


def test_the_order_of_listing_does_not_matter(site: Site) -> None:
    site.install("bbb", scheduler("bbb", "twin"))
    site.install("aaa", scheduler("aaa", "twin"))
    site.install("ccc", "import no_such_module_anywhere")
    ours = [point for point in site.points() if point.value in OURS]
    theirs = [point for point in site.points() if point.value not in OURS]
    assert len(theirs) == 3
    expected = find_entries([*ours, *theirs])
    assert {entry.distribution for entry in expected} >= {"aaa", "bbb", "ccc", "sssd-registry"}
    assert expected[0].distribution == "sssd-registry"
    for some in itertools.permutations(theirs):
        assert find_entries([*some, *reversed(ours)]) == expected


def test_every_hook_is_documented() -> None:
    hooks = [function for name, function in vars(Hooks).items() if name.startswith("register_")]
    assert len(hooks) >= 3
    assert [hook for hook in vars(Hooks) if not hook.startswith(("_", "register_"))] == []
    for hook in hooks:
        assert inspect.getdoc(hook), f"{hook.__name__} has no docstring"
