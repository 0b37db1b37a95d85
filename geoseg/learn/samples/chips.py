"""Read samples as arrays: physical values and classes on the grid of the first image."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import BandError, SceneError, SceneReadError
from geoseg.grid import Grid, Window
from geoseg.learn.samples.file_patterns import ImageSpec, LabelSpec
from geoseg.learn.samples.sample_files import Sample
from geoseg.learn.samples.sample_spec import DataSpec
from geoseg.methods.accuracy import IGNORE
from geoseg.scenes import Scene, Source, open_scene
from geoseg.scenes.dark_object_scene import as_trained
from geoseg.scenes.file_kinds import is_vector_kind
from geoseg.scenes.further_layers import as_stack_layers, open_layers
from geoseg.scenes.layers import is_raster, open_raster_layer, open_vector_layer, with_nodata
from geoseg.scenes.stack import Stack, StackLayer
from geoseg.spec import Atmosphere, SceneSpec
from geoseg.spec.presets import sensors

WINDOW_SIDE = 1024
"""Side in pixels of the windows that a large image is divided into."""
MOST_WINDOWS = 100_000
"""Windows of one image: all of them are held in memory, and a damaged header may state any size."""

LABEL = "label"


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleWindow:
    """A window of a sample, the unit that a split assigns to training, validation or testing."""

    sample: Sample
    window: Window
    centre: tuple[float, float]
    """x and y in the CRS of the image; column and row where the image has no CRS."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chip:
    """The pixels and labels of a window."""

    place: SampleWindow
    pixels: NDArray[np.float32]
    """(B, H, W) physical values; NaN where not observed."""
    label: NDArray[np.uint8]
    """(H, W) class 0..K-1; `IGNORE` where unlabelled or not observed."""
    times: tuple[datetime | None, ...] = ()
    """Acquisition of each image of the sample; None: unknown."""
    centre: tuple[float, float] | None = None
    """Longitude and latitude of the centre of the window in degrees; None: unknown."""


def sample_windows(samples: Sequence[Sample], data: DataSpec) -> tuple[SampleWindow, ...]:
    """Divide each sample into windows of at most `WINDOW_SIDE`² pixels.

    Raises:
        SceneReadError: an image cannot be read.
    """
    windows = []
    for sample in samples:
        with opened_image(sample.images[0], data.images[0]) as scene:
            grid = scene.grid
            count = math.ceil(grid.height / WINDOW_SIDE) * math.ceil(grid.width / WINDOW_SIDE)
            if count > MOST_WINDOWS:
                raise SceneReadError(
                    f"{sample.images[0]}: {grid.width:,} x {grid.height:,} pixels are more than one image of "
                    f"a training set may have ({MOST_WINDOWS:,} windows of {WINDOW_SIDE} x {WINDOW_SIDE}); "
                    "check the file, or crop it to the labels"
                )
            for row in range(0, grid.height, WINDOW_SIDE):
                for col in range(0, grid.width, WINDOW_SIDE):
                    height, width = min(WINDOW_SIDE, grid.height - row), min(WINDOW_SIDE, grid.width - col)
                    x, y = col + width / 2, row + height / 2
                    t = grid.transform
                    centre = (t.a * x + t.b * y + t.c, t.d * x + t.e * y + t.f)
                    window = Window(row=row, col=col, height=height, width=width)
                    windows.append(SampleWindow(sample=sample, window=window, centre=centre))
    return tuple(windows)


def scene_spec(path: Path, image: ImageSpec) -> SceneSpec:
    """Return the request that opens an image."""
    return SceneSpec(
        paths=(str(path),),
        bands={name: _band_file(path, place) for name, place in image.bands.items()},
        sensor=image.sensor,
        sar_units=image.sar_units,
        clouds=image.clouds,
    )


def _band_file(path: Path, place: int | str) -> str:
    """Return file and index of a band: of a file, or of the only file in a folder that matches a pattern."""
    if isinstance(place, int):
        return f"{path}:{place}"
    found = sorted(path.glob(place))
    if len(found) != 1:
        what = "no file matches" if not found else f"{len(found)} files match"
        raise SceneReadError(f"{path}: {what} {place}; check data.images and the layout of the set")
    return f"{found[0]}:1"


@contextmanager
def opened_image(path: Path, image: ImageSpec) -> Iterator[Scene]:
    """Open an image in the way the mapping commands open a scene."""
    with ExitStack() as stack:
        try:
            scene = stack.enter_context(open_scene(scene_spec(path, image), sensors()))
        except (BandError, SceneError) as error:
            # The bands of a config are given to the reader of scenes as options are.
            if not str(error).startswith("`--band "):
                raise
            raise type(error)(
                f"data.images: bands: {str(error).removeprefix('`--band ').replace('`', '', 1)}"
            ) from error
        yield scene


def read_chip(
    place: SampleWindow,
    data: DataSpec,
    bands: Sequence[str],
    atmosphere: Atmosphere | None = None,
    optional: Collection[str] = (),
) -> Chip:
    """Read the pixels and labels of a window.

    Args:
        place: the window.
        data: the options that open the files, and the meaning of label values.
        bands: names in the order of the network's channels; bands of a second image have its prefix.
        atmosphere: the kind of reflectance to train on; see `scenes.dark_object_scene.as_trained`.
        optional: bands of further images that need not be observed where there is a label.

    Raises:
        SceneReadError: a file cannot be read.
        BandError: a band is missing.
        SceneError: the label cannot be resampled to the grid of the image, or has an undefined value.
    """
    with _opened(place.sample, data, bands, atmosphere, optional) as (source, scenes):
        values = source.read(place.window, bands).physical()
        _apply_nodata(values, bands, data)
        label = read_label(place.sample.label, data.labels, source.grid, place.window)
        needed = [index for index, band in enumerate(bands) if band not in optional]
        label[np.isnan(values[needed]).any(axis=0)] = IGNORE
        times = tuple(scene.time for scene in scenes)
        centre = _centre(source.grid, place.window)
    return Chip(place=place, pixels=values, label=label, times=times, centre=centre)


def _centre(grid: Grid, window: Window) -> tuple[float, float] | None:
    """Return longitude and latitude of the centre of a window in degrees; None without a CRS."""
    if grid.crs is None:
        return None
    middle = window.row + window.height / 2, window.col + window.width / 2
    lon, lat = grid.lonlat(np.array([middle[0]]), np.array([middle[1]]))
    return float(lon[0]), float(lat[0])


@contextmanager
def stacked_source(
    sample: Sample, data: DataSpec, bands: Sequence[str], atmosphere: Atmosphere | None = None
) -> Iterator[Source]:
    """Open all images of a sample on the grid of the first image; for the arguments see `read_chip`.

    Raises:
        SceneReadError: a file cannot be read.
        BandError: a band is missing.
    """
    with _opened(sample, data, bands, atmosphere) as (source, _):
        yield source


@contextmanager
def _opened(
    sample: Sample,
    data: DataSpec,
    bands: Sequence[str],
    atmosphere: Atmosphere | None,
    optional: Collection[str] = (),
) -> Iterator[tuple[Source, list[Scene]]]:
    """Open all images and layers of a sample on the grid of the first image, in the training's reflectance.

    Yields the source, and the images.
    """
    with ExitStack() as stack:
        scenes = [
            stack.enter_context(opened_image(path, image))
            for path, image in zip(sample.images, data.images, strict=True)
        ]
        paths = dict(zip(data.layers, map(str, sample.layers), strict=True))
        prefixes = [image.prefix for image in data.images]
        found = open_layers(paths, bands, prefixes, stack) if paths else {}
        beside = {name: layer for name, layer in found.items() if name in bands}
        views = [as_trained(scene, atmosphere) for scene in scenes]
        yield _stacked(views, data, bands, beside, optional), scenes


def _stacked(
    scenes: Sequence[Scene],
    data: DataSpec,
    bands: Sequence[str],
    beside: Mapping[str, Scene],
    optional: Collection[str],
) -> Source:
    """Return all images and layers on the grid of the first image."""
    names_of = [
        tuple(
            band.removeprefix(f"{image.prefix}:")
            for band in bands
            if band.rpartition(":")[0] == image.prefix and band not in beside
        )
        for image in data.images
    ]
    if not names_of[0]:
        raise BandError(
            "bands: no band of the first image is listed; the first image must supply at least one band"
        )
    first = scenes[0].select(names_of[0])
    layers = [
        StackLayer(
            source=scene.select(names),
            prefix=image.prefix,
            required=not {f"{image.prefix}:{name}" for name in names} <= set(optional),
        )
        for scene, names, image in zip(scenes[1:], names_of[1:], data.images[1:], strict=True)
        if names
    ]
    layers += as_stack_layers(beside, first)
    return Stack(first, layers) if layers else first


def _apply_nodata(values: NDArray[np.float32], bands: Sequence[str], data: DataSpec) -> None:
    """Set pixels to NaN in all bands where all bands of an image have its `nodata` value."""
    for image in data.images:
        if image.nodata is None:
            continue
        indices = [i for i, band in enumerate(bands) if band.rpartition(":")[0] == image.prefix]
        values[:, (values[indices] == image.nodata).all(axis=0)] = np.nan


def read_label(path: Path, spec: LabelSpec, grid: Grid, window: Window) -> NDArray[np.uint8]:
    """Read the label of a window on the grid of the image.

    A raster is resampled by nearest neighbour; polygons are rasterised.

    Args:
        path: the label file.
        spec: the meaning of its values.
        grid: the grid of the image.
        window: on this grid.

    Returns:
        (H, W) classes 0..K-1; `IGNORE` where the label has no class or no data.

    Raises:
        SceneReadError: the file cannot be read.
        SceneError: it cannot be aligned, or has a value that is neither in `codes` nor in `ignore`.
    """
    if not is_raster(path) and is_vector_kind(path):
        vector = open_vector_layer(path, LABEL).onto(grid)
        rasterised = vector.read(window, (LABEL,))
        return np.where(rasterised.valid, rasterised.data[0] * np.uint8(spec.inside), IGNORE).astype(np.uint8)
    layer = open_raster_layer(path, LABEL, categorical=True, index=spec.band)
    if layer.bands[0].nodata in spec.codes:
        # Labels often have the nodata value of the images that they were made from, such as 0.
        layer = with_nodata(layer, None)
    with layer:
        same = (layer.grid.height, layer.grid.width) == (grid.height, grid.width)
        # A label without a CRS that has the size of the image shares its grid; any other label is warped.
        target = layer.grid if same and layer.grid.crs is None else grid
        pixels = layer.onto(target).read(window, (LABEL,))
    return _classes(pixels.data[0], pixels.valid, spec, path)


def check_classes(chip: Chip, classes: int) -> None:
    """Check that a network has a class for each label of a chip.

    Raises:
        SceneError: a label value is no class; it would else be trained on as another one.
    """
    beyond = chip.label[(chip.label >= classes) & (chip.label != IGNORE)]
    if beyond.size:
        raise SceneError(
            f"{chip.place.sample.label}: label value {beyond[0]} is not one of the {classes} classes (0 to "
            f"{classes - 1}); add labels.codes with a class for each value, or list it in labels.ignore"
        )


def _classes(
    stored: NDArray[np.generic], valid: NDArray[np.bool_], spec: LabelSpec, path: Path
) -> NDArray[np.uint8]:
    """Convert stored values to classes."""
    label = np.full(stored.shape, IGNORE, np.uint8)
    for value in np.unique(stored[valid]).tolist():
        if not float(value).is_integer():
            raise SceneError(
                f"{path}: label value {value:g} is not a whole number, so no class; give a raster of classes"
            )
        code = int(value)
        if (code == IGNORE and code not in spec.codes) or code in spec.ignore:
            continue
        if code not in spec.codes and (spec.codes or not 0 <= code < IGNORE):
            raise SceneError(
                f"{path}: label value {code} has no class; add it to labels.codes or labels.ignore"
            )
        label[valid & (stored == code)] = spec.codes.get(code, code)
    return label
