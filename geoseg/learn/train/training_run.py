"""A training from config to checkpoint."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import lightning
from torch.utils.data import DataLoader

from geoseg.errors import SceneError
from geoseg.learn.samples import Place, find_samples, places, split
from geoseg.learn.train.crops import Counting, Crops, Statistics, Wholes, Windows, class_shares
from geoseg.learn.train.plots import draw_curves, draw_worst
from geoseg.learn.train.trainer import LOGS, Trained, check_start, describe, fit, make_trainer, what_was_kept
from geoseg.learn.train.training_module import Training
from geoseg.learn.train.training_spec import TrainSpec
from geoseg.messages import note, warn
from geoseg.run_record import Progress

LOG = logging.getLogger(__name__)

PLOTTED = 100
"""Windows among which the worst are looked for."""

SCORE = "val_iou"
"""What is best when greatest."""


def train(
    spec: TrainSpec,
    folder: Path,
    progress: Progress,
    *,
    resume: bool = False,
    dealt: tuple[Sequence[Place], Sequence[Place]] | None = None,
) -> Trained:
    """Train a network.

    Args:
        spec: everything about it.
        folder: for checkpoints, logs and plots; made if need be.
        progress: is told how far it is.
        resume: go on from the last checkpoint there.
        dealt: windows to train on and to validate with instead of the split's.

    Raises:
        SceneError: the labelled set cannot be read, or is empty.
        UsageError: the network does not exist.
        RuntimeMissingError: the accelerator asked for is not there.
        OutputError: the folder cannot be written, or there is nothing to resume.
    """
    check_start(spec.loop, folder, resume=resume)
    learn, check = dealt or _dealt(spec)
    windows = Windows(spec, [band.name for band in spec.bands])
    statistics = _statistics(spec, windows, learn)
    shares = class_shares(windows, learn, len(spec.classes))
    if not shares.sum():
        raise SceneError("no training pixel is labelled")
    describe(spec, statistics, folder)
    lightning.seed_everything(spec.loop.seed, workers=True, verbose=False)
    module = Training(spec, statistics, [float(share) for share in shares])
    crops = Crops(spec, windows, learn, statistics)
    trainer, keeper = make_trainer(
        spec.loop, folder, progress, score=SCORE, validated=bool(check), resume=resume
    )
    batches = DataLoader(
        crops,
        batch_size=spec.loop.batch,
        sampler=Counting(spec.loop.samples_per_epoch or crops.per_epoch),
        num_workers=spec.loop.workers,
        drop_last=(spec.loop.samples_per_epoch or crops.per_epoch) >= spec.loop.batch,
    )
    wholes = DataLoader(Wholes(windows, check, statistics, spec.network.multiple), batch_size=1)
    fit(trainer, module, batches, wholes if check else None, folder, resume=resume)
    _draw(folder, module, Wholes(windows, check or learn[:PLOTTED], statistics, spec.network.multiple), spec)
    kept = what_was_kept(spec.loop, trainer, keeper, folder, score=SCORE, validated=bool(check))
    return Trained(
        folder=folder,
        checkpoint=kept.checkpoint,
        score=kept.score,
        epochs=trainer.current_epoch,
        train=len(learn),
        val=len(check),
    )


def _draw(folder: Path, module: Training, wholes: Wholes, spec: TrainSpec) -> None:
    """Plot the curves, and the worst of the held-out windows."""
    draw_curves(sorted(folder.glob(f"{LOGS}*/metrics.csv")), folder / "curves.svg")
    draw_worst(module.network.cpu(), wholes, min(len(wholes), PLOTTED), spec.classes, folder / "worst.png")


def _dealt(spec: TrainSpec) -> tuple[Sequence[Place], Sequence[Place]]:
    """Find and split the set."""
    found = places(find_samples(spec.data), spec.data)
    roles = split(found, spec.split)
    counts = ", ".join(f"{len(own)} {name}" for name, own in roles.items())
    note(LOG, f"windows: {counts} (split: {spec.split.kind})")
    if not roles["val"] and spec.loop.keep == "best":
        warn(LOG, "not-validated", "no part is held out for validation: the last weights are kept, unjudged")
    return roles["train"], roles["val"]


def _statistics(spec: TrainSpec, windows: Windows, learn: Sequence[Place]) -> Statistics:
    """Mean and std per band: said, or measured."""
    if spec.statistics == "scene":
        return tuple((0.0, 1.0) for _ in spec.bands)
    if all(band.mean is not None and band.std is not None for band in spec.bands):
        return tuple((band.mean or 0.0, band.std or 1.0) for band in spec.bands)
    measured = windows.training_statistics(learn)
    return tuple(
        (m if band.mean is None else band.mean, s if band.std is None else band.std)
        for band, (m, s) in zip(spec.bands, measured, strict=True)
    )
