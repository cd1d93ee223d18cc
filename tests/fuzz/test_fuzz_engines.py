"""Damaged engine folders are refused in one line, or forecast as they always did; nothing hangs, nothing crashes.

SSSD_FUZZ_CASES=10000 tries more.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason="the export extra is not installed")

from engine_mutations import Mutation, change_entry, cut, flip_bits, link, sign_entry, sign_file

from sssd_engine.engine import Engine, EngineError, load_engine
from sssd_export.forecaster import engine_spec
from sssd_export.inspection import describe, plain_windows
from sssd_export.triton import write_triton
from sssd_registry.errors import SSSDError

CASES = int(os.environ.get("SSSD_FUZZ_CASES", "150"))
# Most with hashes that fit: what does not fit is all refused in the same place.
MUTATIONS: list[Mutation] = [flip_bits, cut, change_entry, link, *[sign_entry] * 6, sign_file]
_SECONDS = 60


@pytest.fixture(scope="module")
def good(tiny_engine: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    engine = load_engine(tiny_engine)
    feed = plain_windows(engine, 2)
    return {"folder": tiny_engine, "feed": feed, "seen": seen(tiny_engine, feed, tmp_path_factory.mktemp("triton"))}


def test_no_damage_goes_unseen(good: dict[str, Any], tmp_path: Path) -> None:
    outcomes = {"refused": 0, "the same": 0}
    for seed in range(CASES):
        outcomes[one_case(good, tmp_path / str(seed), seed)] += 1
    assert outcomes["refused"] > CASES / 2


def one_case(good: dict[str, Any], place: Path, seed: int) -> str:
    """Damage a copy, use it in every way, and throw it away."""
    rng = random.Random(seed)
    folder = Path(shutil.copytree(good["folder"], place / "engine"))
    mutation = rng.choice(MUTATIONS)
    what = mutation(rng, folder)
    try:
        with one_line(f"seed {seed}: {what}"):
            found = seen(folder, good["feed"], place / "triton")
    except (EngineError, SSSDError):
        return "refused"
    finally:
        shutil.rmtree(place)
    if mutation is not sign_file:  # other weights, signed again, are another engine
        for name, value in good["seen"].items():
            same = np.array_equal(found[name], value) if isinstance(value, np.ndarray) else found[name] == value
            assert same, f"seed {seed}: {what}: other {name}, without a word"
    return "the same"


def seen(folder: Path, feed: dict[str, Any], triton: Path) -> dict[str, Any]:
    """Return what an engine tells, and how its numbers are labelled."""
    with load_engine(folder, threads=1) as engine:
        spec = engine_spec(engine.manifest)
        made = engine(feed, num_samples=3, seed=5)
        describe(folder, {**engine.manifest, "sizes": {}, "speed": {"not measured": "a test"}})
        if not any("solver" in part for part in engine.manifest["parts"]):  # Triton repeats no part
            write_triton(folder, triton)
        labels = {"horizons": engine.horizons, "levels": engine.quantile_levels, "spec": spec, "start": start(engine)}
        return {"samples": made.samples, "quantiles": made.quantiles, **labels}


def start(engine: Engine) -> tuple[int, int]:
    return engine.manifest["test_start"], engine.manifest["random_walk_window"]


@contextmanager
def one_line(what: str) -> Iterator[None]:
    """Whatever is raised is a user's error, in one line that can be printed; and it comes within a minute."""
    with no_longer_than(_SECONDS, what):
        try:
            yield
        except (EngineError, SSSDError) as error:
            text = str(error)
            assert text.isprintable(), f"{what}: {text!r}"
            assert 10 < len(text) < 1_000, f"{what}: {text!r}"
            text.encode()
            raise
        except Exception as error:
            raise AssertionError(f"{what}: {type(error).__name__}: {error}") from error


@contextmanager
def no_longer_than(seconds: int, what: str) -> Iterator[None]:
    def late(*_: object) -> None:
        raise TimeoutError(f"{what}: not done after {seconds} s")

    before: Callable[..., Any] | int | None = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
