"""Paths of the start that diffusion begins with, no network trained: white noise against ways to join it.

    python benchmarks/paths/start_paths.py --eurusd EURUSD.csv --gbpusd GBPUSD-1min.csv.gz --etth1 ETTh1.csv.gz \
        --exchange-rate exchange_rate.txt.gz [--part test]

Marginals are the same in all: (i) independent over horizons and targets, (ii) joined along a random walk, targets by
themselves, (iii) by the fitted correlation, and with a volatility of each path's own besides. For each: 90 % coverage
and CRPS of what users ask of a path, in data units, and energy and variogram score over all horizons and targets of a
window, in standard units.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from torch import Tensor

sys.path.append(str(Path(__file__).parents[1] / "accuracy"))
from tasks import TASKS, Task  # type: ignore[import-not-found]

from sssd_registry.config import Config
from sssd_registry.data.origins import Origins
from sssd_registry.evaluation.scores import coverage, crps
from sssd_registry.model.batches import evenly_spaced, make_batch
from sssd_registry.plugin_api.make_network import make_network
from sssd_registry.training.fit_normalizer import fit_normalizer

# What is asked for, and what is trained where it is not the same: between trained horizons paths have to be right, too.
ASKED: dict[str, tuple[int, ...]] = {
    "eurusd": tuple(range(1, 25)),
    "gbpusd": tuple(range(15, 241, 15)),
    "etth1": tuple(range(1, 25)),
    "exchange_rate": tuple(range(1, 31)),
}
FUNCTIONALS = {
    "mean": lambda path: path.mean(dim=-2),
    "maximum": lambda path: path.amax(dim=-2),
    "minimum": lambda path: path.amin(dim=-2),
    "range": lambda path: path.amax(dim=-2) - path.amin(dim=-2),
    "last - first": lambda path: path[..., -1, :] - path[..., 0, :],
}
_SAMPLES, _WINDOWS, _AT_ONCE = 200, 600, 25


def energy_score(samples: Tensor, observed: Tensor) -> Tensor:
    """Of samples ``(B, S, D)``: ``(B,)`` (Gneiting & Raftery 2007, equation 21); pairs of one with itself left out."""
    count = samples.shape[1]
    spread = torch.cdist(samples, samples).sum(dim=(1, 2)) / (count * (count - 1))
    return (samples - observed.unsqueeze(1)).norm(dim=-1).mean(dim=1) - spread / 2


def variogram_score(samples: Tensor, observed: Tensor) -> Tensor:
    """Of samples ``(B, S, D)``, p = 0.5, mean over pairs: ``(B,)`` (Scheuerer & Hamill 2015)."""
    made = torch.stack([_roots(one).mean(dim=0) for one in samples])
    return (_roots(observed) - made).square().mean(dim=(1, 2))


def _roots(values: Tensor) -> Tensor:
    """Of each pair's distance: ``(…, D)`` to ``(…, D, D)``."""
    return (values.unsqueeze(-1) - values.unsqueeze(-2)).abs().sqrt()


def random_walk(horizons: tuple[int, ...]) -> Tensor:
    """Its factor over horizons, ``(K, K)``."""
    bars = torch.tensor(horizons, dtype=torch.float64)
    low, high = torch.minimum(bars.unsqueeze(1), bars), torch.maximum(bars.unsqueeze(1), bars)
    return torch.linalg.cholesky((low / high).sqrt()).float()


@torch.no_grad()
def compare(task: Task, asked: tuple[int, ...], part: str) -> dict[str, dict[str, float]]:
    """Scores by name, for each way to join the same marginals."""
    data = task.prepared
    network = make_network(data.spec, Config(data=task.data).model)
    begun = time.perf_counter()
    fit_normalizer(network, data)
    correlation = network.correlation
    print(f"\n{task.name}, trained {_short(data.spec.horizons)}, asked {_short(asked)}, {part}: start fitted in"
          f" {time.perf_counter() - begun:.1f} s")  # fmt: skip
    print(f"volatility of paths: {[round(one, 2) for one in correlation.volatility.spread.tolist()]}")
    walk = random_walk(asked)
    generator = torch.Generator().manual_seed(0)
    origins = task.origins if part == "test" else evenly_spaced(data.split.validation, _WINDOWS)
    kept: dict[str, list[Any]] = {"independent": [], "random walk": [], "correlation": [], "+ volatility": []}
    for start in range(0, len(origins), _AT_ONCE):
        some: Origins = origins.take(slice(start, start + _AT_ONCE))
        batch = make_batch(data, some, asked, torch.device("cpu"))
        units = network.normalizer.location_scale(batch.values, batch.times, batch.horizons)
        observed = network.normalizer.standardize(batch.future, batch.values, batch.times, batch.horizons)
        shape = len(observed), _SAMPLES
        white = torch.randn(*shape, *correlation.noise_shape, generator=generator)
        rows = correlation.rows(batch.horizons)
        coloured = correlation.colour(white[:, :, :-1], rows)
        plain = white[:, :, : observed.shape[1]]  # as many are between trained horizons as are asked for, or more
        joined = {
            "independent": plain,
            "random walk": walk @ plain,
            "correlation": coloured,
            "+ volatility": correlation.lively(coloured, white[:, :, -1:]),
        }
        for name, standard in joined.items():
            kept[name].append(_scores(standard, observed, units, network.normalizer.restore, task.unit[1]))
    return {name: _summary(parts) for name, parts in kept.items()}


def _scores(standard: Tensor, observed: Tensor, units: tuple[Tensor, Tensor], restore: Any, factor: float) -> Any:
    """Of samples in standard units: windows' energy and variogram scores, and functionals with what came to be."""
    flat = standard.flatten(2), observed.flatten(1)
    paths = factor * restore(standard, *units)
    truth = factor * restore(observed.unsqueeze(1), *units)
    functionals = {name: (take(paths), take(truth)) for name, take in FUNCTIONALS.items()}
    functionals["horizons"] = (paths.flatten(2), truth.flatten(2))
    return energy_score(*flat), variogram_score(*flat), functionals


def _summary(parts: list[Any]) -> dict[str, float]:
    summary = {
        "energy score": float(torch.cat([part[0] for part in parts]).mean()),
        "variogram score": float(torch.cat([part[1] for part in parts]).mean()),
    }
    for name in parts[0][2]:
        samples = torch.cat([part[2][name][0] for part in parts]).unsqueeze(3).numpy()
        truth = torch.cat([part[2][name][1] for part in parts])[:, 0].unsqueeze(2).numpy()
        summary[f"{name}, 90 % covers"] = coverage(samples, truth, 0.9)
        summary[f"{name}, CRPS"] = float(crps(samples, truth).mean())
    return summary


def _short(horizons: tuple[int, ...]) -> str:
    return ",".join(map(str, horizons)) if len(horizons) < 5 else f"{horizons[0]}..{horizons[-1]}"


def print_table(scores: dict[str, dict[str, float]]) -> None:
    print(f"{'':28}" + "".join(f"{name:>14}" for name in scores))
    for row in next(iter(scores.values())):
        print(f"{row:28}" + "".join(f"{column[row]:14.1%}" if "covers" in row else f"{column[row]:14.4g}"
                                    for column in scores.values()))  # fmt: skip


def main(
    eurusd: Annotated[Path | None, typer.Option()] = None,
    gbpusd: Annotated[Path | None, typer.Option()] = None,
    etth1: Annotated[Path | None, typer.Option()] = None,
    exchange_rate: Annotated[Path | None, typer.Option()] = None,
    part: Annotated[str, typer.Option(help="validation or test")] = "validation",
) -> None:
    """Print a table for each of the data sets given."""
    paths = {"eurusd": eurusd, "gbpusd": gbpusd, "etth1": etth1, "exchange_rate": exchange_rate}
    for name, path in paths.items():
        if path is None:
            continue
        task, asked = TASKS[name](path), ASKED[name]
        print_table(compare(task, asked, part))
        if len(task.horizons) < len(asked):
            dense = replace(task, data=task.data.model_copy(update={"horizons": asked}))
            print_table(compare(dense, asked, part))


if __name__ == "__main__":
    typer.run(main)
