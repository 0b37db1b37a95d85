"""Run a training with Lightning: loop, checkpoints, logs and the description of the training."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint, WeightAveraging
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from torch import Tensor
from torch.utils.data import DataLoader

from geoseg.errors import OutputError, RuntimeMissingError
from geoseg.files.output_files import write_report
from geoseg.learn.train import LAST_CHECKPOINT
from geoseg.learn.train.plots import draw_curves
from geoseg.learn.train.training_spec import PaceSpec
from geoseg.run_record import Progress
from geoseg.spec import Spec

CHECKPOINTS, LOGS = LAST_CHECKPOINT.parent, "logs"
BEST, LAST = "best", LAST_CHECKPOINT.stem
"""Names of the checkpoints: the best on `val`, and that of the last epoch."""

DESCRIPTION = "training.json"
"""File with the config that the training used and the measured statistics."""

VALIDATIONS = 40
"""Approximate number of validations in a training."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """The result of a training."""

    folder: Path
    checkpoint: Path
    score: float | None
    """IoU or mean average precision of the checkpoint on `val`; None without `val`."""
    epochs: int
    train: int
    """Windows or sites."""
    val: int


class ReportProgress(Callback):
    """Report the number of steps done."""

    def __init__(self, progress: Progress) -> None:
        """Report to a progress function."""
        self._progress = progress

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: object) -> None:
        """Report the step."""
        self._progress(trainer.global_step, int(trainer.estimated_stepping_batches), "steps")


def check_start(loop: PaceSpec, folder: Path, *, resume: bool) -> None:
    """Check that a training can start.

    Raises:
        OutputError: the folder has no checkpoint to resume from.
        RuntimeMissingError: the requested accelerator is not available.
    """
    if resume and not (folder / LAST_CHECKPOINT).is_file():
        how = "with `--overwrite` in place of `--resume`" if folder.exists() else "without `--resume`"
        raise OutputError(f"{folder}: no checkpoint to resume from; start the training {how}")
    if loop.accelerator == "gpu" and not torch.cuda.is_available():
        raise RuntimeMissingError("loop.accelerator is gpu, but torch has no GPU; set it to auto or cpu")


def write_description(spec: Spec, statistics: Any, folder: Path) -> None:
    """Write the config and the measured statistics into the folder of a training.

    Raises:
        OutputError: the folder cannot be written.
    """
    table = {"spec": spec.model_dump(mode="json"), "statistics": statistics}
    write_report(folder, {DESCRIPTION: json.dumps(table, indent=1)})


def fit(
    loop: PaceSpec,
    module: lightning.LightningModule,
    loaders: tuple[DataLoader[Any], DataLoader[Any] | None],
    folder: Path,
    progress: Progress,
    *,
    counts: tuple[int, int],
    score: str,
    resume: bool,
) -> Trained:
    """Train a module, draw its curves, and return the checkpoint to use.

    Args:
        loop: duration, learning rate and hardware.
        module: the network with its loss.
        loaders: batches for training and for validation; None: no validation.
        folder: for checkpoints, logs and plots.
        progress: receives the number of steps done.
        counts: number of windows or sites for training and for validation.
        score: name of the logged validation score, best when greatest.
        resume: whether to continue from the last checkpoint in the folder.
    """
    validated = loaders[1] is not None
    trainer, best = _make_trainer(loop, folder, progress, score=score, validated=validated, resume=resume)
    last = folder / LAST_CHECKPOINT
    with warnings.catch_warnings():
        # Lightning recommends more workers and other intervals than the config sets.
        warnings.simplefilter("ignore")
        trainer.fit(module, *loaders, ckpt_path=last if resume else None)
    draw_curves(sorted(folder.glob(f"{LOGS}*/metrics.csv")), folder / "curves.svg")
    use_best = loop.keep == "best" and validated
    value = best.best_model_score if use_best else trainer.callback_metrics.get(score)
    return Trained(
        folder=folder,
        checkpoint=folder / CHECKPOINTS / f"{BEST if use_best else LAST}.ckpt",
        score=None if value is None or not validated else float(value),
        epochs=trainer.current_epoch,
        train=counts[0],
        val=counts[1],
    )


def _average(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """Return a moving average of weights whose decay rises to its final value over the first steps."""

    def average(mean: Tensor, current: Tensor, steps: Tensor | int) -> Tensor:
        now = min(decay, (1 + int(steps)) / (10 + int(steps)))
        return mean + (current - mean) * (1 - now)

    return average


def _make_trainer(
    loop: PaceSpec, folder: Path, progress: Progress, *, score: str, validated: bool, resume: bool
) -> tuple[lightning.Trainer, ModelCheckpoint]:
    """Return the Lightning trainer of a config and its checkpoint callback; for the arguments see `fit`."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    every = min(loop.validate_every or max(1, loop.epochs // VALIDATIONS), loop.epochs)
    # Two callbacks: the "last" checkpoint of Lightning is written only when the score improves.
    savers = [
        ModelCheckpoint(
            folder / CHECKPOINTS,
            filename=name,
            monitor=score if name == BEST else None,
            mode="max",
            save_on_train_epoch_end=name == LAST,
            enable_version_counter=False,
        )
        for name in ((BEST, LAST) if validated else (LAST,))
    ]
    callbacks: list[Callback] = [ReportProgress(progress), *savers]
    if loop.average:
        callbacks.append(WeightAveraging(use_buffers=True, avg_fn=_average(loop.average)))
    if loop.patience and validated:
        callbacks.append(EarlyStopping(score, patience=max(1, loop.patience // every), mode="max"))
    # A resumed training writes a new log, because Lightning would overwrite the existing one.
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
    return trainer, savers[0]
