"""The kinds of folders that are written here, and which files in one a save of ours wrote."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any


@dataclass(frozen=True)
class Kind:
    """A kind of folder.

    Attributes:
        noun: what it is called.
        marker: the file that each has, a JSON object.
        names: files that every save of the kind may have written, beside those that the marker records as ``files`` or,
            in diffusers' index, ``_files``.
        is_ours: whether a marker is of this kind, and not another project's file of that name.
    """

    noun: str
    marker: str
    names: frozenset[str]
    is_ours: Callable[[dict[str, Any]], bool]

    def written(self, folder: Path) -> frozenset[str] | None:
        """Files in ``folder``, by path in it, that a save wrote; ``None`` where it is no folder of this kind."""
        try:
            tree = json.loads((folder / self.marker).read_bytes())
        except (OSError, ValueError, RecursionError):
            return None
        if not isinstance(tree, dict) or not self.is_ours(tree):
            return None
        recorded = [tree[key] for key in ("files", "_files") if isinstance(tree.get(key), dict)]
        names = {name for entries in recorded for name in entries if _is_inside(name)}
        return frozenset(name for name in self.names | names if _is_file(folder, name))


def _is_file(folder: Path, name: str) -> bool:
    """Tell whether it is a file, or a link, of the folder itself: a linked folder's files are another's."""
    whole = os.path.join(folder, name)
    parents = [folder / parent for parent in PurePosixPath(name).parents if parent.parts]
    return (os.path.isfile(whole) or os.path.islink(whole)) and not any(map(os.path.islink, parents))


def _is_inside(name: Any) -> bool:
    """Tell whether a recorded name can only be that of a file which we wrote in the folder."""
    if not isinstance(name, str) or "\0" in name or "\\" in name:
        return False
    path = PurePosixPath(name)
    return not path.is_absolute() and bool(path.parts) and not any(part.startswith(".") for part in path.parts)


# Of a model, beside its index: configuration, weights, example windows, scheduler, and what it is sampled with.
MODEL_FILES = (
    "config.json", "model.safetensors", "examples.safetensors", "scheduler/scheduler_config.json", "sampling.json"
)  # fmt: skip
MODEL = Kind(
    noun="model",
    marker="model_index.json",
    names=frozenset({"model_index.json", *MODEL_FILES}),
    is_ours=lambda tree: tree.get("_class_name") == "SSSDPipeline",
)
CHECKPOINT = Kind(
    noun="checkpoint",
    marker="progress.json",
    names=frozenset({"progress.json", "state.safetensors"}),
    is_ours=lambda tree: isinstance(tree.get("fingerprint"), str) and "step" in tree,
)
ENGINE = Kind(
    noun="engine",
    marker="manifest.json",
    names=frozenset({"manifest.json"}),
    is_ours=lambda tree: isinstance(tree.get("format"), int) and isinstance(tree.get("files"), dict)
    and isinstance(tree.get("target"), str),
)  # fmt: skip
PAGE = Kind(
    noun="page",
    marker="page.json",
    names=frozenset({"page.json"}),
    is_ours=lambda tree: tree.get("page") == "sssd-export web",
)
