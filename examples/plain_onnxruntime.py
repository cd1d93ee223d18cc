"""Forecasts from an engine folder with numpy and onnxruntime alone: nothing of this project is imported.

    python examples/plain_onnxruntime.py ENGINE WINDOWS.npz [SEED]

ENGINE is what `sssd-export build MODEL --out ENGINE` wrote (target onnx). WINDOWS.npz has one array for each input that
ENGINE/manifest.json names, but the noise: the last bars of each timeframe and their times, for any number of windows.
`python examples/windows_of_a_csv.py ENGINE DATA.csv WINDOWS.npz` makes it of a file.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime


def main(folder: Path, windows: Path, seed: int) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    with np.load(windows) as arrays:
        feed = dict(arrays)
    count = len(next(iter(feed.values())))
    # Each window has a stream of its own, so that a forecast does not depend on what it is batched with. Any standard
    # normal numbers will do; load_engine's are stratified, so that fewer samples are as good (sssd_engine/noise.py).
    streams = [np.random.default_rng([seed, window]) for window in range(count)]
    for entry in manifest["inputs"]:
        if entry["name"] in ("noise", "draws"):  # draws: of a solver that draws noise on its way
            shape = [manifest["num_samples"] if size == "samples" else size for size in entry["shape"][1:]]
            noise = [stream.standard_normal(shape, dtype=np.float32) for stream in streams]
            feed[entry["name"]] = np.stack(noise)
    (part,) = manifest["parts"]
    session = onnxruntime.InferenceSession(folder / part["graph"], providers=["CPUExecutionProvider"])
    samples, quantiles = session.run(["samples", "quantiles"], feed)  # (B, S, K, C), (B, Q, K, C), data units
    assert samples.shape[:2] == (count, manifest["num_samples"])
    targets = manifest["spec"]["targets"]
    print("window,horizon,target," + ",".join(f"q{level}" for level in manifest["quantile_levels"]))
    for window in range(count):
        for at, horizon in enumerate(manifest["horizons"]):
            for column, target in enumerate(targets):
                numbers = ",".join(f"{value:.9g}" for value in quantiles[window, :, at, column])
                print(f"{window},{horizon},{target},{numbers}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 0)
