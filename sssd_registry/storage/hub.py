"""Model folders on the Hugging Face Hub."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sssd_registry.errors import SSSDError

# What a model folder may hold: nothing else is fetched, whatever a repository has beside it.
_FILES = ("*.json", "*.safetensors", "scheduler/*.json")
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def local_folder(name: str | Path, options: dict[str, Any]) -> Path:
    """A model folder by its path or, where there is no such path, by its repository's name ``owner/name``.

    Args:
        name: path or repository.
        options: ``revision``, ``token``, ``cache_dir`` and ``local_files_only`` of ``snapshot_download``.

    Raises:
        SSSDError: no such repository, no access to it, or no connection.
    """
    path = Path(name)
    if path.exists() or not _REPOSITORY.fullmatch(str(name)):
        return path
    from huggingface_hub import snapshot_download

    known = {key: options[key] for key in ("revision", "token", "cache_dir", "local_files_only") if key in options}
    try:
        return Path(snapshot_download(str(name), allow_patterns=list(_FILES), **known))
    except Exception as error:  # the Hub, its client and the network fail in many ways, all of them the user's to know
        reason = str(error).strip().partition("\n")[0]
        raise SSSDError(f"{name} is no folder here, and cannot be fetched from the Hub: {reason}") from None
