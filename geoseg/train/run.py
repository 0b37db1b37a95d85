"""A training from config to checkpoint."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import lightning
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint, WeightAveraging
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from torch import Tensor
from torch.utils.data import DataLoader

from geoseg.errors import OutputError, RuntimeMissingError, SceneError
from geoseg.report import Reporter
from geoseg.samples import Place, find_samples, places, split
from geoseg.train.crops import Counting, Crops, Statistics, Wholes, Windows, class_shares
from geoseg.train.module import Training
from geoseg.train.plots import draw_curves, draw_worst
from geoseg.train.spec import TrainSpec

CHECKPOINTS, LOGS = "checkpoints", "logs"
BEST, LAST = "best", "last"
"""Checkpoints: the best on `val`, and the last epoch's."""

DESCRIPTION = "training.json"
"""The config as used, with the statistics that were measured."""

PLOTTED = 100
"""Windows among which the worst are looked for."""

VALIDATIONS = 40
"""About how often a training is validated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What came of a training."""

    folder: Path
    checkpoint: Path
    score: float | None
    """IoU on `val` of the weights kept; None without `val`."""
    epochs: int
    train: int
    """Windows."""
    val: int


class Telling(Callback):
    """Tells a reporter how far a training is."""

    def __init__(self, reporter: Reporter) -> None:
        """Tell this one."""
        self._reporter = reporter

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: object) -> None:
        """One step further."""
        self._reporter.progress(trainer.global_step, int(trainer.estimated_stepping_batches), "steps")


def train(
    spec: TrainSpec,
    folder: Path,
    reporter: Reporter,
    *,
    resume: bool = False,
    dealt: tuple[Sequence[Place], Sequence[Place]] | None = None,
) -> Trained:
    """Train a network.

    Args:
        spec: everything about it.
        folder: for checkpoints, logs and plots; made if need be.
        reporter: hears how far it is.
        resume: go on from the last checkpoint there.
        dealt: windows to train on and to validate with instead of the split's.

    Raises:
        SceneError: the labelled set cannot be read, or is empty.
        UsageError: the network does not exist.
        RuntimeMissingError: the accelerator asked for is not there.
        OutputError: the folder cannot be written, or there is nothing to resume.
    """
    last = folder / CHECKPOINTS / f"{LAST}.ckpt"
    if resume and not last.is_file():
        raise OutputError(f"{folder}: holds no checkpoint to resume from")
    if spec.loop.accelerator == "gpu" and not torch.cuda.is_available():
        raise RuntimeMissingError("loop.accelerator: gpu, but torch sees no GPU; say auto or cpu")
    learn, check = dealt or _dealt(spec, reporter)
    windows = Windows(spec, [band.name for band in spec.bands])
    statistics = _statistics(spec, windows, learn)
    shares = class_shares(windows, learn, len(spec.classes))
    if not shares.sum():
        raise SceneError("no training pixel is labelled")
    _describe(spec, statistics, folder)
    lightning.seed_everything(spec.loop.seed, workers=True, verbose=False)
    module = Training(spec, statistics, [float(share) for share in shares])
    crops = Crops(spec, windows, learn, statistics)
    trainer, keeper = _trainer(spec, folder, reporter, validated=bool(check), resume=resume)
    batches = DataLoader(
        crops,
        batch_size=spec.loop.batch,
        sampler=Counting(spec.loop.samples_per_epoch or crops.per_epoch),
        num_workers=spec.loop.workers,
        drop_last=(spec.loop.samples_per_epoch or crops.per_epoch) >= spec.loop.batch,
    )
    wholes = DataLoader(Wholes(windows, check, statistics, spec.network.multiple), batch_size=1)
    with warnings.catch_warnings():
        # Lightning advises more workers and other intervals; what is best here was decided in the config.
        warnings.simplefilter("ignore")
        trainer.fit(module, batches, wholes if check else None, ckpt_path=last if resume else None)
    _draw(folder, module, Wholes(windows, check or learn[:PLOTTED], statistics, spec.network.multiple), spec)
    chosen = spec.loop.keep == "best" and bool(check)
    score = keeper.best_model_score if chosen else trainer.callback_metrics.get("val_iou")
    return Trained(
        folder=folder,
        checkpoint=folder / CHECKPOINTS / f"{BEST if chosen else LAST}.ckpt",
        score=None if score is None or not check else float(score),
        epochs=trainer.current_epoch,
        train=len(learn),
        val=len(check),
    )


def _draw(folder: Path, module: Training, wholes: Wholes, spec: TrainSpec) -> None:
    """Plot the curves, and the worst of the held-out windows."""
    draw_curves(sorted(folder.glob(f"{LOGS}*/metrics.csv")), folder / "curves.svg")
    draw_worst(module.network.cpu(), wholes, min(len(wholes), PLOTTED), spec.classes, folder / "worst.png")


def _dealt(spec: TrainSpec, reporter: Reporter) -> tuple[Sequence[Place], Sequence[Place]]:
    """Find and split the set."""
    found = places(find_samples(spec.data), spec.data)
    roles = split(found, spec.split)
    counts = ", ".join(f"{len(own)} {name}" for name, own in roles.items())
    reporter.note(f"windows: {counts} (split: {spec.split.kind})")
    if not roles["val"] and spec.loop.keep == "best":
        reporter.warn("no part is held out for validation: the last weights are kept, unjudged")
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


def _describe(spec: TrainSpec, statistics: Statistics, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        text = {"spec": spec.model_dump(mode="json"), "statistics": statistics}
        (folder / DESCRIPTION).write_text(json.dumps(text, indent=1), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written: {error.strerror}") from error


def _average(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """A moving average that forgets fast at first, when weights are still far from where they end."""

    def average(kept: Tensor, current: Tensor, seen: Tensor | int) -> Tensor:
        now = min(decay, (1 + int(seen)) / (10 + int(seen)))
        return kept + (current - kept) * (1 - now)

    return average


def _trainer(
    spec: TrainSpec, folder: Path, reporter: Reporter, *, validated: bool, resume: bool
) -> tuple[lightning.Trainer, ModelCheckpoint]:
    """Lightning's loop with what the config asks for."""
    loop = spec.loop
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    every = max(1, loop.epochs // VALIDATIONS)
    # Two of them: Lightning's own "last" is written only where the score went up.
    keepers = [
        ModelCheckpoint(
            folder / CHECKPOINTS,
            filename=name,
            monitor="val_iou" if name == BEST else None,
            mode="max",
            save_on_train_epoch_end=name == LAST,
            enable_version_counter=False,
        )
        for name in ((BEST, LAST) if validated else (LAST,))
    ]
    callbacks: list[Callback] = [Telling(reporter), *keepers]
    if loop.average:
        callbacks.append(WeightAveraging(use_buffers=True, avg_fn=_average(loop.average)))
    if loop.patience and validated:
        callbacks.append(EarlyStopping("val_iou", patience=max(1, loop.patience // every), mode="max"))
    # A log of its own for every time a training goes on: Lightning would empty the one that is there.
    before = len(list(folder.glob(f"{LOGS}*")))
    logs = f"{LOGS}-{before + 1}" if resume and before else LOGS
    loggers: list[Logger] = [
        CSVLogger(folder, name="", version=logs),
        TensorBoardLogger(folder, name="", version=logs),
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = lightning.Trainer(
            max_epochs=loop.epochs,
            accelerator=loop.accelerator,
            devices=loop.devices if torch.cuda.is_available() else 1,
            precision=loop.precision,
            callbacks=callbacks,
            logger=loggers,
            enable_progress_bar=False,
            enable_model_summary=False,
            check_val_every_n_epoch=every,
            num_sanity_val_steps=0,
            log_every_n_steps=1,
        )
    return trainer, keepers[0]
