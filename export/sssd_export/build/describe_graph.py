"""Words in an ONNX graph of what it takes and gives, so that a graph without its manifest can still be fed.

Every input and output has its meaning and unit as ``doc_string``, and the model has the manifest's entries of inputs,
outputs, horizons, quantile levels, columns and targets as JSON in ``metadata_props``, under ``sssd.`` and their name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import onnx_ir as ir

_KEPT = ("inputs", "outputs", "horizons", "quantile_levels", "num_samples", "scheduler", "num_inference_steps",
         "precision", "network_in_use")  # fmt: skip
_OF_SPEC = ("columns", "roles", "targets", "target_kind", "timeframes", "bar_seconds", "bar_months")


def describe_graph(model: ir.Model, description: Mapping[str, Any]) -> None:
    """Write what a manifest says of an engine into one of its graphs; what it computes stays the same.

    Args:
        model: it is changed.
        description: entries of the manifest.
    """
    entries = {name: description[name] for name in _KEPT}
    entries |= {name: description["spec"][name] for name in _OF_SPEC if name in description["spec"]}
    model.metadata_props.update({f"sssd.{name}": json.dumps(entry) for name, entry in entries.items()})
    words = {port["name"]: port["meaning"] for side in ("inputs", "outputs") for port in description[side]}
    for value in (*model.graph.inputs, *model.graph.outputs):
        if value.name in words:
            value.doc_string = words[str(value.name)]


def keep_words(before: ir.Model, after: ir.Model) -> None:
    """Give a graph the words of the one that it was made from."""
    after.metadata_props.update(before.metadata_props)
    for one, other in ((before.graph.inputs, after.graph.inputs), (before.graph.outputs, after.graph.outputs)):
        for had, has in zip(one, other, strict=True):
            has.doc_string = had.doc_string
