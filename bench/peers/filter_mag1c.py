"""The filter of the package mag1c, with one background: 30 iterations, sparse, corrected for albedo.

    python bench/peers/filter_mag1c.py CUBE.img ABSORPTION.npz OUT.npy

It makes no masks, no plumes and no polygons.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import spectral
import torch
from mag1c.mag1c import acrwl1mf

cube, absorption, output = map(Path, sys.argv[1:4])
# Removed from torch since the release of the package, which calls it.
torch.cholesky = lambda matrix, upper=False: torch.linalg.cholesky(matrix, upper=upper)
table = np.load(absorption)
image = spectral.open_image(str(cube.with_suffix(".hdr"))).read_bands(table["bands"].tolist())
rows, cols, count = image.shape
spectra = torch.from_numpy(np.array(image, np.float64).reshape(1, rows * cols, count))
found, _ = acrwl1mf(
    spectra, torch.from_numpy(table["unit"]), 30, False, False, False, 1.0, 1e-4,
    torch.ones(1, rows * cols, dtype=torch.bool),
)  # fmt: skip
np.save(output, found.numpy().reshape(rows, cols))
