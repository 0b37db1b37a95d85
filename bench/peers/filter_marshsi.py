"""The matched filter of the package marshsi, with a background for each detector column.

    python bench/peers/filter_marshsi.py CUBE.img ABSORPTION.npz OUT.npy

It makes no masks, no plumes and no polygons.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import spectral
from marshsi.matched_filters_upv import AT_MF_select_window_alt

cube, absorption, output = map(Path, sys.argv[1:4])
table = np.load(absorption)
image = spectral.open_image(str(cube.with_suffix(".hdr"))).read_bands(table["bands"].tolist())
np.save(output, AT_MF_select_window_alt(np.array(image, np.float64), table["unit"]) * 1e5)
