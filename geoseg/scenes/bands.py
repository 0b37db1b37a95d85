"""A named band of a file, with the conversion of its stored values to physical values and its mask."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import BandError
from geoseg.grid import Window
from geoseg.scenes.raster import Raster
from geoseg.spec import Units
from geoseg.spec.band_names import few_names

Resampling = Literal["bilinear", "nearest"]

FLOOR_DB = -50.0
"""Backscatter of pixels whose power is not above 0; the noise of Sentinel-1 is at -22 dB or below."""

TWINS = {"nir": "nir08", "nir08": "nir"}
"""Names that stand in for each other where a scene has only one of them: both are near infrared."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Band:
    """One band of one open file."""

    name: str
    raster: Raster
    index: int
    """1-based."""
    scale: float = 1.0
    """Physical value = stored * scale + offset."""
    offset: float = 0.0
    units: Units = "dn"
    nodata: float | None = None
    """The stored value of pixels that were not observed."""
    db_factor: Literal[0, 10, 20] = 0
    """dB = factor * log10(physical), computed on reading: 10 for power, 20 for amplitude; 0: not computed.

    With a factor, pixels of 0 are not valid, and negative values (after noise subtraction) become `FLOOR_DB`.
    """
    square: bool = False
    """Whether stored values are signed roots: physical value = v |v|, with v = stored * scale + offset."""
    zero_with: tuple[tuple[Raster, int], ...] = ()
    """Pixels of 0 are not valid only where all these bands (file, index), including this one, are 0."""
    wavelength: float | None = None
    """Centre wavelength in µm."""
    fwhm: float | None = None
    """Full width at half maximum in µm; None: not known."""
    resampling: Resampling = "bilinear"
    origin: str = ""
    """How the name of the band was found."""
    scaling: str = ""
    """Where scale and offset were found."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of the stored values."""
        return self.raster.dtypes[self.index - 1]


def nodata_as_stored(value: float | None, dtype: np.dtype[Any]) -> float | None:
    """Return a nodata value in a dtype; None where the dtype cannot hold it, or it is NaN."""
    if value is None or np.isnan(value):
        return None
    if dtype.kind in "iub":
        limits = np.iinfo(dtype) if dtype.kind in "iu" else None
        fits = limits is not None and float(value).is_integer() and limits.min <= value <= limits.max
        # An int: to compare integers with a float, numpy would convert every pixel to float64 first.
        return int(value) if fits else None
    with np.errstate(over="ignore"):
        return float(np.asarray(value).astype(dtype))


def observed(
    bands: Sequence[Band], data: NDArray[np.generic], window: Window
) -> list[NDArray[np.bool_] | None]:
    """Return the mask (h, w) of each band, True = valid; None: all pixels are valid.

    Args:
        bands: bands of one file.
        data: stored values (B, h, w).
        window: of the data, on the grid of the file.
    """
    raster = bands[0].raster
    shared = raster.read_mask(window, [band.index for band in bands])
    zero = _all_zero(bands, data, window)
    masks: list[NDArray[np.bool_] | None] = []
    for position, (band, values) in enumerate(zip(bands, data, strict=True)):
        mask = None if shared is None else shared[min(position, len(shared) - 1)].copy()
        if band.nodata is not None:
            mask = _and(mask, np.not_equal(values, band.nodata))
        if values.dtype.kind == "f":
            mask = _and(mask, np.isfinite(values))
        if band.db_factor:
            with np.errstate(invalid="ignore"):
                mask = _and(mask, np.not_equal(values * band.scale + band.offset, 0))
        if band.zero_with and zero is not None:
            mask = _and(mask, ~zero)
        masks.append(mask)
    return masks


def _and(mask: NDArray[np.bool_] | None, other: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the intersection of two masks, in place."""
    if mask is None:
        return other
    mask &= other
    return mask


def _all_zero(bands: Sequence[Band], data: NDArray[np.generic], window: Window) -> NDArray[np.bool_] | None:
    """Return where all bands of `zero_with` are 0 (h, w); None: nowhere.

    Bands of `zero_with` that are not among `bands` are read only if the others have a zero.
    """
    members = next((band.zero_with for band in bands if band.zero_with), ())
    have = {(band.raster, band.index): values for band, values in zip(bands, data, strict=True)}
    here = [have[member] for member in members if member in have]
    if not here:
        return None
    zero = np.logical_and.reduce([np.equal(values, 0) for values in here])
    for raster, index in (member for member in members if member not in have):
        if not zero.any():
            return None
        zero &= np.equal(raster.read(window, [index])[0], 0)
    return zero if zero.any() else None


def find_band(bands: Sequence[Band], name: str, centres: Mapping[str, float]) -> tuple[Band, str | None]:
    """Return the band of a name and None, or a band that stands in for it and a note.

    `nir` and `nir08` stand in for each other. In a cube whose bands are named by wavelength, the band nearest
    to the centre wavelength of the name stands in for it, within 3 %.

    Args:
        bands: of the scene.
        name: a common name.
        centres: centre wavelengths (µm) by common name.

    Raises:
        BandError: there is no such band; the message lists the bands and how to name one.
    """
    known = {band.name: band for band in bands}
    if name in known:
        return known[name], None
    twin = TWINS.get(name, "")
    if twin in known:
        note = f"band {twin} stands in for {name}: both are near infrared"
        return replace(known[twin], name=name), note
    centre = centres.get(name)
    cube = [(band, band.wavelength) for band in bands if band.wavelength and re.match(r"w\d", band.name)]
    if centre is not None and cube:
        best, wavelength = min(cube, key=lambda item: abs(item[1] - centre))
        if abs(wavelength - centre) <= 0.03 * centre:
            note = f"band {best.name} ({1000 * wavelength:g} nm) is used as {name}"
            return replace(best, name=name), note
    raise missing([name], list(known))


def common_names(bands: Sequence[Band], centres: Mapping[str, float]) -> tuple[str, ...]:
    """Return the common names that `find_band` accepts: those of bands, and those that bands stand in for.

    Args:
        bands: of the scene.
        centres: centre wavelengths (µm) by common name.
    """
    names = [band.name for band in bands if not re.match(r"w\d", band.name)]
    for name in (*TWINS, *centres):
        try:
            find_band(bands, name, centres)
        except BandError:
            continue
        names.append(name)
    return tuple(dict.fromkeys(names))


def missing(names: Sequence[str], available: Sequence[str]) -> BandError:
    """Return an error that lists the missing and the available bands, and how to name one."""
    near = [match for name in names for match in get_close_matches(name, available, n=1, cutoff=0.75)]
    hint = f" (did you mean {', '.join(near)}?)" if near else ""
    phase = next((name.rpartition("_")[0] for name in names if name.endswith(("_cos", "_sin"))), None)
    given = f"`--layer {phase}=FILE`" if phase else f"`--band {names[0]}=PATH[:INDEX]`"
    return BandError(
        f"the scene has no band {', '.join(names)}{hint}; it has {few_names(available, 20) or 'none'}; "
        f"name the file that holds it with {given}"
    )
