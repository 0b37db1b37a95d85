"""Map labelled scenes with the functions of the mapping commands, and compare the maps with the labels."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray

from geoseg.errors import UsageError
from geoseg.grid import Grid
from geoseg.learn.evaluate.score_calibration import Reliability, reliability
from geoseg.learn.evaluate.subjects import Subject
from geoseg.learn.samples import IGNORE, Sample, SampleWindow
from geoseg.learn.samples.chips import opened_image, read_label, scene_spec, stacked_source
from geoseg.learn.train.training_spec import TrainSpec
from geoseg.messages import held
from geoseg.methods.accuracy import Counts, count
from geoseg.methods.trivial_rules import TrivialRule
from geoseg.pixels import Classes, nodata_class
from geoseg.run_record import Progress
from geoseg.scenes.further_layers import layer_bands
from geoseg.spec import ChangeSpec, FloodSpec, RunSpec, SegmentSpec
from geoseg.tasks.change.change_map import map_change
from geoseg.tasks.flood.flood_map import map_flood
from geoseg.tasks.segment.segmentation_map import map_segments


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SceneAccuracy:
    """The comparison of the map of a scene with its label."""

    sample: Sample
    counts: Counts
    """(K, K) pixels by label (rows) and mapped class (columns)."""
    reliability: Reliability
    unobserved: int
    """Labelled pixels that the scene did not observe; they are not in `counts`."""
    map: Path | None
    """The class raster; None: it was not kept."""


def map_and_compare(
    subject: Subject, places: Sequence[SampleWindow], spec: TrainSpec, folder: Path, progress: Progress
) -> tuple[SceneAccuracy, ...]:
    """Map scenes with a model or method, and compare the maps with the labels.

    Args:
        subject: the model or method.
        places: windows to compare; the whole scene of each window is mapped.
        spec: the config of the labelled set.
        folder: for the maps.
        progress: receives the number of scenes done.

    Raises:
        GeosegError: a scene cannot be mapped.
    """
    by_sample = _by_sample(places)
    folder.mkdir(parents=True, exist_ok=True)
    scenes = []
    for done, (sample, windows) in enumerate(by_sample.items(), start=1):
        path = folder / f"{sample.id.replace('/', '_')}.tif"
        map_sample(subject, sample, spec, path)
        label = _compared_label(sample, windows, spec)
        mapped, scores = map_classes(path, spec), read_band(scores_path(path))
        scenes.append(_compare(sample, label, mapped, scores, len(spec.classes), path))
        progress(done, len(by_sample), "scenes")
    return tuple(scenes)


def compare_rules(
    rules: Sequence[TrivialRule], places: Sequence[SampleWindow], spec: TrainSpec, progress: Progress
) -> tuple[tuple[SceneAccuracy, ...], ...]:
    """Map scenes with each trivial rule, and compare the maps, which are not kept, with the labels."""
    by_sample = _by_sample(places) if rules else {}
    bands = [band.name for band in spec.bands]
    scenes: list[list[SceneAccuracy]] = [[] for _ in rules]
    for done, (sample, windows) in enumerate(by_sample.items(), start=1):
        with stacked_source(sample, spec.data, bands) as source:
            values = source.read(source.grid.window, bands).physical()
        label = _compared_label(sample, windows, spec)
        sure = np.full(label.shape, 255, np.uint8)
        for rule, found in zip(rules, scenes, strict=True):
            mapped = rule.classes(dict(zip(bands, values, strict=True)))
            found.append(_compare(sample, label, mapped, sure, 2, None))
        progress(done, len(by_sample), "scenes")
    return tuple(map(tuple, scenes))


def _by_sample(places: Sequence[SampleWindow]) -> dict[Sample, list[SampleWindow]]:
    by_sample: dict[Sample, list[SampleWindow]] = {}
    for place in places:
        by_sample.setdefault(place.sample, []).append(place)
    return by_sample


def map_sample(subject: Subject, sample: Sample, spec: TrainSpec, raster: Path) -> None:
    """Map a sample as the command line does; classes are written to `raster`, scores to `scores_path`."""
    paths = dict(zip((image.prefix for image in spec.data.images), sample.images, strict=True))
    scene, *before = (scene_spec(paths[image.prefix], image) for image in spec.mapped_images)
    layers = dict(zip(spec.data.layers, map(str, sample.layers), strict=True)) if subject.model else {}
    run = RunSpec(
        output=raster.with_suffix(".gpkg"), raster=raster, scores=scores_path(raster), overwrite=True
    )
    with warnings.catch_warnings(), held():
        warnings.simplefilter("ignore")
        if spec.task == "flood":
            request = {
                "scene": scene,
                "run": run,
                "before": tuple(before),
                "model": subject.model,
                "layer": layers,
            }
            map_flood(FloodSpec.model_validate({**request, **subject.options}))
        elif spec.task == "change":
            request = {
                "before": scene,
                "after": before[0],
                "run": run,
                "model": subject.model,
                "layer": layers,
            }
            map_change(ChangeSpec.model_validate({**request, **subject.options}))
        elif subject.model is not None and not before:
            map_segments(SegmentSpec(scene=scene, run=run, model=subject.model, layer=layers))
        else:
            raise UsageError(
                f"task {spec.task}: only networks for one date can be evaluated; give one with `--model`"
            )
    run.output.unlink()


def scores_path(raster: Path) -> Path:
    """Return the path of the scores of a map."""
    return raster.with_name(f"{raster.stem}_scores.tif")


def _compared_label(sample: Sample, places: Sequence[SampleWindow], spec: TrainSpec) -> NDArray[np.uint8]:
    """Return the (H, W) label of a sample; `IGNORE` outside the windows."""
    label = sample_label(sample, spec)
    compared = np.zeros(label.shape, np.bool_)
    for place in places:
        window = place.window
        compared[window.row : window.stop_row, window.col : window.stop_col] = True
    return np.where(compared, label, IGNORE).astype(np.uint8)


def _compare(
    sample: Sample,
    label: NDArray[np.uint8],
    mapped: NDArray[np.uint8],
    scores: Classes,
    classes: int,
    path: Path | None,
) -> SceneAccuracy:
    """Compare the classes (H, W) of a map, and their scores in 255ths, with a label."""
    observed = (label != IGNORE) & (mapped != IGNORE)
    return SceneAccuracy(
        sample=sample,
        counts=count(label, mapped, classes),
        reliability=reliability(scores[observed], label[observed] == mapped[observed]),
        unobserved=int(((label != IGNORE) & (mapped == IGNORE)).sum()),
        map=path,
    )


def sample_label(sample: Sample, spec: TrainSpec) -> NDArray[np.uint8]:
    """Return the (H, W) classes 0..K-1 of a label on the grid of the image; `IGNORE` without a class."""
    with opened_image(sample.images[0], spec.data.images[0]) as scene:
        beside = layer_bands(spec.data.layers)
        own = (band.name for band in spec.bands if ":" not in band.name and band.name not in beside)
        grid: Grid = scene.select(tuple(own)).grid
    return read_label(sample.label, spec.data.labels, grid, grid.window)


def map_classes(path: Path, spec: TrainSpec) -> NDArray[np.uint8]:
    """Return the (H, W) classes 0..K-1 of a map; `IGNORE` where not observed.

    With two classes and one date, every class that is not background counts as the second class, for example
    permanent water as water. With two dates, permanent water is not flood, and every transition is change.
    """
    values = read_band(path)
    mapped = np.full(values.shape, IGNORE, np.uint8)
    for index, entry in enumerate(spec.classes):
        mapped[values == entry.value] = index
    if len(spec.classes) == 2:
        rest = 0 if spec.task == "flood" and len(spec.mapped_images) == 2 else 1
        mapped[(mapped == IGNORE) & (values != nodata_class(values.dtype))] = rest
    return mapped


def read_band(path: Path) -> Classes:
    """Read a raster (H, W) of classes or scores."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(path) as dataset:
            values: Classes = dataset.read(1)
    return values
