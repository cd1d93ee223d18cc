"""Results of a comparison so far, kept in a file so that it goes on where it was stopped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from sssd_registry.comparison.candidates import Candidate
from sssd_registry.comparison.quality import Quality
from sssd_registry.errors import SSSDError
from sssd_registry.files.atomic import atomic_file, check_file

_ARRAYS = ("crps", "energy", "variogram")


class Results:
    """Qualities by tableau, for one model, data and setting; written after each. Those of other settings stay.

    Args:
        path: the file; without one, what is found is kept in memory only.
        fingerprint: of model, data and setting.
    """

    def __init__(self, path: Path | None, fingerprint: str) -> None:
        self.path, self.fingerprint = path, fingerprint
        self.rows: dict[str, dict[str, Any]] = {}
        if path is not None:
            check_file(path)
            self.rows = _read(path)

    def get(self, candidate: Candidate) -> Quality | None:
        """Return the quality that was found for a candidate; None if it was not measured yet."""
        found = self.rows.get(self._key(candidate))
        if found is None or "energy" not in found:  # a row of before paths were scored is made again
            return None
        crps, energy, variogram = (np.array(found[name], dtype=np.float64) for name in _ARRAYS)
        return Quality(crps, found["coverage_50"], found["coverage_90"], energy, variogram)

    def put(self, candidate: Candidate, quality: Quality) -> None:
        """Keep it."""
        self.rows[self._key(candidate)] = {
            "coverage_50": quality.coverage_50,
            "coverage_90": quality.coverage_90,
            **{name: getattr(quality, name).tolist() for name in _ARRAYS},
        }
        if self.path is not None:
            with atomic_file(self.path) as new:
                new.write_text(json.dumps({"rows": self.rows}), encoding="utf-8")

    def _key(self, candidate: Candidate) -> str:
        return f"{self.fingerprint}/{candidate.tableau.digest}"


def _read(path: Path) -> dict[str, dict[str, Any]]:
    if not path.exists():
        return {}
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
        rows: dict[str, dict[str, Any]] = tree["rows"]
        for row in rows.values():
            for name in _ARRAYS if "energy" in row else _ARRAYS[:1]:
                np.array(row[name], dtype=np.float64)
            float(row["coverage_50"]), float(row["coverage_90"])
        return rows
    except (ValueError, TypeError, KeyError, AttributeError, OSError) as error:
        raise SSSDError(f"{path} is damaged ({type(error).__name__}: {error}): delete it, and compare anew") from None
