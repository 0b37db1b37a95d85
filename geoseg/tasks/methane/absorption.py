"""Bands of a spectrometer scene in the absorption window of methane, with their unit absorption."""

from __future__ import annotations

import csv
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import SceneError, SceneReadError
from geoseg.files.bounded import read_text
from geoseg.files.doors import opening
from geoseg.files.inputs import opened
from geoseg.messages import counted, note
from geoseg.methods.gas_absorption import methane
from geoseg.methods.matched_filter import UNIT
from geoseg.methods.methane_column import TABLE_AIR_MASS
from geoseg.methods.unit_absorption import convolved, unit_absorption
from geoseg.scenes import Scene
from geoseg.scenes.bands import Band
from geoseg.scenes.cubes import is_cube_name
from geoseg.tasks.methane.view_angles import Angles

LOG = logging.getLogger(__name__)

Matrix = NDArray[np.float64]

WINDOW = 2122.0, 2488.0
"""Absorption window of methane in nm, whose bands the retrieval uses."""

MIN_BANDS = 8
"""Smallest number of bands in the window that separates the absorption from the surface spectrum."""

PLAUSIBLE = 1e-7, 1e-3
"""Plausible range of the strongest absorption, |ln(radiance)| per ppm·m; of methane it is about 1.5e-5."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Absorption:
    """Bands of the retrieval with their unit absorption spectrum."""

    bands: tuple[str, ...]
    centres: Matrix
    """(B,) centre wavelengths in nm."""
    unit: Matrix
    """(B,) ln(radiance) per 1e5 ppm·m, 0 or less."""
    source: str
    """Source of the absorption, in words."""


def absorption_of(scene: Scene, path: Path | None, angles: Angles | None) -> Absorption:
    """Return the bands of a scene in the absorption window with their unit absorption.

    Args:
        scene: with bands named by wavelength.
        path: table of `--absorption`, used without scaling; None: geoseg's table.
        angles: for the air-mass factor of geoseg's table; None: sun and sensor at zenith.

    Raises:
        SceneError: the scene is not of a spectrometer, has too few bands in the window, or is reflectance; or
            the table does not cover the bands.
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
        unit, source = _read_absorption(path, centres, widths) * UNIT, path.name
    return Absorption(bands=tuple(band.name for band in bands), centres=centres, unit=unit, source=source)


def _in_window(scene: Scene) -> list[Band]:
    """Return the bands in the absorption window, by wavelength.

    Raises:
        SceneError: there are too few, or they are not radiance.
    """
    cube = [band for band in scene.bands if is_cube_name(band.name) and band.wavelength]
    if not cube:
        raise SceneError(
            f"{scene.name}: its bands ({', '.join(scene.band_names[:8])}) are not those of an imaging "
            "spectrometer; the matched filter needs dozens of narrow bands with wavelengths (ENVI header or "
            "band tags). For Sentinel-2 or Landsat use `--method mbsp`, or mbmp with `--reference`"
        )
    centres = [1000 * (band.wavelength or 0) for band in cube]
    inside = [band for band, nm in zip(cube, centres, strict=True) if WINDOW[0] <= nm <= WINDOW[1]]
    if len(inside) < MIN_BANDS:
        raise SceneError(
            f"{scene.name} covers {min(centres):g} to {max(centres):g} nm, with "
            f"{counted(len(inside), 'band')} between "
            f"{WINDOW[0]:g} and {WINDOW[1]:g} nm, where methane absorbs; the retrieval needs at least "
            f"{MIN_BANDS}: give the cube of the short-wave infrared detector"
        )
    if any(band.units == "reflectance" for band in inside):
        raise SceneError(
            f"{scene.name} is reflectance: atmospheric correction has removed the absorption of methane; "
            "give at-sensor radiance (level 1). If it is radiance, set `--sensor emit`, prisma or enmap, or "
            "`data units` in the ENVI header"
        )
    return sorted(inside, key=lambda band: band.wavelength or 0)


def _widths(scene: Scene, bands: Sequence[Band], centres: Matrix) -> Matrix:
    """Return the full widths at half maximum in nm, (B,); the band spacing where the file has none."""
    spacing = np.gradient(centres)
    unknown = sum(band.fwhm is None for band in bands)
    if unknown:
        note(
            LOG,
            f"{scene.name}: {counted(unknown, 'band')} without width (FWHM), which is assumed equal to "
            f"the band spacing, {float(np.median(spacing)):.3g} nm",
        )
    return np.array(
        [step if band.fwhm is None else 1000 * band.fwhm for band, step in zip(bands, spacing, strict=True)]
    )


def _read_absorption(path: Path, centres: Matrix, widths: Matrix) -> Matrix:
    """Return ln(radiance) per ppm·m in each band, (B,), from a table.

    Raises:
        SceneReadError: the file is not a table of two columns of numbers.
        SceneError: the values are implausible, or do not cover the bands.
    """
    wavelength, slope = _table(path)
    if wavelength[0] > centres[0] or wavelength[-1] < centres[-1]:
        raise SceneError(
            f"`--absorption {path}` covers {wavelength[0]:g} to {wavelength[-1]:g} nm, but the bands of the "
            f"scene cover {centres[0]:g} to {centres[-1]:g} nm; give a table that covers them (in nm)"
        )
    absorption = convolved(wavelength, slope, centres, widths)
    deepest = -float(absorption.min())
    if not PLAUSIBLE[0] <= deepest <= PLAUSIBLE[1]:
        raise SceneError(
            f"`--absorption {path}`: the strongest absorption in the bands of the scene is {-deepest:.3g}, "
            "but ln(radiance) changes by about -1.5e-5 per ppm·m; check the unit and the sign"
        )
    return absorption


def _table(path: Path) -> tuple[Matrix, Matrix]:
    """Return the two columns of a table; a header and lines that begin with # are skipped.

    Raises:
        SceneReadError: the file is not such a table.
    """
    opened(path)
    with opening(f"`--absorption {path}`", "give a CSV file"):
        lines = read_text(path).splitlines()
        rows = list(csv.reader(line for line in lines if line.strip() and not line.startswith("#")))
    if rows and not _is_number(rows[0][0]):
        del rows[0]
    try:
        values = np.array([[float(row[0]), float(row[1])] for row in rows])
    except (ValueError, IndexError) as error:
        raise SceneReadError(
            f"`--absorption {path}`: {error}; give two columns, wavelength in nm and ln(radiance) per ppm·m"
        ) from error
    if len(values) < 2 or not np.isfinite(values).all() or not (np.diff(values[:, 0]) > 0).all():
        raise SceneReadError(
            f"`--absorption {path}`: give two or more rows of finite numbers with ascending wavelengths"
        )
    return values[:, 0], values[:, 1]


def _is_number(text: str) -> bool:
    """Return whether a cell is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True
