"""Check that an engine's graph has the small constants that its traced stages have."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import onnx_ir as ir

from sssd_export.graph.head_partition import parts_of
from sssd_export.graph.keep_constants import among, refuse_lost, small_constants
from sssd_export.graph.trace import TracedParts


def check_kept(pieces: TracedParts, graphs: Sequence[ir.Model]) -> None:
    """Check that every small constant of the traced stages is in one of the graphs composed of them.

    Raises:
        SSSDError: one is not.
    """
    kept = [number for model in graphs for number in small_constants(model.graph.all_nodes())]
    stages: dict[str, Iterable[ir.Node]] = {"normaliser": pieces.normalise.graph, "decoder": pieces.decode.graph}
    if (head := pieces.head) is not None:
        parts = parts_of(head.model.graph, head.broadcast_time)  # what depends on time alone has become its values
        stages |= {"encoder": head.encode.graph, "noise head": [*parts.hoisted, *parts.step]}
    for what, nodes in stages.items():
        refuse_lost(what, [f"{number:g}" for number in small_constants(nodes) if not among(number, kept)])
