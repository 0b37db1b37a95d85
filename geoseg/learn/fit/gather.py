"""From labels and scenes to the labelled pixels of a fit, with the features of each."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from geoseg.engine.normalise import Normaliser, scene_statistics
from geoseg.errors import SceneError, UsageError
from geoseg.learn.fit.encoder_features import PixelEncoder
from geoseg.learn.fit.features import (
    BANDS,
    EMBEDDING,
    INDEX,
    FeatureTable,
    PixelIndex,
    index_values,
    indices_of,
)
from geoseg.learn.fit.label_pixels import LabelPixels, contradicted
from geoseg.learn.fit.labels import LabelFile, classes_of, positions_of, read_labels
from geoseg.learn.fit.places import PIXELS, ground_positions, places_of
from geoseg.learn.fit.scene_pixels import LabelledScene, open_labelled, read_values
from geoseg.learn.fit.validation import Labelled
from geoseg.learn.samples.sample_spec import atmosphere_of
from geoseg.messages import counted, note, warn
from geoseg.pixels import Pixels
from geoseg.run_record import Progress
from geoseg.runtimes.choose import open_session
from geoseg.scenes import Scene
from geoseg.scenes.threshold_sample import sample
from geoseg.spec import Atmosphere, ClassSpec, InputSpec, ModelBand, Units
from geoseg.spec.fit import FitSpec
from geoseg.tasks.segment.encoded_scene import bands_in_common, check_units
from geoseg.tasks.segment.encoder_bundle import EncoderChoice, described_encoder, encoder_bundle

LOG = logging.getLogger(__name__)

BLOCK, BLOCKS = 256, 24
"""Size and number of the blocks of all scenes that give mean and standard deviation of the bands."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Gathered:
    """Labelled pixels with their features."""

    classes: tuple[ClassSpec, ...]
    background: int | None
    data: Labelled
    labels: NDArray[np.intp]
    """(n,) label of each pixel, among all labels of all files."""
    pixels: tuple[LabelPixels, ...]
    """Of each scene; the n pixels are those of the scenes one after the other."""
    positions: NDArray[np.float64]
    """(m, 3) place of each label in metres; in pixels without a CRS."""
    place_size: float
    """Size of a place in the same unit."""
    scenes: tuple[LabelledScene, ...]
    inputs: InputSpec
    """Bands with mean and standard deviation, units, reflectance and pixel size."""
    indices: tuple[PixelIndex, ...]
    encoder: PixelEncoder | None


def gather(spec: FitSpec, stack: ExitStack, progress: Progress) -> Gathered:
    """Read labels and scenes.

    Args:
        spec: the request.
        stack: closes the scenes and the encoder.
        progress: of reading.

    Raises:
        SceneError: labels or scenes cannot be read, or do not suffice: fewer than two classes, or a class of
            fewer than two places.
        ModelError: the encoder does not fit the scenes.
        RuntimeMissingError: the encoder needs a package that is missing.
    """
    files = [read_labels(path, spec.class_column) for path in (spec.labels, *spec.more_labels)]
    classes, background, order = classes_of(files)
    positions = np.concatenate([_positions(file) for file in files])
    if len({file.crs is None for file in files}) > 1:
        raise SceneError("some files of labels have a CRS and some have none; assign the missing CRS")
    scenes, units = open_labelled(spec, files, stack, progress)
    inputs = _inputs(scenes, units)
    encoder = _encoder(spec, scenes, inputs, stack)
    prepare = Normaliser(inputs)
    values, embedded, labels, used = [], [], [], []
    inside = np.unique(np.concatenate([item.pixels.labels for item in scenes]))
    own_class = positions_of(files, order)
    scenes = [_without_contradictions(item, files, own_class) for item in scenes]
    for index, item in enumerate(scenes):
        found = read_values(item.scene, item.pixels)
        seen = np.asarray(np.isfinite(found).all(axis=1), np.bool_)
        values.append(found[seen])
        used.append(item.pixels.take(seen))
        labels.append(used[-1].labels)
        if encoder is not None:
            embedded.append(encoder.features(item.scene, used[-1], prepare))
        progress(index + 1, len(scenes), "scenes")
    owners = np.concatenate(labels)
    bands = np.concatenate(values)
    _report_left_out(files, inside, owners)
    shared = sum(len(np.unique(part)) for part in labels) - len(np.unique(owners))
    if shared:
        note(LOG, f"{shared} labels lie in several scenes and are used in each of them")
    own = own_class[owners]
    size = spec.place_size or _place_size(scenes)
    places = places_of(positions, size)[owners]
    indices = indices_of(inputs_names(inputs), units)
    groups = {BANDS: bands}
    if indices:
        groups[INDEX] = index_values(bands, indices)
    if encoder is not None:
        groups[EMBEDDING] = np.concatenate(embedded)
    _require_places(classes, own, places, size, files)
    return Gathered(
        classes=classes,
        background=background,
        data=Labelled(table=FeatureTable(groups=groups), classes=own, places=places, number=len(classes)),
        labels=owners,
        pixels=tuple(used),
        positions=positions,
        place_size=size,
        scenes=tuple(scenes),
        inputs=inputs,
        indices=indices,
        encoder=encoder,
    )


def _positions(file: LabelFile) -> NDArray[np.float64]:
    """Return the places of the labels of a file; an error names the file."""
    try:
        return ground_positions(file.shapes, file.crs)
    except SceneError as error:
        raise SceneError(f"{file.path}: {error}") from error


def inputs_names(inputs: InputSpec) -> tuple[str, ...]:
    """Return the names of the bands of an input."""
    return tuple(band.name for band in inputs.bands)


def _inputs(scenes: Sequence[LabelledScene], units: Units) -> InputSpec:
    """Return bands with their statistics over all scenes, units, reflectance and pixel size."""
    most = max(1, BLOCKS // len(scenes))
    blocks: list[Pixels] = []
    for item in scenes:
        blocks += sample(item.scene, item.scene.band_names, size=BLOCK, most=most)
    names = scenes[0].scene.band_names
    sizes = [item.scene.grid.pixel_size_m[0] for item in scenes if item.scene.grid.crs is not None]
    return InputSpec(
        name="fitted",
        bands=tuple(
            ModelBand(name=name, mean=mean, std=std)
            for name, (mean, std) in zip(names, scene_statistics(blocks, names), strict=True)
        ),
        units=units,
        atmosphere=_atmosphere([item.scene for item in scenes]) if units == "reflectance" else None,
        resolution=float(np.median(sizes)) if sizes else None,
    )


def _atmosphere(scenes: Sequence[Scene]) -> Atmosphere | None:
    return atmosphere_of([scene.sensor.name if scene.sensor else None for scene in scenes])


def _place_size(scenes: Sequence[LabelledScene]) -> float:
    """Return the default size of a place: in metres, or in pixels without a CRS."""
    if scenes[0].scene.grid.crs is None:
        return float(PIXELS)
    return PIXELS * max(item.scene.grid.pixel_size_m[0] for item in scenes)


def _without_contradictions(
    item: LabelledScene, files: Sequence[LabelFile], classes: NDArray[np.intp]
) -> LabelledScene:
    """Return a scene without the pixels that have labels of two classes, which a warning counts.

    Args:
        item: the scene.
        files: the labels.
        classes: of all labels.
    """
    grid, pixels = item.scene.grid, item.pixels
    twice = contradicted(files, grid, pixels, classes)
    if not twice.any():
        return item
    count = len(np.unique(pixels.rows[twice] * grid.width + pixels.cols[twice]))
    warn(
        LOG,
        "labels-left-out",
        f"{item.scene.name}: {counted(count, 'pixel')} with labels of two classes, not used",
    )
    return replace(item, pixels=pixels.take(~twice))


def _report_left_out(files: Sequence[LabelFile], inside: NDArray[np.intp], used: NDArray[np.intp]) -> None:
    """Warn of labels outside all scenes and on pixels that were not observed or are masked.

    Raises:
        SceneError: no label is left.
    """
    number = sum(len(file.shapes) for file in files)
    left = np.unique(used)
    outside, masked = number - len(inside), len(inside) - len(left)
    reasons = [
        text
        for count, text in (
            (outside, f"{outside} outside all scenes"),
            (masked, f"{masked} on pixels that were not observed, are masked or have two classes"),
        )
        if count
    ]
    if not len(left):
        raise SceneError(
            f"{', '.join(str(file.path) for file in files)}: no label lies on an observed pixel "
            f"({', '.join(reasons)}); check nodata and masks (`--clouds none` trains on masked pixels)"
        )
    if reasons:
        count = f"{number - len(left)} of {counted(number, 'label')}"
        warn(LOG, "labels-left-out", f"{count} not used: {', '.join(reasons)}")


def _require_places(
    classes: Sequence[ClassSpec],
    own: NDArray[np.intp],
    places: NDArray[np.intp],
    size: float,
    files: Sequence[LabelFile],
) -> None:
    """Raise SceneError where a class has fewer than two places."""
    where = ", ".join(str(file.path) for file in files)
    present = [len(np.unique(places[own == index])) for index in range(len(classes))]
    few = [f"{item.label} ({count})" for item, count in zip(classes, present, strict=True) if count < 2]
    if few:
        raise SceneError(
            f"{where}: fewer than two places of {', '.join(few[:6])}: the score leaves places out, and "
            f"labels within {size:.3g} m of each other are one place; label each class at two places or more "
            "that are farther apart, or give a smaller `--place-size`"
        )


def _encoder(
    spec: FitSpec, scenes: Sequence[LabelledScene], inputs: InputSpec, stack: ExitStack
) -> PixelEncoder | None:
    """Return the encoder of `--encoder`; None without one."""
    if spec.encoder is None:
        if spec.weights != "auto":
            raise UsageError("`--weights` are those of an encoder; add `--encoder NAME`")
        return None
    first = scenes[0].scene
    known = described_encoder(spec.encoder)
    bands = bands_in_common(known, first.name, first.band_names)
    check_units(known, first, bands, "fit without an encoder")
    bundle = encoder_bundle(
        EncoderChoice(name=spec.encoder, weights=spec.weights), bands, gsd=inputs.resolution
    )
    model = bundle.model
    opened = open_session(model, device="cpu", precision="fp32", tile=model.tile)
    stack.callback(opened.session.close)
    note(LOG, f"licence of encoder {spec.encoder}: {known.licence}")
    return PixelEncoder(model=model, session=opened.session, bands=inputs.bands)
