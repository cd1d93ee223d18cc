"""Puts what `make demo`, `make compare` and `make bench` measured into docs/benchmarks.md: `make readme`.

A few of the figures go into the README.
"""

from __future__ import annotations

import json
import shutil
import sys
from typing import Any

from documents import BENCHMARKS, ROOT, fill, fill_headline
from markdown_table import table
from tuned_engines import CHOSEN, TUNED

sys.path.insert(0, str(ROOT / "demo"))


def main() -> None:
    from run import rows

    demo = json.loads((ROOT / "runs/demo.json").read_text())
    bench = json.loads((ROOT / "runs/bench.json").read_text())
    compared = json.loads((ROOT / "runs/compare.json").read_text())
    fill(
        BENCHMARKS,
        {
            "demo": table(["measured by `make demo`", ""], [list(row) for row in rows(demo)]),
            "bench": bench_tables(bench),
            "overhead": overhead_table(bench),
            "compare": compare_table(compared),
        },
    )
    fill_headline()
    shutil.copy(ROOT / "runs/eurusd.png", ROOT / "docs/forecast.png")
    shutil.copy(ROOT / "runs/compare.png", ROOT / "docs/compare.png")
    shutil.copy(ROOT / "runs/search.png", ROOT / "docs/search.png")


WORKLOADS = "ABCD"


def bench_tables(bench: dict[str, Any]) -> str:
    """Whole forecasts of all workloads, the goals, the loop alone, and forms of an S4 layer."""
    return "\n\n".join(
        [_whole(bench), _goals(bench), _loop(bench), _forms(bench), _streams(bench), gpu_table(bench), _words(bench)]
    )


def _whole(bench: dict[str, Any]) -> str:
    measured = [name for name in WORKLOADS if f"workload {name}" in bench]
    loads = [bench[f"workload {name}"] for name in measured]
    names = list(dict.fromkeys(name for load in loads for name in load["rows"]))
    body = []
    for name in names:
        cells = []
        for load in loads:
            row = load["rows"].get(name)
            best = "**" if name == load["best"] else ""
            cells.append(f"{best}{_ms(row['ms'])}{best} ({row['ratio']:.1f}×)" if row else "")
        body.append([name, *cells])
    single = bench["one sample at a time, DDIM-100, reference sizes"]["ms"]
    body.insert(0, ["DDIM-100, one sample at a time, once", _ms(single), *[""] * (len(loads) - 1)])
    head = [f"{name}: {load['title']}" for name, load in zip(measured, loads, strict=True)]
    return table(["whole forecast, ms (÷ the best 20-step engine, bold)", *head], body)


def _ms(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.1f}"


def _goals(bench: dict[str, Any]) -> str:
    body = []
    for name in WORKLOADS:
        load = bench.get(f"workload {name}")
        if load is None:
            body.append([f"{name}", "not measured", ""])
            continue
        for slow, goal in load["goals"].items():
            reached = load["reached"][slow]
            verdict = "reached" if reached >= goal else "not reached"
            body.append([f"{name}: ≥ {goal}× over {slow}", f"{reached}×, {load['best']}", verdict])
        for row, how in zip(CHOSEN, ("with auto-tuning", "distilled"), strict=True):
            if (goal := TUNED.get(name)) is None:
                continue
            if (times := load["tuned"].get(row)) is None:
                body.append([f"{name}: ≥ {goal:g}× {how}", "not measured", ""])
                continue
            verdict = "reached" if times >= goal else "not reached"
            body.append([f"{name}: ≥ {goal:g}× {how}", f"{times}×, {load['forms'][row]}", verdict])
    loop = bench["loop, reference sizes"]
    share = loop["DPM++-20, compiled loop"]["ms"] / loop["bare matrix products, 20 steps"]["ms"]
    verdict = "reached" if share <= 1.15 else "not reached"
    body.append(["fp32 loop ≤ 1.15× its bare matrix products", f"{share:.2f}×", verdict])
    for head in ("MLP", "U-Net"):
        made = bench[f"export, {head}"]
        verdict = "reached" if made["20 steps over one"] <= 1.5 else "not reached"
        body.append([f"{head}: export of 20 steps ≤ 1.5× that of one", f"{made['20 steps over one']:.2f}×", verdict])
    verdict = "reached" if made["seconds"] <= 60 else "not reached"
    body.append(["U-Net: export of 20 steps in a minute", f"{made['seconds']:.0f} s", verdict])
    runtime = bench["runtime"]
    met = runtime["import seconds"] <= 0.5 and runtime["peak megabytes"] <= 200
    measured = f"{runtime['import seconds']:.2f} s, {runtime['peak megabytes']} MB"
    body.append(["engine runtime: import ≤ 0.5 s, peak ≤ 200 MB", measured, "reached" if met else "not reached"])
    return table(["goal", "measured", ""], body)


def _loop(bench: dict[str, Any]) -> str:
    reference, demo = bench["loop, reference sizes"], bench["loop, demo sizes"]
    body = [
        [name, f"{entry['ms']:.1f} ms", f"{entry['ratio']:.1f}×", f"{small['ms']:.1f} ms", f"{small['ratio']:.1f}×"]
        for name, entry in reference.items()
        if (small := demo.get(name))
    ]
    return table(["loop alone, fp32", "reference sizes", "÷ compiled loop", "demo sizes", "÷ compiled loop"], body)


def _forms(bench: dict[str, Any]) -> str:
    one, many = (bench[f"S4 forms, {windows} windows"] for windows in (1, 64))
    body = [
        [name, f"{row['ms']:.1f} ms", f"{row['ratio']:.1f}×", f"{many[name]['ms']:.1f} ms",
         f"{many[name]['ratio']:.1f}×", f"{row['megabytes']:.0f} MB" if "megabytes" in row else "–"]
        for name, row in one.items()
    ]  # fmt: skip
    head = ["an S4 layer, 500 bars", "one window", "÷ two levels", "64 windows", "÷ two levels", "constants"]
    return table(head, body)


def _streams(bench: dict[str, Any]) -> str:
    """The encoder bar by bar against the encoder of windows (`benchmarks/test_stream.py`)."""
    loads = {series: bench[f"stream, {series} series"] for series in (1, 64) if f"stream, {series} series" in bench}
    if not loads:
        return "A stream's encoder (`benchmarks/test_stream.py`): not measured."
    names = list(dict.fromkeys(name for load in loads.values() for name in load["rows"]))
    body = [[name, *(f"{load['rows'][name]['ms']:.2f} ms" for load in loads.values())] for name in names]
    body.append(["a bar is cheaper by; goal 20×", *(f"{load['reached']:.0f}×" for load in loads.values())])
    return table(["new bar, reference sizes", *(f"{series} series" for series in loads)], body)


def gpu_table(bench: dict[str, Any]) -> str:
    """Engines on a GPU, or that none was there."""
    loads = {name: bench[f"GPU, workload {name}"] for name in WORKLOADS if f"GPU, workload {name}" in bench}
    if not loads:
        return "On a GPU (`benchmarks/test_gpu.py`: engines against eager loops on the same GPU): **not run yet**."
    body = [
        [f"{name}: {load['title']}", load["best"], f"{load['rows'][load['best']]['ms']:.2f} ms",
         f"{load['windows per second']:,}", *(f"{times}×" for times in load["reached"].values()),
         "reached" if load["reached"]["DDIM-50, diffusers, eager"] >= load["goal"] else "not reached"]
        for name, load in loads.items()
    ]  # fmt: skip
    first = next(iter(loads.values()))
    head = [
        first["device"],
        "best engine",
        "latency",
        "windows per second",
        *(f"over {slow}" for slow in first["reached"]),
    ]
    return table([*head, f"≥ {first['goal']:g}× over DDIM-50"], body)


def _words(bench: dict[str, Any]) -> str:
    quality, auto, unet = bench["quality"], bench["auto"], bench["auto, U-Net"]
    fast, fast_unet = bench["distilled"], bench["distilled, U-Net"]
    return (
        f"{bench['threads']} CPU threads ({bench['machine']}); "
        + ", ".join(f"{name} {bench[name]}" for name in ("torch", "onnxruntime", "openvino") if bench.get(name))
        + f". On {quality['windows']} test windows of the model that `make compare` trains, CRPS of the 20-step engine"
        f" is {quality['ratio']:.4f} of the 100-step sampler's. Of {auto['engines tried']} engines, `--auto` chose"
        f" {auto['label']}: {auto['milliseconds']:.2f} ms, and on the same test windows"
        f" {auto['test CRPS ratio']:.4f} of that CRPS. For a U-Net with attention trained on the same bars, by which D"
        f" is tuned, it chose {unet['label']} of {unet['engines tried']} engines: {unet['milliseconds']:.0f} ms,"
        f" {unet['test CRPS ratio']:.4f} of the 100-step sampler's CRPS on {unet['test windows']} test windows."
        f" Distilled, the engines chosen take {fast['milliseconds']:.2f} ms ({fast['label']}) and"
        f" {fast_unet['milliseconds']:.0f} ms ({fast_unet['label']}), and have {fast['test CRPS ratio']:.4f} and"
        f" {fast_unet['test CRPS ratio']:.4f} of what the undistilled models have in 100 steps."
    )


def compare_table(tree: dict[str, Any]) -> str:
    """Each scheduler's cheapest good row, or its best; by network calls."""
    chosen: dict[str, dict[str, Any]] = {}
    for row in sorted(
        tree["rows"], key=lambda row: (not row["good_enough"], row["calls"] if row["good_enough"] else 0)
    ):
        chosen.setdefault(row["scheduler"], row)
    body = [
        [row["scheduler"], str(row["steps"]), str(row["calls"]), f"{row['crps']:.4f}", f"{row['coverage_90']:.1%}",
         f"{row['milliseconds']:.1f}", "yes" if row["good_enough"] else "no"]
        for row in sorted(chosen.values(), key=lambda row: (not row["good_enough"], row["calls"], row["crps"]))
    ]  # fmt: skip
    head = ["scheduler", "steps", "network calls", "CRPS", "90 % coverage", "ms", f"within {tree['tolerance']:.0%}"]
    words = (
        f"{tree['windows']} {tree['part']} windows, {tree['samples']} samples, {tree['threads']} threads; best:"
        f" {tree['best']}; cheapest within {tree['tolerance']:.0%} of it: {tree['choice']}."
    )
    return table(head, body) + "\n\n" + words


def overhead_table(bench: dict[str, Any]) -> str:
    """The solver's own arithmetic in a step beside diffusers' ``step()``, and how long commands take to start."""
    head = ["one step's arithmetic"]
    body: dict[str, list[str]] = {}
    for size in (1, 256):
        head += [f"diffusers, latent size {size}", "ours", "share"]
        for name, entry in bench[f"arithmetic, latent size {size}"].items():
            body.setdefault(name, [name])
            body[name] += [f"{entry['theirs_us']:.0f} µs", f"{entry['ours_us']:.0f} µs", f"{entry['share']:.1%}"]
    starts = ", ".join(f"`sssd {word}` {bench[f'start-up, sssd {word}']:.2f} s" for word in ("--help", "plugins"))
    return f"{table(head, list(body.values()))}\n\nStart-up: {starts}."


if __name__ == "__main__":
    main()
