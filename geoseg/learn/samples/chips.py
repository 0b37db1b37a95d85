"""Samples become arrays: physical values and classes on the image's own grid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import BandError, SceneError
from geoseg.grid import Grid, Window
from geoseg.learn.samples.finding import Sample
from geoseg.learn.samples.sample_spec import DataSpec, ImageSpec, LabelSpec
from geoseg.methods.accuracy import IGNORE
from geoseg.scenes import Scene, Source, open_scene
from geoseg.scenes.dark_object_scene import as_trained
from geoseg.scenes.layers import is_raster, open_raster_layer, open_vector_layer
from geoseg.scenes.stack import Stack, StackLayer
from geoseg.spec import Atmosphere, SceneSpec
from geoseg.spec.presets import sensors

PLACE = 1024
"""Pixels a side of the windows that a large image is cut into."""

LABEL = "label"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A window of a sample: what is trained on at once."""

    sample: Sample
    window: Window
    centre: tuple[float, float]
    """x and y in the image's CRS, or column and row without one."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chip:
    """A labelled window in memory."""

    place: Place
    pixels: NDArray[np.float32]
    """(B, H, W) physical; NaN where not observed."""
    label: NDArray[np.uint8]
    """(H, W) class 0..K-1; `IGNORE` where unlabelled or not observed."""


def places(samples: Sequence[Sample], data: DataSpec) -> tuple[Place, ...]:
    """Cut samples into windows of at most `PLACE`² pixels; small images stay whole.

    Raises:
        SceneReadError: an image cannot be read.
    """
    found = []
    for sample in samples:
        with opened_image(sample.images[0], data.images[0]) as scene:
            grid = scene.grid
            for row in range(0, grid.height, PLACE):
                for col in range(0, grid.width, PLACE):
                    height, width = min(PLACE, grid.height - row), min(PLACE, grid.width - col)
                    across, down = col + width / 2, row + height / 2
                    t = grid.transform
                    centre = (t.a * across + t.b * down + t.c, t.d * across + t.e * down + t.f)
                    window = Window(row=row, col=col, height=height, width=width)
                    found.append(Place(sample=sample, window=window, centre=centre))
    return tuple(found)


def scene_spec(path: Path, image: ImageSpec) -> SceneSpec:
    """Say how an image is opened."""
    return SceneSpec(
        paths=(str(path),),
        bands={name: f"{path}:{index}" for name, index in image.bands.items()},
        sensor=image.sensor,
        sar_units=image.sar_units,
        clouds=image.clouds,
    )


@contextmanager
def opened_image(path: Path, image: ImageSpec) -> Iterator[Scene]:
    """Open an image as the mapping commands open a scene."""
    with open_scene(scene_spec(path, image), sensors()) as scene:
        yield scene


def read_chip(
    place: Place, data: DataSpec, bands: Sequence[str], atmosphere: Atmosphere | None = None
) -> Chip:
    """Read a window with its label.

    Args:
        place: what to read.
        data: how files are opened and codes understood.
        bands: names in the network's order; those of a further image carry its prefix.
        atmosphere: which reflectance the network is to know; see `scenes.dark_object_scene.as_trained`.

    Raises:
        SceneReadError: a file cannot be read.
        BandError: a band is missing.
        SceneError: the label cannot be brought to the image's grid, or holds a code that nothing explains.
    """
    with stacked_source(place.sample, data, bands, atmosphere) as source:
        values = source.read(place.window, bands).physical()
        _hide(values, bands, data)
        label = read_label(place.sample.label, data.labels, source.grid, place.window)
    label[np.isnan(values).any(axis=0)] = IGNORE
    return Chip(place=place, pixels=values, label=label)


@contextmanager
def stacked_source(
    sample: Sample, data: DataSpec, bands: Sequence[str], atmosphere: Atmosphere | None = None
) -> Iterator[Source]:
    """Open all images of a sample on the grid of the first; see `read_chip`.

    Raises:
        SceneReadError: a file cannot be read.
        BandError: a band is missing.
    """
    with ExitStack() as stack:
        scenes = [
            stack.enter_context(opened_image(path, image))
            for path, image in zip(sample.images, data.images, strict=True)
        ]
        yield _stacked([as_trained(scene, atmosphere) for scene in scenes], data, bands)


def _stacked(scenes: Sequence[Scene], data: DataSpec, bands: Sequence[str]) -> Source:
    """All images on the grid of the first."""
    own = [
        tuple(
            band.removeprefix(f"{image.prefix}:") for band in bands if band.rpartition(":")[0] == image.prefix
        )
        for image in data.images
    ]
    if not own[0]:
        raise BandError("the network takes no band of the first image")
    first = scenes[0].select(own[0])
    layers = [
        StackLayer(source=scene.select(names), prefix=image.prefix)
        for scene, names, image in zip(scenes[1:], own[1:], data.images[1:], strict=True)
        if names
    ]
    return Stack(first, layers) if layers else first


def _hide(values: NDArray[np.float32], bands: Sequence[str], data: DataSpec) -> None:
    """Make pixels that a file's `nodata` names NaN in all bands."""
    for image in data.images:
        if image.nodata is None:
            continue
        own = [i for i, band in enumerate(bands) if band.rpartition(":")[0] == image.prefix]
        values[:, (values[own] == image.nodata).all(axis=0)] = np.nan


def read_label(path: Path, spec: LabelSpec, grid: Grid, window: Window) -> NDArray[np.uint8]:
    """Read classes on an image's grid: rasters by the nearest pixel, polygons burnt.

    Args:
        path: of the label.
        spec: what its codes mean.
        grid: of the image.
        window: of it.

    Returns:
        (H, W) classes 0..K-1; `IGNORE` where the label says nothing or does not reach.

    Raises:
        SceneReadError: the file cannot be read.
        SceneError: it cannot be aligned, or holds a code that is neither in `codes` nor in `ignore`.
    """
    if not is_raster(path):
        vector = open_vector_layer(path, LABEL).onto(grid)
        burnt = vector.read(window, (LABEL,))
        return np.where(burnt.valid, burnt.data[0] * np.uint8(spec.inside), IGNORE).astype(np.uint8)
    layer = open_raster_layer(path, LABEL, categorical=True, index=spec.band)
    with layer:
        same = (layer.grid.height, layer.grid.width) == (grid.height, grid.width)
        # A label without CRS that has the image's size lies pixel on pixel; anything else is warped.
        target = layer.grid if same and layer.grid.crs is None else grid
        pixels = layer.onto(target).read(window, (LABEL,))
    return _classes(pixels.data[0], pixels.valid, spec, path)


def _classes(
    stored: NDArray[np.generic], valid: NDArray[np.bool_], spec: LabelSpec, path: Path
) -> NDArray[np.uint8]:
    """Stored codes to classes."""
    known = stored[valid]
    codes = [int(code) for code in np.unique(known)]
    label = np.full(stored.shape, IGNORE, np.uint8)
    for code in codes:
        if (code == IGNORE and code not in spec.codes) or code in spec.ignore:
            continue
        if spec.codes and code not in spec.codes:
            raise SceneError(
                f"{path}: label value {code} is not explained; add it to labels.codes or labels.ignore"
            )
        label[valid & (stored == code)] = spec.codes.get(code, code)
    return label
