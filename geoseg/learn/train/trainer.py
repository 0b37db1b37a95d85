"""Lightning's loop and what goes with it, whatever is trained: checkpoints, logs, the description."""

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

from geoseg.errors import OutputError, RuntimeMissingError
from geoseg.learn.train.training_spec import PaceSpec
from geoseg.run_record import Progress
from geoseg.spec import Spec

CHECKPOINTS, LOGS = "checkpoints", "logs"
BEST, LAST = "best", "last"
"""Checkpoints: the best on `val`, and the last epoch's."""

DESCRIPTION = "training.json"
"""The config as used, with the statistics that were measured."""

VALIDATIONS = 40
"""About how often a training is validated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What came of a training."""

    folder: Path
    checkpoint: Path
    score: float | None
    """IoU or mean average precision on `val` of the weights kept; None without `val`."""
    epochs: int
    train: int
    """Windows or sites."""
    val: int


class Telling(Callback):
    """Tells how far a training is."""

    def __init__(self, progress: Progress) -> None:
        """Tell this one."""
        self._progress = progress

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: object) -> None:
        """One step further."""
        self._progress(trainer.global_step, int(trainer.estimated_stepping_batches), "steps")


def check_start(loop: PaceSpec, folder: Path, *, resume: bool) -> None:
    """Refuse what cannot begin.

    Raises:
        OutputError: there is nothing to resume.
        RuntimeMissingError: the accelerator asked for is not there.
    """
    if resume and not (folder / CHECKPOINTS / f"{LAST}.ckpt").is_file():
        raise OutputError(f"{folder}: holds no checkpoint to resume from")
    if loop.accelerator == "gpu" and not torch.cuda.is_available():
        raise RuntimeMissingError("loop.accelerator: gpu, but torch sees no GPU; say auto or cpu")


def describe(spec: Spec, statistics: Any, folder: Path) -> None:
    """Write the config as used and what was measured into a training's folder, made if need be.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        text = {"spec": spec.model_dump(mode="json"), "statistics": statistics}
        (folder / DESCRIPTION).write_text(json.dumps(text, indent=1), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written: {error.strerror}") from error


def fit(
    trainer: lightning.Trainer, module: Any, batches: Any, held_out: Any, folder: Path, *, resume: bool
) -> None:
    """Train, from the last checkpoint where a training goes on."""
    last = folder / CHECKPOINTS / f"{LAST}.ckpt"
    with warnings.catch_warnings():
        # Lightning advises more workers and other intervals; what is best here was decided in the config.
        warnings.simplefilter("ignore")
        trainer.fit(module, batches, held_out, ckpt_path=last if resume else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The weights that a training is to be judged by."""

    checkpoint: Path
    score: float | None
    """On `val`; None without."""


def what_was_kept(
    loop: PaceSpec,
    trainer: lightning.Trainer,
    keeper: ModelCheckpoint,
    folder: Path,
    *,
    score: str,
    validated: bool,
) -> Kept:
    """Return the checkpoint that the config keeps, with its score."""
    chosen = loop.keep == "best" and validated
    found = keeper.best_model_score if chosen else trainer.callback_metrics.get(score)
    return Kept(
        checkpoint=folder / CHECKPOINTS / f"{BEST if chosen else LAST}.ckpt",
        score=None if found is None or not validated else float(found),
    )


def _average(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """A moving average that forgets fast at first, when weights are still far from where they end."""

    def average(kept: Tensor, current: Tensor, seen: Tensor | int) -> Tensor:
        now = min(decay, (1 + int(seen)) / (10 + int(seen)))
        return kept + (current - kept) * (1 - now)

    return average


def make_trainer(
    loop: PaceSpec, folder: Path, progress: Progress, *, score: str, validated: bool, resume: bool
) -> tuple[lightning.Trainer, ModelCheckpoint]:
    """Return Lightning's loop with what a config asks for, and what keeps the best weights.

    Args:
        loop: how long and how fast.
        folder: for checkpoints and logs.
        progress: is told how far it is.
        score: what is logged on `val`, best when greatest.
        validated: whether there is a `val`.
        resume: whether the training goes on, so that it gets logs of its own.
    """
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    every = max(1, loop.epochs // VALIDATIONS)
    # Two of them: Lightning's own "last" is written only where the score went up.
    keepers = [
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
    callbacks: list[Callback] = [Telling(progress), *keepers]
    if loop.average:
        callbacks.append(WeightAveraging(use_buffers=True, avg_fn=_average(loop.average)))
    if loop.patience and validated:
        callbacks.append(EarlyStopping(score, patience=max(1, loop.patience // every), mode="max"))
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
