"""The main job, end to end: `make demo`.

Trains on EURUSD hourly bars, scores on the part held out, draws a forecast, compiles the whole 20-step loop,
forecasts again from the engine alone, and prints one table. Everything goes into runs/.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

RUNS = Path("runs")
DATA, MODEL, ENGINE = RUNS / "eurusd.csv", RUNS / "eurusd", RUNS / "eurusd-engine"
CONFIG = Path(__file__).with_name("eurusd.toml")
HELD_BACK = 24  # bars that the picture's forecast does not see


def main() -> None:
    started = time.perf_counter()
    RUNS.mkdir(exist_ok=True)
    write_data()
    run("sssd", "train", DATA, "--config", CONFIG, "--out", MODEL, "--overwrite")
    run("sssd", "evaluate", MODEL, DATA)
    draw_forecast()
    run("sssd-export", "build", MODEL, "--target", "onnx", "--scheduler", "dpmsolver++", "--steps", 20, "--out", ENGINE)
    run("sssd", "forecast", ENGINE, DATA, "--horizons", "1,4,24", "--seed", 0, "--out", RUNS / "engine.csv")
    results = measure()
    results["seconds"] = round(time.perf_counter() - started)
    (RUNS / "demo.json").write_text(json.dumps(results, indent=1))
    print_table(results)


def run(program: str, *arguments: object) -> None:
    """Run one of the commands a user would type, and show it."""
    words = [str(argument) for argument in arguments]
    print(f"\n$ {program} {' '.join(words)}", flush=True)
    subprocess.run([Path(sys.executable).with_name(program), *words], check=True)


def write_data() -> None:
    """5,000 hourly bars, April 2017 to February 2018, as a CSV."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from backtesting.test import EURUSD
    EURUSD.rename_axis("time").to_csv(DATA)


def draw_forecast() -> None:
    """A forecast from a day before the end, beside what came; horizons between the trained ones included."""
    from sssd_registry import SSSDPipeline
    from sssd_registry.plots.plot_forecast import fan_chart

    frame = pd.read_csv(DATA)
    known, future = frame[:-HELD_BACK], frame[-HELD_BACK:]
    pipe = SSSDPipeline.from_pretrained(MODEL)
    forecast = pipe(known, horizons=[1, 2, 3, 4, 6, 8, 12, 16, 20, 24], num_samples=1000, generator=0)
    history = known[-96:]
    fan_chart(
        forecast,
        history["time"].to_numpy("datetime64[ns]"),
        history[["Close"]].to_numpy(),
        RUNS / "eurusd.png",
        actual=future[["Close"]].to_numpy(),
        actual_times=future["time"].to_numpy("datetime64[ns]"),
        paths=20,
    )
    print(f"\nwrote {RUNS / 'eurusd.png'}")


def measure() -> dict[str, Any]:
    """Scores, parity and speed, all of this run."""
    from sssd_registry.evaluation.evaluate import evaluate
    from sssd_registry.model_or_engine import open_forecaster

    model, engine = open_forecaster(MODEL, "dpmsolver++", 20), open_forecaster(ENGINE)
    sampler = open_forecaster(MODEL, "ddim", 100)
    scored = {name: evaluate(one, DATA) for name, one in (("engine", engine), ("sampler", sampler))}
    engine_scores, walk = scored["engine"].scores["model"], scored["engine"].scores["random walk"]
    days = evaluate(model, DATA, horizons=list(range(1, 25)))  # paths of every hour of a day
    return {
        "windows": scored["engine"].windows,
        "start": str(scored["engine"].start)[:10],
        "end": str(scored["engine"].end)[:10],
        "crps": engine_scores.crps,
        "crps_walk": walk.crps,
        "crps_by_horizon": engine_scores.to_dict()["crps_by_horizon"],
        "crps_walk_by_horizon": walk.to_dict()["crps_by_horizon"],
        "crps_100_steps": scored["sampler"].scores["model"].crps,
        "coverage_50": engine_scores.coverage_50,
        "coverage_90": engine_scores.coverage_90,
        "path_coverage_90": {
            name: float(np.mean(list(one.coverage_90.values())))
            for name, one in days.paths["model"].functionals.items()
        },
        "energy": days.paths["model"].energy_score,
        "energy_walk": days.paths["random walk"].energy_score,
        "parity": json.loads((ENGINE / "manifest.json").read_text())["parity"]["max_error"],
        **speed(model, engine),
    }


def speed(model: Any, engine: Any) -> dict[str, float]:
    """Medians of alternating rounds, milliseconds: one window, 3 horizons, 100 samples, raw bars to samples.

    Tableaus and noise are made beforehand, for all alike.
    """
    import torch

    from sssd_engine.noise import draw_noise
    from sssd_registry.data.origins import last_origins
    from sssd_registry.data.windows import windows_at
    from sssd_registry.model_pipeline import forecast_samples
    from sssd_registry.plugin_api.make_scheduler import make_scheduler
    from sssd_registry.sampling.noise import PathNoise
    from sssd_registry.sampling.read_tableau import read_tableau

    pipe = model.pipeline
    network, horizons = pipe.network, pipe.spec.horizons
    source = pipe.source(DATA)
    windows = windows_at(source, last_origins(source))
    noise, draws = draw_noise(0, 0, 1, 100, network.noise_shape(None))
    given = PathNoise(torch.from_numpy(noise), torch.from_numpy(draws).swapaxes(0, 1))
    inputs = {f"values_{name}": array for name, array in windows.values.items()}
    inputs |= {f"times_{name}": array for name, array in windows.times.items()}

    def eager(scheduler: str, steps: int) -> Callable[[], Any]:
        tableau = read_tableau(make_scheduler(scheduler, network.schedule), steps)
        return lambda: forecast_samples(network, tableau, windows, horizons, given)

    contenders = {
        "ddim_100_ms": eager("ddim", 100),
        "dpm_20_ms": eager("dpmsolver++", 20),
        "engine_ms": lambda: engine.engine(inputs, noise=noise),
    }
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(9):
        for name, contender in contenders.items():
            time.sleep(0.25)  # until the other runtime's threads have stopped spinning
            contender()
            begun = time.perf_counter()
            contender()
            times[name].append(1e3 * (time.perf_counter() - begun))
    medians = {name: float(np.median(taken)) for name, taken in times.items()}
    ratios = [slow / fast for slow, fast in zip(times["ddim_100_ms"], times["engine_ms"], strict=True)]
    return {**medians, "speed_up": float(np.median(ratios)), "threads": torch.get_num_threads()}


def rows(results: dict[str, Any]) -> list[tuple[str, str]]:
    """The table: what, and how much."""
    walk = results["crps_walk"]
    by_horizon = ", ".join(
        f"{horizon} h {1e4 * score:.2f} / {1e4 * results['crps_walk_by_horizon'][horizon]:.2f}"
        for horizon, score in results["crps_by_horizon"].items()
    )
    crps = f"{1e4 * results['crps']:.2f} / {1e4 * walk:.2f}, ratio {results['crps'] / walk:.3f}"
    energy = f"{1e4 * results['energy']:.2f} / {1e4 * results['energy_walk']:.2f}"
    covered = ", ".join(f"{share:.0%}" for share in results["path_coverage_90"].values())
    return [
        ("test windows", f"{results['windows']}, origins {results['start']} to {results['end']}"),
        ("CRPS × 10⁴, engine / random walk", crps),
        ("… by horizon", by_horizon),
        ("CRPS, engine (20 steps) / DDIM (100 steps)", f"{results['crps'] / results['crps_100_steps']:.4f}"),
        ("coverage of the 50 % interval", f"{results['coverage_50']:.1%}"),
        ("coverage of the 90 % interval", f"{results['coverage_90']:.1%}"),
        ("the next 24 hours' path: energy score × 10⁴, model / random walk", energy),
        ("… 90 % interval of its " + ", ".join(results["path_coverage_90"]), covered),
        ("engine off its live scheduler by", f"{results['parity']:.1e} of the samples' standard deviation"),
        ("batched DDIM, 100 steps, eager", f"{results['ddim_100_ms']:.1f} ms"),
        ("DPM-Solver++, 20 steps, eager", f"{results['dpm_20_ms']:.1f} ms"),
        ("engine, 20 steps", f"{results['engine_ms']:.1f} ms"),
        ("speed-up over batched DDIM, 100 steps", f"{results['speed_up']:.1f}×"),
    ]


def print_table(results: dict[str, Any]) -> None:
    """The one table."""
    from rich.console import Console
    from rich.table import Table

    table = Table(
        title=f"EURUSD, hourly. A forecast is 3 horizons × 100 samples; {results['threads']} threads, float32."
        f" The demo took {results['seconds']} s."
    )
    table.add_column("")
    table.add_column("measured")
    for row in rows(results):
        table.add_row(*row)
    Console().print(table)


if __name__ == "__main__":
    main()
