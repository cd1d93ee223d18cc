"""Makes the WINDOWS.npz that plain_onnxruntime.py takes: the last bars of every series of a CSV or Parquet file.

    python examples/windows_of_a_csv.py ENGINE DATA.csv WINDOWS.npz
    python examples/plain_onnxruntime.py ENGINE WINDOWS.npz

The file has the columns that the model was trained on. It is read with this project and pandas, without torch; what it
becomes can be run anywhere. Of a panel, windows are in the order in which series first appear in the file.
"""

import sys

import numpy as np

from sssd_engine import load_engine
from sssd_engine.inputs import last_windows


def main(folder: str, data: str, out: str) -> None:
    with load_engine(folder) as engine:
        windows = last_windows(engine.manifest, data)
    np.savez(out, **windows)
    for name, array in windows.items():
        print(f"{name} {array.dtype} {array.shape}")


if __name__ == "__main__":
    main(*sys.argv[1:])
