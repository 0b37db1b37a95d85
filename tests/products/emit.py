"""EMIT granules as LP DAAC delivers them: files of one acquisition and level, `.nc`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.spectrometer import Cube, write_granule

STAMP = "001_20220815T042838_2222703_003"
SIBLINGS = {
    "EMIT_L1B_RAD": {"EMIT_L1B_OBS": "obs"},
    "EMIT_L2A_RFL": {"EMIT_L2A_RFLUNCERT": "reflectance_uncertainty", "EMIT_L2A_MASK": "mask"},
}


def write_emit(
    folder: Path,
    cube: NDArray[np.float64],
    centres: NDArray[np.float64],
    *,
    kind: str = "EMIT_L2A_RFL",
    cloud: NDArray[np.bool_] | None = None,
    widths: NDArray[np.float64] | None = None,
) -> Path:
    """Write a granule and the files that come with it; return the one with the bands.

    Args:
        folder: where.
        cube: (B, H, W): reflectance, or radiance in uW cm-2 sr-1 nm-1.
        centres: nm, (B,).
        kind: EMIT_L2A_RFL or EMIT_L1B_RAD.
        cloud: (H, W) in the frame; with it the mask comes with either kind.
        widths: nm; None: 8.5 each.
    """
    folder.mkdir(parents=True, exist_ok=True)
    empty = np.zeros(cube.shape[1:], bool)
    frame = np.moveaxis(cube, 0, -1).astype(np.float32)
    widths = np.full(len(centres), 8.5) if widths is None else widths
    others = SIBLINGS[kind] | ({"EMIT_L2A_MASK": "mask"} if cloud is not None else {})
    for name, variable in others.items():
        layers = np.full((*cube.shape[1:], 8), 0.5, np.float32)
        if variable == "mask":
            layers[..., :5] = 0
            layers[..., 4] = 0 if cloud is None else cloud
        other = Cube(data=layers, plume=empty)
        path = folder / f"{name}_{STAMP}.nc"
        write_granule(path, other, variable=variable, centres=centres[:8], widths=widths[:8])
    path = folder / f"{kind}_{STAMP}.nc"
    variable = "reflectance" if kind == "EMIT_L2A_RFL" else "radiance"
    return write_granule(
        path, Cube(data=frame, plume=empty), variable=variable, centres=centres, widths=widths
    )
