"""Options that several commands share, and the report of an engine that was made."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer


class Loop(StrEnum):
    """Form of the sampling loop."""

    UNROLLED = "unrolled"
    LOOP = "loop"
    STEP = "step"


class Precision(StrEnum):
    """Precision of the network's arithmetic; the loop's state is float32 in all."""

    FP32 = "fp32"
    FP16 = "fp16"
    BF16 = "bf16"
    INT8 = "int8"


Model: TypeAlias = Annotated[Path, typer.Argument(help="model folder, as written by `sssd train`")]
EngineFolder: TypeAlias = Annotated[Path, typer.Argument(help="engine folder, as written by `sssd-export build`")]
Out: TypeAlias = Annotated[Path, typer.Option(help="engine folder to write")]
Scheduler: TypeAlias = Annotated[str | None, typer.Option(help="NAME or NAME:option=value,…; default: the model's own")]
Steps: TypeAlias = Annotated[int | None, typer.Option(min=1, help="inference steps; default: the model's own, or 20")]
Samples: TypeAlias = Annotated[int, typer.Option(min=2, help="samples by default; any number can be asked for")]
LoopOption: TypeAlias = Annotated[
    Loop | None,
    typer.Option(help="all steps in the graph (default), an ONNX Loop in it, or one step that the runtime repeats"),
]
Split: TypeAlias = Annotated[bool, typer.Option("--split", help="encoder and denoiser as two graphs")]
Stream: TypeAlias = Annotated[
    bool, typer.Option("--stream", help="the encoder can be fed bar by bar, too; for models with model.streamable=true")
]
TimingCache: TypeAlias = Annotated[
    Path | None, typer.Option(help="with --target tensorrt: file of kernels' timings, read and added to")
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="print JSON instead: the manifest")]


def with_timing_cache(target: str | None, cache: Path | None) -> str | None:
    """``--timing-cache`` as the option of the target that it is."""
    if cache is None:
        return target
    return f"{target or 'onnx'}{',' if ':' in (target or '') else ':'}timing_cache={cache}"


CLOSED_FORM = "in closed form as the model's network was left out"


def tell_engine(folder: Path, manifest: dict[str, Any], as_json: bool) -> None:
    """Say in one line what was built, and how near it is to the live scheduler."""
    if as_json:
        typer.echo(json.dumps(manifest, indent=1))
        return
    parity = manifest["parity"]
    not_run = f" it was not run here, {parity['not run']}; {parity['of']}" if "not run" in parity else ""
    in_use = manifest["network_in_use"]
    calls = f"{manifest['scheduler']} in {manifest['num_calls']} network calls" if in_use else CLOSED_FORM
    typer.echo(
        f"{folder}: {manifest['target']} engine, {manifest['precision']}, {calls}, horizons"
        f" {', '.join(map(str, manifest['horizons']))};"
        f"{not_run} off the {'live scheduler' if in_use else 'model'} by {parity['max_error']:.1e} of the samples'"
        f" standard deviation ({parity['tolerance']:.0e} allowed){_network_share(parity)}"
    )


def _network_share(parity: dict[str, Any]) -> str:
    """Say how far the network moves samples, where the check says: an idle one proves nothing of itself."""
    share = parity.get("network_share", 0.0)
    return f", of which the network moves them {share:.2g}" if share else ""
