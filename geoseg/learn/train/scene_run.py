"""A scene classifier from config to checkpoint."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import lightning
import numpy as np
from torch.utils.data import DataLoader

from geoseg.errors import SceneError
from geoseg.learn.samples.labelled_sites import Site, by_role, find_sites, truth_of
from geoseg.learn.train.crops import Counting
from geoseg.learn.train.plots import draw_curves
from geoseg.learn.train.scene_module import SceneTraining
from geoseg.learn.train.scene_sites import Footprints, SceneSites
from geoseg.learn.train.scene_spec import SceneTrainSpec
from geoseg.learn.train.trainer import LOGS, Trained, check_start, describe, fit, make_trainer, what_was_kept
from geoseg.messages import note, warn
from geoseg.run_record import Progress

LOG = logging.getLogger(__name__)

SCORE = "val_ap"
"""What is best when greatest: mean average precision."""

HEAVIEST = 100.0
"""Weight of positives at most where they are `balanced`."""


def train_classifier(
    spec: SceneTrainSpec, folder: Path, progress: Progress, *, resume: bool = False
) -> Trained:
    """Train a scene classifier.

    Args:
        spec: everything about it.
        folder: for checkpoints, logs and plots; made if need be.
        progress: is told how far it is.
        resume: go on from the last checkpoint there.

    Raises:
        SceneError: the sites cannot be read, or none is to be trained on.
        UsageError: the network does not exist.
        RuntimeMissingError: the accelerator asked for is not there.
        OutputError: the folder cannot be written, or there is nothing to resume.
    """
    check_start(spec.loop, folder, resume=resume)
    sites = find_sites(spec.data, spec.sensors, spec.classes)
    learn, check = by_role(sites, "train"), by_role(sites, "val")
    if not learn:
        raise SceneError(f"{spec.data.root / spec.data.table}: no site is to be trained on (split: train)")
    _tell(spec, sites, learn, check)
    footprints = Footprints(spec)
    statistics = footprints.statistics(learn)
    describe(spec, statistics, folder)
    lightning.seed_everything(spec.loop.seed, workers=True, verbose=False)
    module = SceneTraining(spec, positive_weights(spec, learn))
    # Without a positive there is nothing to rank, so no weights are better than others.
    judged = bool(truth_of(check).any())
    trainer, keeper = make_trainer(spec.loop, folder, progress, score=SCORE, validated=judged, resume=resume)
    per_epoch = spec.loop.samples_per_epoch or len(learn)
    batches = DataLoader(
        SceneSites(spec, footprints, learn, statistics, augmented=True),
        batch_size=spec.loop.batch,
        sampler=Counting(per_epoch),
        num_workers=spec.loop.workers,
        drop_last=per_epoch >= spec.loop.batch,
    )
    held_out = DataLoader(
        SceneSites(spec, footprints, check, statistics, augmented=False), batch_size=spec.loop.batch
    )
    fit(trainer, module, batches, held_out if judged else None, folder, resume=resume)
    draw_curves(sorted(folder.glob(f"{LOGS}*/metrics.csv")), folder / "curves.svg")
    kept = what_was_kept(spec.loop, trainer, keeper, folder, score=SCORE, validated=judged)
    return Trained(
        folder=folder,
        checkpoint=kept.checkpoint,
        score=kept.score,
        epochs=trainer.current_epoch,
        train=len(learn),
        val=len(check),
    )


def positive_weights(spec: SceneTrainSpec, learn: Sequence[Site]) -> tuple[float, ...] | None:
    """Return how much positives of each class count, as the config says."""
    weights = spec.loss.positive_weights
    if weights != "balanced":
        return weights
    there = truth_of(learn).sum(axis=0)
    ratio = (len(learn) - there) / np.maximum(there, 1)
    return tuple(float(value) for value in np.clip(ratio, 1 / HEAVIEST, HEAVIEST))


def _tell(spec: SceneTrainSpec, sites: Sequence[Site], learn: Sequence[Site], check: Sequence[Site]) -> None:
    """Say what there is to learn from, and warn of what is missing."""
    held = len(sites) - len(learn) - len(check)
    note(LOG, f"sites: {len(learn)} train, {len(check)} val, {held} test")
    for index, sensor in enumerate(spec.sensors):
        images = sum(site.files[index] is not None for site in learn)
        if images < len(learn):
            note(LOG, f"{sensor.name}: {images} of {len(learn)} training sites have an image of it")
    for entry, count in zip(spec.classes, truth_of(learn).sum(axis=0), strict=True):
        if not count:
            warn(
                LOG,
                "class-without-samples",
                f"no training site is of class {entry.label!r}: it cannot be learnt",
            )
    if not truth_of(check).any() and spec.loop.keep == "best":
        what = "no site held out for validation is of any class" if check else "no site is held out"
        warn(LOG, "not-validated", f"{what}: the last weights are kept, unjudged")
