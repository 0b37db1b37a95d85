"""Maps of labelled scenes, made by the code behind the mapping commands, and read back."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray

from geoseg.change.change_map import map_change
from geoseg.errors import UsageError
from geoseg.flood.flood_map import map_flood
from geoseg.grid import Grid
from geoseg.learn.evaluate.score_calibration import Reliability, reliability
from geoseg.learn.evaluate.subjects import Subject
from geoseg.learn.samples import IGNORE, Place, Sample
from geoseg.learn.samples.chips import opened_image, read_label, scene_spec
from geoseg.learn.train.training_spec import TrainSpec
from geoseg.messages import held
from geoseg.methods.accuracy import Counts, count
from geoseg.pixels import Classes, nodata_class
from geoseg.run_record import Progress
from geoseg.segment.segmentation_map import map_segments
from geoseg.spec import ChangeSpec, FloodSpec, RunSpec, SegmentSpec


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Verdict:
    """One labelled scene against its map."""

    sample: Sample
    counts: Counts
    reliability: Reliability
    unseen: int
    """Labelled pixels that the scene did not show; they do not count."""
    map: Path
    """Class raster."""


def judge(
    subject: Subject, places: Sequence[Place], spec: TrainSpec, folder: Path, progress: Progress
) -> tuple[Verdict, ...]:
    """Map every scene with a subject and compare the maps with the labels.

    Args:
        subject: what makes the maps.
        places: windows that count; the scenes are mapped whole.
        spec: says how scenes are opened and what labels mean.
        folder: for the maps.
        progress: is told how far it is.

    Raises:
        GeosegError: a scene cannot be mapped.
    """
    by_sample: dict[Sample, list[Place]] = {}
    for place in places:
        by_sample.setdefault(place.sample, []).append(place)
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for done, (sample, own) in enumerate(by_sample.items(), start=1):
        path = folder / f"{sample.id.replace('/', '_')}.tif"
        draw(subject, sample, spec, path)
        found.append(_compare(sample, own, spec, path))
        progress(done, len(by_sample), "scenes")
    return tuple(found)


def draw(subject: Subject, sample: Sample, spec: TrainSpec, raster: Path) -> None:
    """Map a sample as the command line would: classes to `raster`, scores beside it."""
    scene, *before = (
        scene_spec(path, image) for path, image in zip(sample.images, spec.data.images, strict=True)
    )
    run = RunSpec(
        output=raster.with_suffix(".gpkg"), raster=raster, scores=scores_path(raster), overwrite=True
    )
    with warnings.catch_warnings(), held():
        warnings.simplefilter("ignore")
        if spec.task == "flood":
            request = {"scene": scene, "run": run, "before": tuple(before), "model": subject.model}
            map_flood(FloodSpec.model_validate({**request, **subject.options}))
        elif spec.task == "change":
            request = {"before": scene, "after": before[0], "run": run, "model": subject.model}
            map_change(ChangeSpec.model_validate({**request, **subject.options}))
        elif subject.model is not None and not before:
            map_segments(SegmentSpec(scene=scene, run=run, model=subject.model))
        else:
            raise UsageError(f"task {spec.task}: only networks of one date are evaluated; say --model")
    run.output.unlink()


def scores_path(raster: Path) -> Path:
    """Where the scores of a map lie."""
    return raster.with_name(f"{raster.stem}_scores.tif")


def _compare(sample: Sample, places: Sequence[Place], spec: TrainSpec, path: Path) -> Verdict:
    """Count right and wrong pixels of the windows that count."""
    mapped = classes_of(path, spec)
    scores = read_band(scores_path(path))
    label = whole_label(sample, spec)
    count_here = np.zeros(label.shape, np.bool_)
    for place in places:
        window = place.window
        count_here[window.row : window.stop_row, window.col : window.stop_col] = True
    label = np.where(count_here, label, IGNORE).astype(np.uint8)
    seen = (label != IGNORE) & (mapped != IGNORE)
    return Verdict(
        sample=sample,
        counts=count(label, mapped, len(spec.classes)),
        reliability=reliability(scores[seen], label[seen] == mapped[seen]),
        unseen=int(((label != IGNORE) & (mapped == IGNORE)).sum()),
        map=path,
    )


def whole_label(sample: Sample, spec: TrainSpec) -> NDArray[np.uint8]:
    """(H, W) classes 0..K-1 of a sample on its image's grid; `IGNORE` where nothing is said."""
    with opened_image(sample.images[0], spec.data.images[0]) as scene:
        grid: Grid = scene.select(_own_bands(spec)).grid
    return read_label(sample.label, spec.data.labels, grid, grid.window)


def _own_bands(spec: TrainSpec) -> tuple[str, ...]:
    return tuple(band.name for band in spec.bands if ":" not in band.name)


def classes_of(path: Path, spec: TrainSpec) -> NDArray[np.uint8]:
    """(H, W) classes 0..K-1 of a map, `IGNORE` where not observed.

    Of two classes and one date, whatever is not background is the second: all of it is water. Of two dates,
    permanent water is no flood, and every transition is change.
    """
    values = read_band(path)
    mapped = np.full(values.shape, IGNORE, np.uint8)
    for index, entry in enumerate(spec.classes):
        mapped[values == entry.value] = index
    if len(spec.classes) == 2:
        rest = 0 if spec.task == "flood" and len(spec.data.images) == 2 else 1
        mapped[(mapped == IGNORE) & (values != nodata_class(values.dtype))] = rest
    return mapped


def read_band(path: Path) -> Classes:
    """(H, W) of a raster of classes or scores."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(path) as dataset:
            values: Classes = dataset.read(1)
    return values
