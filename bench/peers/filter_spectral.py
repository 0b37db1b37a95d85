"""The matched filter of the package spectral, with one background.

    python bench/peers/filter_spectral.py CUBE.img ABSORPTION.npz OUT.npy

It makes no groups of detector columns, no masks, no plumes and no polygons.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import spectral

cube, absorption, output = map(Path, sys.argv[1:4])
table = np.load(absorption)
bands = table["bands"]
spectra = spectral.open_image(str(cube.with_suffix(".hdr"))).read_bands(bands.tolist())
background = spectral.calc_stats(spectra)
target = background.mean * (1 + table["unit"])
np.save(output, spectral.matched_filter(spectra, target, background) * 1e5)
