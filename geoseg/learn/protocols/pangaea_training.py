"""Train a decoder on a frozen encoder as PANGAEA does; the encoder stays in evaluation mode."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader

from geoseg.learn.protocols.jobs import EDGE, Job
from geoseg.learn.protocols.sliding_windows import sliding_logits
from geoseg.learn.train.chip_cache import ChipCache
from geoseg.learn.train.crops import (
    CountingSampler,
    Crops,
    Statistics,
    WholeWindows,
    Windows,
    class_shares,
    random_crop,
)
from geoseg.learn.train.feature_cache import kept_features
from geoseg.learn.train.losses import as_classes
from geoseg.learn.train.trainer import Trained, check_start, fit, write_description
from geoseg.learn.train.training_module import SegmentationModule
from geoseg.learn.train.training_output import training_output
from geoseg.learn.train.training_run import SCORE
from geoseg.learn.train.training_spec import TrainSpec, metadata_of
from geoseg.run_record import Progress

DROPOUT = 0.1
"""Share of the channels before the last layer that training leaves out."""
MILESTONES, FACTOR = (0.6, 0.9), 0.1
"""Shares of the steps after which the learning rate falls, and by which factor."""
LEAST_BATCH = 2
"""Crops that the batch normalisation of a pooled image needs."""


class PangaeaModule(SegmentationModule):
    """A network with the optimiser, dropout and validation of PANGAEA."""

    def __init__(self, spec: TrainSpec, statistics: Statistics, shares: Sequence[float]) -> None:
        """Build the network and the loss."""
        super().__init__(spec, statistics, shares)
        head = getattr(self.network.body, "head", None)
        if isinstance(head, nn.Module):
            head.register_forward_pre_hook(_drop)

    def validation_step(self, batch: tuple[Tensor, Tensor], _index: int) -> None:
        """Add an image, mapped by a sliding window, to the error matrix."""
        planes, label = batch
        logits = sliding_logits(self.network, planes[0], self.spec.loop.crop)[None]
        self.log("val_loss", self.loss(logits, label, None), on_epoch=True, batch_size=1)
        self.confusion.update(as_classes(logits).argmax(dim=1), label)

    def on_validation_epoch_end(self) -> None:
        """Log the mean IoU over all classes of all validation pixels."""
        matrix = self.confusion.compute().double()
        self.confusion.reset()
        correct = matrix.diagonal()
        union = matrix.sum(0) + matrix.sum(1) - correct
        self.log(SCORE, (correct / (union + EDGE)).mean().float())

    def configure_optimizers(self) -> Any:
        """Return AdamW, with a learning rate that falls twice to a tenth."""
        loop = self.spec.loop
        weights = [weight for weight in self.network.parameters() if weight.requires_grad]
        optimiser = torch.optim.AdamW(weights, lr=loop.learning_rate, weight_decay=loop.weight_decay)
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = torch.optim.lr_scheduler.MultiStepLR(
            optimiser, [int(share * steps) for share in MILESTONES], FACTOR
        )
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def _drop(head: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Leave out channels before the last layer; a hook, so that names of weights stay those of exports."""
    return (functional.dropout2d(inputs[0], DROPOUT, training=head.training),)


class CropOfEach(Crops):
    """A random crop of each image in every epoch; a crop depends only on its number and the seed."""

    @property
    def per_epoch(self) -> int:
        """Number of crops in an epoch: that of the images, at least two."""
        return max(LEAST_BATCH, len(self._places))

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor]:
        """Return (C, crop, crop) normalised pixels and (crop, crop) classes."""
        rng = np.random.default_rng((self._spec.loop.seed, number))
        place = self._places[number % self.per_epoch % len(self._places)]
        chip = self._windows.read(place)
        image, label, lost = self._augment(*random_crop(chip, self._spec.loop.crop, rng), rng)
        statistics = self._windows.statistics_of(place.sample, self._training)
        made = self._input(image, chip, lost, statistics)
        return torch.from_numpy(made), torch.from_numpy(label.astype(np.int64))


class ShuffledSampler(CountingSampler):
    """The numbers of an epoch in an order that depends on epoch and seed."""

    def __init__(self, per_epoch: int, seed: int) -> None:
        """Create a sampler with this many numbers in each epoch."""
        super().__init__(per_epoch)
        self._seed = seed

    def __iter__(self) -> Iterator[int]:
        numbers = list(super().__iter__())
        order = np.random.default_rng((self._seed, numbers[0])).permutation(len(numbers))
        return iter([numbers[place] for place in order])


def train_frozen(job: Job, folder: Path, progress: Progress, chips: ChipCache | None = None) -> Trained:
    """Train the network of a job, and choose the weights with the best mean IoU on the validation part.

    Args:
        job: the training.
        folder: for checkpoints, logs and plots; created if missing.
        progress: receives the number of steps done.
        chips: of the job's set, shared with other trainings; None: they are read for this one.

    Raises:
        SceneError: the labelled set cannot be read.
        UsageError: the network does not exist.
        ModelError: the weights of the encoder do not fit, or are not on this machine.
        OutputError: the folder cannot be written.
    """
    spec = job.spec
    check_start(spec.loop, folder, resume=False)
    with training_output(folder):
        windows = Windows(spec, [band.name for band in spec.bands], metadata_of(spec), chips=chips)
        statistics = windows.training_statistics(job.described)
        write_description(spec, statistics, folder)
        lightning.seed_everything(spec.loop.seed, workers=True, verbose=False)
        shares = class_shares(windows, job.training, len(spec.classes))
        module = PangaeaModule(spec, statistics, [float(share) for share in shares])
        crops = CropOfEach(spec, windows, job.training, statistics)
        batches = DataLoader(
            crops,
            batch_size=spec.loop.batch,
            sampler=ShuffledSampler(crops.per_epoch, spec.loop.seed),
            num_workers=spec.loop.workers,
            drop_last=crops.per_epoch >= spec.loop.batch,
        )
        whole = DataLoader(WholeWindows(windows, job.validation, statistics, 1), batch_size=1)
        with kept_features(module.network, spec, job.training, folder):
            return fit(
                spec.loop,
                module,
                (batches, whole),
                folder,
                progress,
                counts=(len(job.training), len(job.validation)),
                score=SCORE,
                resume=False,
            )
