"""How strongly a cube's bands see methane: which bands, how wide they are, and their unit absorption."""

from __future__ import annotations

import csv
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import SceneError, SceneReadError
from geoseg.files.inputs import opened
from geoseg.messages import note
from geoseg.methane.view_angles import Angles
from geoseg.methods.gas_absorption import methane
from geoseg.methods.matched_filter import UNIT
from geoseg.methods.methane_column import TABLE_AIR_MASS
from geoseg.methods.unit_absorption import convolved, unit_absorption
from geoseg.scenes import Scene
from geoseg.scenes.bands import Band
from geoseg.scenes.cubes import is_cube_name

LOG = logging.getLogger(__name__)

Matrix = NDArray[np.float64]

WINDOW = 2122.0, 2488.0
"""nm; methane absorbs between, and the retrieval uses the bands there."""

LEAST_BANDS = 8
"""Of fewer bands in the window, the shape of the absorption cannot be told from the ground's."""

PLAUSIBLE = 1e-7, 1e-3
"""Deepest ln(radiance) per ppm·m, without its sign, of any spectrometer's bands; methane's is 1.5e-5."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Absorption:
    """The bands that are used, with what methane does to them."""

    bands: tuple[str, ...]
    centres: Matrix
    """(B,) nm."""
    unit: Matrix
    """(B,) ln(radiance) per 1e5 ppm·m, 0 or less."""
    source: str
    """Where it was taken from, for people."""


def absorption_of(scene: Scene, path: Path | None, angles: Angles | None) -> Absorption:
    """Return the bands of a scene within the window and their unit absorption.

    Args:
        scene: with bands named by wavelength.
        path: of a table of the user's, taken as it is; None: geoseg's own.
        angles: whose air-mass factor geoseg's own is brought to; None: sun and sensor overhead.

    Raises:
        SceneError: the scene is no cube, does not reach into the window, or holds reflectance; the table
            does not fit.
        SceneReadError: the table cannot be read.
    """
    bands = _in_window(scene)
    centres = np.array([1000 * (band.wavelength or np.nan) for band in bands])
    widths = _widths(scene, bands, centres)
    if path is None:
        air_mass = TABLE_AIR_MASS if angles is None else angles.air_mass_factor
        unit = unit_absorption(methane(), centres, widths) * (air_mass / TABLE_AIR_MASS)
        source = f"geoseg's table at air-mass factor {air_mass:.3f}"
        if angles is not None:
            note(LOG, f"air-mass factor {air_mass:.3f} ({angles.source})")
    else:
        unit, source = _of_file(path, centres, widths) * UNIT, path.name
    return Absorption(bands=tuple(band.name for band in bands), centres=centres, unit=unit, source=source)


def _in_window(scene: Scene) -> list[Band]:
    """Return the cube's bands that methane absorbs in, by wavelength.

    Raises:
        SceneError: there are none, too few, or no radiance in them.
    """
    cube = [band for band in scene.bands if is_cube_name(band.name) and band.wavelength]
    if not cube:
        raise SceneError(
            f"{scene.name}: its bands ({', '.join(scene.band_names[:8])}) are no spectrometer's; the matched "
            "filter needs dozens of narrow bands with wavelengths (ENVI header or band tags). For "
            "Sentinel-2 or Landsat use --method mbsp, or mbmp with --reference"
        )
    centres = [1000 * (band.wavelength or 0) for band in cube]
    inside = [band for band, nm in zip(cube, centres, strict=True) if WINDOW[0] <= nm <= WINDOW[1]]
    if len(inside) < LEAST_BANDS:
        raise SceneError(
            f"{scene.name}: {len(inside)} of its bands lie between {WINDOW[0]:g} and {WINDOW[1]:g} nm, where "
            f"methane absorbs; at least {LEAST_BANDS} are needed, and it covers {min(centres):g} to "
            f"{max(centres):g} nm: give the cube of the shortwave infrared detector"
        )
    if any(band.units == "reflectance" for band in inside):
        raise SceneError(
            f"{scene.name}: it holds reflectance, from which the absorption of gases was taken out; give "
            "the radiance at the sensor (level 1). If it is radiance, say so with --sensor emit, prisma or "
            "enmap, or with `data units` in the ENVI header"
        )
    return sorted(inside, key=lambda band: band.wavelength or 0)


def _widths(scene: Scene, bands: Sequence[Band], centres: Matrix) -> Matrix:
    """Return full widths at half maximum in nm, (B,); the spacing of the bands where the file says none."""
    spacing = np.gradient(centres)
    unknown = sum(band.fwhm is None for band in bands)
    if unknown:
        note(
            LOG,
            f"{scene.name}: {unknown} bands without width (fwhm); taken to be as wide as they lie apart, "
            f"{float(np.median(spacing)):.3g} nm",
        )
    return np.array(
        [step if band.fwhm is None else 1000 * band.fwhm for band, step in zip(bands, spacing, strict=True)]
    )


def _of_file(path: Path, centres: Matrix, widths: Matrix) -> Matrix:
    """Return the slope of ln(radiance) per ppm·m in each band from a table, (B,).

    Raises:
        SceneReadError: the file cannot be read as two columns of numbers.
        SceneError: its values make no sense, or do not cover the bands.
    """
    wavelength, slope = _table(path)
    if wavelength[0] > centres[0] or wavelength[-1] < centres[-1]:
        raise SceneError(
            f"--absorption {path}: it covers {wavelength[0]:g} to {wavelength[-1]:g} nm, and the cube's "
            f"bands reach from {centres[0]:g} to {centres[-1]:g} nm; give a table that covers them (in nm)"
        )
    found = convolved(wavelength, slope, centres, widths)
    deepest = -float(found.min())
    if not PLAUSIBLE[0] <= deepest <= PLAUSIBLE[1]:
        raise SceneError(
            f"--absorption {path}: its deepest value in the cube's bands is {-deepest:.3g}; ln(radiance) "
            "falls by about 1.5e-5 per ppm·m there, so its unit or sign is another"
        )
    return found


def _table(path: Path) -> tuple[Matrix, Matrix]:
    """Return the two columns of a table; a head and lines that begin with # are skipped.

    Raises:
        SceneReadError: it cannot be read as such.
    """
    try:
        opened(path)
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SceneReadError(f"--absorption {path} cannot be read: {error}; give a CSV file") from error
    rows = list(csv.reader(line for line in lines if line.strip() and not line.startswith("#")))
    if rows and not _is_number(rows[0][0]):
        del rows[0]
    try:
        values = np.array([[float(row[0]), float(row[1])] for row in rows])
    except (ValueError, IndexError) as error:
        raise SceneReadError(
            f"--absorption {path}: {error}; it needs two columns, wavelength in nm and ln(radiance) per ppm·m"
        ) from error
    if len(values) < 2 or not np.isfinite(values).all() or not (np.diff(values[:, 0]) > 0).all():
        raise SceneReadError(
            f"--absorption {path}: it needs two or more rows of finite numbers whose wavelengths rise"
        )
    return values[:, 0], values[:, 1]


def _is_number(text: str) -> bool:
    """Whether a cell is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True
