"""Tracing of a network, once for each content: it takes longer than all the rest of a build, and many tests build."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

_made: dict[str, Any] = {}
_MOST = 60


@contextmanager
def traces_are_kept() -> Iterator[None]:
    """Within it, builds of the same weights for the same horizons are of the same pieces; none changes them."""
    try:
        from sssd_export.build import assemble
    except ImportError:  # without the export extra
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assemble, "trace", kept(assemble.trace))
        yield


def kept(trace: Callable[..., Any]) -> Callable[..., Any]:
    """``trace`` that remembers its last results."""

    def found(network: Any, horizons: Any, levels: Any, examples: Any, dense: bool = False) -> Any:
        key = _key(network, horizons, levels, dense)
        if key not in _made:
            while len(_made) >= _MOST:
                _made.pop(next(iter(_made)))
            _made[key] = trace(network, horizons, levels, examples, dense)
        return _made[key]

    return found


def _key(network: Any, *how: object) -> str:
    """All that a trace depends on: weights, structure, settings and what is asked for."""
    digest = hashlib.sha256(repr((how, network.in_use, network.spec, network.config, str(network))).encode())
    for name, tensor in network.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
