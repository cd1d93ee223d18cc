"""Compilation of encoder and sampling loop by torch's AOTInductor, for any numbers of windows and samples."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import Tensor

from sssd_engine.noise import draw_noise
from sssd_export.graph.s4_forms import without_fft
from sssd_export.graph.trace import quiet, time_input
from sssd_export.graph.whole_loop import WholeLoop
from sssd_registry.errors import SSSDError
from sssd_registry.model.batches import to_tensors
from sssd_registry.plugin_api.hookspecs import ExportRequest

_MOST = 1 << 20


def compile_package(request: ExportRequest, file: Path, device: str) -> tuple[str, ...]:
    """Write the package ``file``; returns the names of what it takes, in order.

    Raises:
        SSSDError: torch cannot export or compile it.
    """
    frozen = without_fft(request.network, dense=False).eval().requires_grad_(False)
    frozen.in_use = True
    given = _example(request)
    features = len(request.network.spec.timeframes)
    with torch.no_grad():
        condition = frozen.condition(frozen.encoder(dict(zip(_names(request), given[:features], strict=True))))
        single = time_input(frozen.head, frozen.first_latents(given[features]), condition).numel() == 1
    program = WholeLoop(frozen, request.tableau, single).eval().to(device)
    windows = torch.export.Dim("windows", min=1, max=_MOST)
    samples = torch.export.Dim("samples", min=2, max=_MOST)
    axes = [{0: windows}] * features + [{0: windows, 1: samples}] + [{0: windows, 2: samples}]
    with quiet(), warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        # Else every axis that may be 1 would be taken to be 2 or more, and calls of one window be wrong.
        with torch.fx.experimental._config.patch(backed_size_oblivious=True):  # type: ignore[attr-defined]
            exported = torch.export.export(
                program, tuple(each.to(device) for each in given), dynamic_shapes=(tuple(axes[: len(given)]),)
            )
        try:
            torch._inductor.aoti_compile_and_package(exported, package_path=str(file))
        except Exception as error:  # of the C++ compiler, or of Inductor, whose errors have many kinds
            reason = str(error).strip().partition("\n")[0][:300]
            raise SSSDError(f"torch cannot compile this model: {type(error).__name__}: {reason}") from error
    return program.inputs


def _names(request: ExportRequest) -> list[str]:
    return [timeframe.name for timeframe in request.network.spec.timeframes]


def _example(request: ExportRequest) -> list[Tensor]:
    """Inputs of three windows and four samples: no two axes of one length, and none of 1."""
    windows = request.examples.part(0, 3)
    values, times = to_tensors(windows, request.network.spec, torch.device("cpu"))
    with torch.no_grad():
        features = request.network.normalizer.features(values, times)
    shape = request.network.noise_shape(request.tableau)
    noise = draw_noise(0, 0, len(windows), 4, shape)
    drawn = [torch.from_numpy(each) for each in noise if each.size]
    return [*(features[name] for name in _names(request)), *drawn]
