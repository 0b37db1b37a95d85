"""The methane absorption table of geoseg."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

import numpy as np

from geoseg.methods.methane_column import Transmittance


@cache
def methane() -> Transmittance:
    """Return the radiance with added methane between 1.55 and 2.5 µm, in steps of 1 nm.

    The file `configs/methane/transmittance.csv` names its source.
    """
    text = files("geoseg.configs").joinpath("methane", "transmittance.csv").read_text(encoding="utf-8")
    header, *rows = csv.reader(line for line in text.splitlines() if not line.startswith("#"))
    values = np.array(rows, np.float64)
    amounts = np.array([0.0, *(float(name.removeprefix("r_")) for name in header[2:])])
    ratio = np.vstack([np.ones(len(values)), values[:, 2:].T])
    return Transmittance(wavelength=values[:, 0], radiance=values[:, 1], ppm_m=amounts, ratio=ratio)
