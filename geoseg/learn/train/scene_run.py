"""Train a scene classifier from a config."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import lightning
import numpy as np
from torch.utils.data import DataLoader

from geoseg.errors import SceneError
from geoseg.learn.samples.labelled_sites import Site, by_role, find_sites, site_classes
from geoseg.learn.train.crops import CountingSampler
from geoseg.learn.train.scene_module import ClassifierModule
from geoseg.learn.train.scene_sites import Footprints, SceneSites
from geoseg.learn.train.scene_spec import SceneTrainSpec
from geoseg.learn.train.trainer import Trained, check_start, fit, write_description
from geoseg.learn.train.training_output import training_output
from geoseg.messages import note, warn
from geoseg.run_record import Progress

LOG = logging.getLogger(__name__)

SCORE = "val_ap"
"""Logged score by which the best weights are chosen: mean average precision."""

MAX_POSITIVE_WEIGHT = 100.0
"""Greatest `balanced` weight of positives; its inverse is the least."""


def train_classifier(
    spec: SceneTrainSpec, folder: Path, progress: Progress, *, resume: bool = False
) -> Trained:
    """Train a scene classifier.

    Args:
        spec: the config.
        folder: for checkpoints, logs and plots; created if missing.
        progress: receives the number of steps done.
        resume: whether to continue from the last checkpoint in the folder.

    Raises:
        SceneError: the sites cannot be read, or no site is assigned to training.
        UsageError: the network does not exist.
        RuntimeMissingError: the requested accelerator is not available.
        OutputError: the folder cannot be written, or has no checkpoint to resume from.
    """
    check_start(spec.loop, folder, resume=resume)
    with training_output(folder, resume=resume):
        return _train(spec, folder, progress, resume=resume)


def _train(spec: SceneTrainSpec, folder: Path, progress: Progress, *, resume: bool) -> Trained:
    """Train a classifier and write its folder; for the arguments see `train_classifier`."""
    sites = find_sites(spec.data, spec.sensors, spec.classes)
    training, validation = by_role(sites, "train"), by_role(sites, "val")
    if not training:
        raise SceneError(f"{spec.data.root / spec.data.table}: no site has the split train")
    _report_sites(spec, sites, training, validation)
    footprints = Footprints(spec)
    statistics = footprints.statistics(training)
    write_description(spec, statistics, folder)
    lightning.seed_everything(spec.loop.seed, workers=True, verbose=False)
    module = ClassifierModule(spec, positive_weights(spec, training))
    # Average precision is undefined without a positive site.
    validated = bool(site_classes(validation).any())
    per_epoch = spec.loop.samples_per_epoch or len(training)
    batches = DataLoader(
        SceneSites(spec, footprints, training, statistics, augmented=True),
        batch_size=spec.loop.batch,
        sampler=CountingSampler(per_epoch),
        num_workers=spec.loop.workers,
        drop_last=per_epoch >= spec.loop.batch,
    )
    held_out = DataLoader(
        SceneSites(spec, footprints, validation, statistics, augmented=False), batch_size=spec.loop.batch
    )
    return fit(
        spec.loop,
        module,
        (batches, held_out if validated else None),
        folder,
        progress,
        counts=(len(training), len(validation)),
        score=SCORE,
        resume=resume,
    )


def positive_weights(spec: SceneTrainSpec, training: Sequence[Site]) -> tuple[float, ...] | None:
    """Return the weight of positives of each class; None: the same as of negatives."""
    weights = spec.loss.positive_weights
    if weights != "balanced":
        return weights
    positives = site_classes(training).sum(axis=0)
    ratio = (len(training) - positives) / np.maximum(positives, 1)
    return tuple(float(value) for value in np.clip(ratio, 1 / MAX_POSITIVE_WEIGHT, MAX_POSITIVE_WEIGHT))


def _report_sites(
    spec: SceneTrainSpec, sites: Sequence[Site], training: Sequence[Site], validation: Sequence[Site]
) -> None:
    """Report the number of sites and images, and warn of missing classes and validation sites."""
    test = len(sites) - len(training) - len(validation)
    note(LOG, f"sites: {len(training)} train, {len(validation)} val, {test} test")
    for index, sensor in enumerate(spec.sensors):
        images = sum(site.files[index] is not None for site in training)
        if images < len(training):
            note(
                LOG, f"{sensor.name}: {images} of {len(training)} training sites have an image of this sensor"
            )
    for entry, count in zip(spec.classes, site_classes(training).sum(axis=0), strict=True):
        if not count:
            warn(
                LOG,
                "class-without-samples",
                f"no training site has the class {entry.label!r}: the network cannot learn it",
            )
    if not site_classes(validation).any() and spec.loop.keep == "best":
        what = "no validation site has a class" if validation else "no site is assigned to validation"
        warn(LOG, "not-validated", f"{what}: the last weights are used and were not validated")
