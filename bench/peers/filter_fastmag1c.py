"""The filter of the package fastmag1c, with one background: 30 iterations, float64.

    python bench/peers/filter_fastmag1c.py CUBE.img ABSORPTION.npz OUT.npy

Its readme advises float64 where the values matter. It makes no masks, no plumes and no polygons.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import spectral
import torch
from fastmag1c.filters import fastmag1c

cube, absorption, output = map(Path, sys.argv[1:4])
table = np.load(absorption)
image = spectral.open_image(str(cube.with_suffix(".hdr"))).read_bands(table["bands"].tolist())
rows, cols, count = image.shape
spectra = torch.from_numpy(np.array(image, np.float64).reshape(1, rows * cols, count))
found, _ = fastmag1c(spectra, torch.from_numpy(table["unit"]))
np.save(output, found.numpy().reshape(rows, cols))
