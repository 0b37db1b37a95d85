"""Simulate a flood with reference data: land, river, lake and clouds as a six-band optical scene.

It is for demonstrations and tests, and shows nothing about real scenes: its spectra are typical values, its
noise is white, and its land is simple.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

BANDS = ("blue", "green", "red", "nir", "swir16", "swir22")

Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]

_SPECTRA: Mapping[str, tuple[float, ...]] = MappingProxyType(
    {
        "meadow": (0.045, 0.080, 0.060, 0.330, 0.210, 0.110),
        "crop": (0.040, 0.075, 0.045, 0.420, 0.190, 0.090),
        "stubble": (0.080, 0.115, 0.150, 0.250, 0.320, 0.240),
        "soil": (0.085, 0.110, 0.140, 0.190, 0.270, 0.230),
        "forest": (0.025, 0.045, 0.030, 0.260, 0.120, 0.055),
        "town": (0.110, 0.130, 0.145, 0.190, 0.220, 0.190),
        "water": (0.050, 0.060, 0.045, 0.022, 0.012, 0.008),
        "flood": (0.075, 0.100, 0.105, 0.060, 0.025, 0.015),
        "cloud": (0.520, 0.520, 0.530, 0.550, 0.430, 0.330),
    }
)
"""Typical reflectance of surfaces in the six bands, 0..1; flood is more turbid than other water."""

_FIELDS = ("meadow", "crop", "stubble", "soil")
_SKY = np.array((0.030, 0.022, 0.015, 0.008, 0.002, 0.001), np.float32)
"""Reflectance by diffuse light in shadow."""


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """Two dates of one place with reference data."""

    before: NDArray[np.uint16]
    """(6, H, W) reflectance x 10,000 in the order of `BANDS`; only permanent water."""
    after: NDArray[np.uint16]
    """(6, H, W); flooded, with clouds and their shadows."""
    truth: NDArray[np.uint8]
    """(H, W): 0 land, 1 flood, 2 permanent water; under clouds too."""
    clouds: Mask
    """(H, W); True = cloud or its shadow in `after`."""


def simulate(*, size: int = 1500, seed: int = 7) -> Simulation:
    """Simulate a flood plain of `size` x `size` pixels of 10 m.

    It has a river and a lake; the flood covers low ground that is connected to the river.

    Args:
        size: pixels a side, at least 64.
        seed: the same seed makes the same scene.
    """
    rng = np.random.default_rng(seed)
    river, distance = _river(size, rng)
    water = river | _lake(size, rng)
    height = distance / size * 26 + 5 * _noise(size, size / 14, rng) + 0.6 * _noise(size, 6, rng)
    flood = _connected(height < 1.6, river) & ~water
    truth = np.where(water, 2, np.where(flood, 1, 0)).astype(np.uint8)
    land = _land(size, height, rng)
    cloud, shadow = _clouds(size, rng)
    before = _observe(_paint(land, {"water": water}), rng)
    wet = _paint(land * np.float32(0.93), {"water": water, "flood": flood})
    after = _observe(_shade(wet, cloud, shadow), rng)
    return Simulation(before=before, after=after, truth=truth, clouds=(cloud > 0.05) | (shadow > 0.05))


def _noise(size: int, scale: float, rng: np.random.Generator) -> Plane:
    """Return smooth noise of mean 0 and standard deviation 1 with features of about `scale` pixels."""
    step = max(1, int(scale / 4))
    coarse = rng.standard_normal((size // step + 2, size // step + 2)).astype(np.float32)
    smooth = ndimage.gaussian_filter(coarse, scale / step / 2, mode="wrap")
    full = ndimage.zoom(smooth, size / (smooth.shape[0] - 1), order=1)[:size, :size]
    return np.asarray((full - full.mean()) / full.std(), np.float32)


def _river(size: int, rng: np.random.Generator) -> tuple[Mask, Plane]:
    """Return the river from west to east, and the distance of each pixel from its middle in pixels."""
    x = np.arange(size)
    phase = rng.uniform(0, 2 * np.pi, 3)
    y = size * (
        0.52
        + 0.10 * np.sin(2 * np.pi * 1.3 * x / size + phase[0])
        + 0.04 * np.sin(2 * np.pi * 3.7 * x / size + phase[1])
        + 0.01 * np.sin(2 * np.pi * 11 * x / size + phase[2])
    )
    middle = np.ones((size, size), np.bool_)
    # Oversampled along x, so that the line has no gaps where it is steep.
    fine = np.linspace(0, size - 1, 8 * size)
    rows = np.clip(np.interp(fine, x, y), 0, size - 1).astype(np.intp)
    middle[rows, fine.astype(np.intp)] = False
    distance = ndimage.distance_transform_edt(middle).astype(np.float32)
    return distance <= max(1.5, size / 170), distance


def _lake(size: int, rng: np.random.Generator) -> Mask:
    """Return a lake with an uneven shore, away from the river."""
    rows, cols = np.mgrid[0:size, 0:size].astype(np.float32) / size
    radius = np.hypot((rows - 0.16) * 1.5, cols - 0.74)
    return np.asarray(radius + 0.012 * _noise(size, size / 30, rng) < 0.095)


def _connected(low: Mask, river: Mask) -> Mask:
    """Return low ground that is connected to the river."""
    labels, count = ndimage.label(low | river)
    reached = np.zeros(count + 1, np.bool_)
    reached[np.unique(labels[river])] = True
    reached[0] = False
    return np.asarray(reached[labels])


def _land(size: int, height: Plane, rng: np.random.Generator) -> Plane:
    """Return the reflectance (6, H, W) of fields, forest and towns."""
    seeds = rng.uniform(0, size, (max(40, size * size // 2500), 2))
    rows, cols = np.mgrid[0:size, 0:size]
    stretched = np.stack([rows.ravel(), cols.ravel() * 0.6], axis=1)
    parcel = cKDTree(seeds * (1, 0.6)).query(stretched, workers=1)[1].reshape(size, size)
    kind = rng.integers(0, len(_FIELDS), len(seeds))
    tone = rng.normal(1, 0.12, (len(seeds), 1)).astype(np.float32)
    colours = np.array([_SPECTRA[name] for name in _FIELDS], np.float32)[kind] * np.clip(tone, 0.7, 1.4)
    land = np.moveaxis(colours[parcel], -1, 0).copy()
    forest = (_noise(size, size / 12, rng) > 0.9) & (height > 3)
    _fill(land, forest, "forest")
    for row, col in ((0.34, 0.22), (0.70, 0.63), (0.30, 0.47)):
        away = np.hypot(rows / size - row, cols / size - col) + 0.010 * _noise(size, size / 50, rng)
        streets = (rows % 9 < 2) | (cols % 11 < 2)
        _fill(land, (away < 0.035) & ~streets, "town")
    return np.asarray(land, np.float32)


def _paint(land: Plane, surfaces: Mapping[str, Mask]) -> Plane:
    """Return a copy of the land with the reflectance of surfaces."""
    painted = land.copy()
    for name, where in surfaces.items():
        _fill(painted, where, name)
    return painted


def _fill(planes: Plane, where: Mask, name: str) -> None:
    for plane, value in zip(planes, _SPECTRA[name], strict=True):
        plane[where] = value


def _clouds(size: int, rng: np.random.Generator) -> tuple[Plane, Plane]:
    """Return the opacity 0..1 of clouds, and the depth 0..1 of their shadows to the north-west."""
    field = _noise(size, size / 9, rng) + 0.25 * _noise(size, size / 60, rng)
    opacity = np.clip((field - 2.0) / 0.25, 0, 1).astype(np.float32)
    shift = size // 22
    shadow = np.zeros_like(opacity)
    shadow[:-shift, :-shift] = opacity[shift:, shift:]
    return opacity, shadow


def _shade(planes: Plane, cloud: Plane, shadow: Plane) -> Plane:
    """Return the scene with shadows darkened to diffuse light, and with clouds."""
    sky = _SKY[:, np.newaxis, np.newaxis]
    dark = planes * (1 - 0.72 * shadow) + sky * shadow * (planes / planes.max(axis=0, keepdims=True))
    white = np.array(_SPECTRA["cloud"], np.float32)[:, np.newaxis, np.newaxis]
    return np.asarray(dark * (1 - cloud) + white * cloud, np.float32)


def _observe(planes: Plane, rng: np.random.Generator) -> NDArray[np.uint16]:
    """Return digital numbers of 1/10,000 with blur and noise; never 0, which is nodata."""
    seen = np.empty(planes.shape, np.uint16)
    for index, plane in enumerate(planes):
        sharp = ndimage.gaussian_filter(plane, 0.6)
        grain = 1 + 0.03 * rng.standard_normal(plane.shape, np.float32)
        noise = 0.0015 * rng.standard_normal(plane.shape, np.float32)
        seen[index] = np.clip(np.rint((sharp * grain + noise) * 10_000), 1, 65_535)
    return seen
