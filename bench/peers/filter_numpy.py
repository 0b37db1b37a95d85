"""The classical matched filter in plain float64 numpy, with one background.

    python bench/peers/filter_numpy.py CUBE.img ABSORPTION.npz OUT.npy

Reads the bands of the absorption window (ENVI, BIL, float32) and stores the enhancement. It makes no groups
of detector columns, no masks, no plumes and no polygons.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np

cube, absorption, output = map(Path, sys.argv[1:4])
table = np.load(absorption)
header = cube.with_suffix(".hdr").read_text()
rows, cols, count = (
    int(re.search(rf"^{key} = (\d+)", header, re.M)[1]) for key in ("lines", "samples", "bands")
)
stored = np.memmap(cube, "<f4", "r", shape=(rows, count, cols))
spectra = stored[:, table["bands"][0] : table["bands"][-1] + 1].transpose(0, 2, 1)
spectra = spectra.reshape(rows * cols, -1).astype(np.float64)
mean = spectra.mean(axis=0)
apart = spectra - mean
target = mean * table["unit"]
shaped = np.linalg.solve(apart.T @ apart / len(apart), target)
np.save(output, (apart @ shaped / (target @ shaped) * 1e5).reshape(rows, cols))
