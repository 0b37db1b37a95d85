"""What a protocol trains and scores: one job is one training, and its score on one test part."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from geoseg.learn.protocols.result_rows import ResultRow
from geoseg.learn.samples import SampleWindow
from geoseg.learn.train.training_spec import TrainSpec
from geoseg.methods.accuracy import Counts, accuracy, class_scores
from geoseg.outputs.report import Cell

Windows = tuple[SampleWindow, ...]

EDGE = 1e-6
"""Added to the union by PANGAEA, so that the IoU of an absent class is 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One training of a protocol."""

    spec: TrainSpec
    dataset: str
    setting: str
    """Of all jobs whose mean is reported, such as `10%`."""
    name: str
    """Of the job among those of its config: a folder."""
    seed: int
    training: Windows
    validation: Windows
    test: Windows
    described: Windows
    """Windows from which mean and std of the bands are measured."""
    parameters: Mapping[str, Cell] = field(default_factory=dict)
    """Columns of the result file that say what this job is, such as the region that is left out."""

    @property
    def folder(self) -> str:
        """Path of the training in the output."""
        return f"{self.spec.name}/{self.name}"


def dataset_names(specs: Sequence[TrainSpec]) -> tuple[str, ...]:
    """Return the name of each config's data set; configs that would look like seeds of one get their own."""
    names = [spec.data.layout or spec.data.root.resolve().name or spec.name for spec in specs]
    alike = [
        (name, spec.network.encoder, spec.network.architecture, spec.network.train)
        for name, spec in zip(names, specs, strict=True)
    ]
    return tuple(
        f"{name} ({spec.name})" if alike.count(key) > 1 else name
        for name, key, spec in zip(names, alike, specs, strict=True)
    )


def rows_of(job: Job, counts: Counts, facts: Mapping[str, Cell]) -> tuple[ResultRow, ...]:
    """Return the results of a job.

    All scores are of one error matrix over all test pixels. Means are over all classes of the config; the IoU
    of a class that neither occurs nor is mapped is 0, as in PANGAEA. Precision or recall without a divisor is
    left out.

    Args:
        job: the training.
        counts: (K, K) test pixels by label (rows) and mapped class (columns).
        facts: further columns.
    """
    scores = class_scores(counts)
    iou = [_defined(score.iou) for score in scores]
    f1 = [_defined(score.f1) for score in scores]
    values = {"mIoU": sum(iou) / len(iou), "mF1": sum(f1) / len(f1), "overall accuracy": accuracy(counts)}
    for entry, score in zip(job.spec.classes, scores, strict=True):
        values |= {
            f"IoU {entry.label}": _defined(score.iou),
            f"precision {entry.label}": score.precision,
            f"recall {entry.label}": score.recall,
        }
    network = job.spec.network
    return tuple(
        ResultRow(
            dataset=job.dataset,
            metric=metric,
            value=value,
            seed=job.seed,
            backbone=network.encoder,
            decoder=network.architecture,
            tuning={"full": "full_ft"}.get(network.train, network.train),
            setting=job.setting,
            parameters={**job.parameters, **facts},
        )
        for metric, value in values.items()
        if not math.isnan(value)
    )


def _defined(value: float) -> float:
    """Return a score, 0 where its divisor is 0."""
    return 0.0 if math.isnan(value) else value


def images_of(places: Sequence[SampleWindow]) -> int:
    """Return the number of images; one above 1024² pixels has several windows."""
    return len({place.sample.id for place in places})


def facts_of(job: Job) -> dict[str, Cell]:
    """Return the columns that say how a job was trained, by the names of GEO-Bench-2 where it has them."""
    spec = job.spec
    encoder = spec.described_encoder
    regions = sorted({place.sample.region for place in job.test} - {""})
    return {
        "experiment_name": spec.name,
        "sensor": spec.data.images[0].sensor or "",
        "bands": " ".join(band.name for band in spec.bands),
        "lr": spec.loop.learning_rate,
        "weight_decay": spec.loop.weight_decay,
        "batch_size": spec.loop.batch,
        "batch_size_selection": "fixed",
        "n_trials": 1,
        "early_stop_patience": spec.loop.patience,
        "epochs": spec.loop.epochs,
        "window": spec.loop.crop,
        "weights": spec.network.weights,
        "encoder_layers": "" if encoder is None else " ".join(map(str, encoder.layers)),
        "training_images": images_of(job.training),
        "validation_images": images_of(job.validation),
        "test_images": images_of(job.test),
        "test_regions": " ".join(regions),
    }
