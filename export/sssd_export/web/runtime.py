"""ONNX Runtime for browsers, brought from npm when a page is made: it is no part of this repository."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from sssd_registry.errors import SSSDError, shortened

PACKAGE = "onnxruntime-web@1.30.0"
# What of it a page needs, by the SHA-256 of what was tested: for one thread, without WebGPU.
_FILES = {
    "ort.wasm.bundle.min.mjs": "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90",
    "ort-wasm-simd-threaded.wasm": "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
}


def bring_runtime(folder: Path) -> None:
    """Put the runtime's files into ``folder``; npm keeps what it fetched, and needs no network for it again.

    Raises:
        SSSDError: there is no npm, it cannot bring the package, or the package is not the one that was tested.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise SSSDError(f"npm is not here, and brings {PACKAGE}, which runs engines in a browser: install Node.js")
    with tempfile.TemporaryDirectory() as place:
        words = [npm, "pack", PACKAGE, "--prefer-offline", "--loglevel=error", "--pack-destination", place]
        done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=place)
        packed = next(Path(place).glob("*.tgz"), None)
        if done.returncode or packed is None:
            reason = " ".join(done.stderr.replace("npm error", "").replace("npm ERR!", "").split())
            raise SSSDError(
                f"npm cannot bring {PACKAGE} ({shortened(reason, 150)}): try again where its registry is in reach;"
                " once brought, it is kept"
            )
        with tarfile.open(packed) as archive:
            for name, digest in _FILES.items():
                source = archive.extractfile(f"package/dist/{name}")
                data = source.read() if source else b""
                if hashlib.sha256(data).hexdigest() != digest:
                    raise SSSDError(f"{PACKAGE} from npm is not the one that was tested (SHA-256 of {name}): report it")
                (folder / name).write_bytes(data)
