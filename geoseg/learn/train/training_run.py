"""Train a segmentation network from a config."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import lightning
from torch.utils.data import DataLoader

from geoseg.learn.samples import SampleWindow, find_samples, sample_windows, split
from geoseg.learn.train.chip_cache import ChipCache
from geoseg.learn.train.crops import (
    CountingSampler,
    Crops,
    Statistics,
    WholeWindows,
    Windows,
    check_shares,
    class_shares,
    config_statistics,
)
from geoseg.learn.train.feature_cache import kept_features
from geoseg.learn.train.paired_crops import PairedCrops
from geoseg.learn.train.plots import draw_worst
from geoseg.learn.train.trainer import Trained, check_start, fit, write_description
from geoseg.learn.train.training_module import SegmentationModule
from geoseg.learn.train.training_output import training_output
from geoseg.learn.train.training_spec import TrainSpec, metadata_of
from geoseg.learn.train.transfer import start_from
from geoseg.learn.train.two_modality_module import TwoModalityModule
from geoseg.messages import note, warn
from geoseg.models.networks.segmentation import has_encoder
from geoseg.run_record import Progress

LOG = logging.getLogger(__name__)

PLOTTED = 100
"""Number of windows from which the worst are drawn."""

IMAGENET = "imagenet"

SCORE = "val_iou"
"""Logged score by which the best weights are chosen."""


def train(
    spec: TrainSpec,
    folder: Path,
    progress: Progress,
    *,
    resume: bool = False,
    roles: tuple[Sequence[SampleWindow], Sequence[SampleWindow]] | None = None,
    start: str | None = None,
    chips: ChipCache | None = None,
) -> Trained:
    """Train a segmentation network.

    Args:
        spec: the config.
        folder: for checkpoints, logs and plots; created if missing.
        progress: receives the number of steps done.
        resume: whether to continue from the last checkpoint in the folder.
        start: bundle or ONNX file whose weights the network starts from, or `imagenet`.
        roles: windows for training and for validation; None: those of the split.
        chips: of the config's set, shared with other trainings; None: they are read for this one.

    Raises:
        SceneError: the labelled set cannot be read, or is empty.
        UsageError: the network does not exist.
        ModelError: the weights to start from do not fit.
        RuntimeMissingError: the requested accelerator is not available.
        OutputError: the folder cannot be written, or has no checkpoint to resume from.
    """
    check_start(spec.loop, folder, resume=resume)
    with training_output(folder, resume=resume):
        return _train(spec, folder, progress, resume=resume, roles=roles, start=start, chips=chips)


def _train(
    spec: TrainSpec,
    folder: Path,
    progress: Progress,
    *,
    resume: bool,
    roles: tuple[Sequence[SampleWindow], Sequence[SampleWindow]] | None,
    start: str | None,
    chips: ChipCache | None,
) -> Trained:
    """Train a network and write its folder; for the arguments see `train`."""
    if start == IMAGENET:
        spec = with_imagenet(spec)
    training, validation = roles or _find_windows(spec)
    chips = chips or ChipCache.of(spec)
    windows = Windows(spec, [band.name for band in spec.bands], metadata_of(spec), chips=chips)
    statistics = _statistics(spec, windows, training)
    shares = class_shares(windows, training, len(spec.classes))
    check_shares(shares, spec.classes)
    write_description(spec, statistics, folder)
    lightning.seed_everything(spec.loop.seed, workers=True, verbose=False)
    counted = [float(share) for share in shares]
    module, crops = _learner(spec, windows, training, statistics, counted, chips)
    if start not in {None, IMAGENET}:
        channels = len(spec.bands) + len(metadata_of(spec))
        start_from(module.network, str(start), crops[0][0][None, :channels])
    per_epoch = spec.loop.samples_per_epoch or crops.per_epoch
    batches = DataLoader(
        crops,
        batch_size=spec.loop.batch,
        sampler=CountingSampler(per_epoch),
        num_workers=spec.loop.workers,
        drop_last=per_epoch >= spec.loop.batch,
    )
    multiple = module.network.multiple
    tile = spec.tile if module.network.encoder_network is not None else None
    whole = DataLoader(WholeWindows(windows, validation, statistics, multiple, tile), batch_size=1)
    with kept_features(module.network, spec, training, folder):
        trained = fit(
            spec.loop,
            module,
            (batches, whole if validation else None),
            folder,
            progress,
            counts=(len(training), len(validation)),
            score=SCORE,
            resume=resume,
        )
    drawn = WholeWindows(windows, validation or training[:PLOTTED], statistics, multiple, tile)
    draw_worst(module.network.cpu(), drawn, min(len(drawn), PLOTTED), spec.classes, folder / "worst.png")
    return trained


def _learner(
    spec: TrainSpec,
    windows: Windows,
    training: Sequence[SampleWindow],
    statistics: Statistics,
    shares: Sequence[float],
    chips: ChipCache,
) -> tuple[SegmentationModule, Crops]:
    """Return the network with its losses, and the crops that it learns from; with those of a helper."""
    helper = spec.helper
    if helper is None:
        return SegmentationModule(spec, statistics, shares), Crops(spec, windows, training, statistics)
    names = [band.name for band in spec.bands]
    both = Windows(spec, names, metadata_of(spec), helper.names, chips)
    beside = config_statistics(helper.bands, lambda: both.optional_statistics(training, helper.scale))
    module = TwoModalityModule(spec, helper, statistics, beside, shares)
    return module, PairedCrops(spec, helper, both, training, (statistics, beside))


def with_imagenet(spec: TrainSpec) -> TrainSpec:
    """Return a config whose encoder starts from the weights of its library for photographs."""
    own = has_encoder(spec.network)
    network = spec.network.model_copy(update={"weights": "timm"} if own else {"pretrained": IMAGENET})
    return spec.model_copy(update={"network": network})


def _find_windows(spec: TrainSpec) -> tuple[Sequence[SampleWindow], Sequence[SampleWindow]]:
    """Return the windows for training and for validation."""
    roles = split(sample_windows(find_samples(spec.data), spec.data), spec.split)
    counts = ", ".join(f"{len(windows)} {name}" for name, windows in roles.items())
    note(LOG, f"windows: {counts} (split: {spec.split.kind})")
    if not roles["val"] and spec.loop.keep == "best":
        warn(
            LOG,
            "not-validated",
            "no window is assigned to validation: the last weights are used and were not validated",
        )
    return roles["train"], roles["val"]


def _statistics(spec: TrainSpec, windows: Windows, training: Sequence[SampleWindow]) -> Statistics:
    """Return mean and std of each band, from the config or measured on training pixels."""
    if spec.statistics != "training":
        return tuple((0.0, 1.0) for _ in spec.bands)
    return config_statistics(spec.bands, lambda: windows.training_statistics(training))
