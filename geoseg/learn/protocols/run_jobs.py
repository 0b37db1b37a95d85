"""Run the trainings of a protocol, and score each on its test part."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from geoseg.learn.protocols.finished_jobs import forget_finished, read_finished, stamp_of, write_finished
from geoseg.learn.protocols.jobs import Job, facts_of, images_of, rows_of
from geoseg.learn.protocols.pangaea_training import train_frozen
from geoseg.learn.protocols.result_rows import ResultRow
from geoseg.learn.protocols.sliding_windows import sliding_logits
from geoseg.learn.samples import SampleWindow
from geoseg.learn.train.bundle_export import load, read_training
from geoseg.learn.train.chip_cache import ChipCache
from geoseg.learn.train.crops import WholeWindows, Windows
from geoseg.learn.train.losses import as_classes
from geoseg.learn.train.trainer import Trained
from geoseg.learn.train.training_run import train
from geoseg.learn.train.training_spec import TrainSpec, metadata_of
from geoseg.messages import note
from geoseg.methods.accuracy import Counts, count
from geoseg.models.networks.segmentation import Segmenter
from geoseg.run_record import Progress

LOG = logging.getLogger(__name__)


def run_jobs(
    jobs: Sequence[Job],
    folder: Path,
    progress: Progress,
    *,
    frozen: bool,
    resume: bool = False,
    chips: ChipCache | None = None,
) -> Iterator[tuple[ResultRow, ...]]:
    """Train and score each job in turn; yield its results.

    Successive jobs on the same bands of the same set share their chips.

    Args:
        jobs: what to train.
        folder: for the trainings, each in a folder of its own.
        progress: receives the number of steps of each training.
        frozen: whether to train as PANGAEA does; else as the config says.
        resume: whether the results of jobs that an earlier run has finished are taken from their folders.
        chips: of the first job's set, as far as they are read; None: they are read here.

    Raises:
        GeosegError: a training fails.
    """
    work: Callable[[Job, Path, Progress, ChipCache], Trained] = train_frozen if frozen else _train
    for number, job in enumerate(jobs, start=1):
        place = folder / job.folder
        told = f"training {number} of {len(jobs)}: {job.folder}"
        if resume and (finished := read_finished(place, job)) is not None:
            note(LOG, f"{told} was finished before; its results are kept")
            yield finished
            continue
        note(LOG, f"{told}, {images_of(job.training)} images")
        if chips is None or not chips.serves(job.spec):
            chips = ChipCache.of(job.spec)
        forget_finished(place)
        stamp = stamp_of(job)
        done = work(job, place, progress, chips)
        counts = score(place, job.test, chips)
        facts = facts_of(job)
        if done.score is not None:
            facts["validation_mIoU"] = done.score
        rows = rows_of(job, counts, facts)
        write_finished(place, stamp, rows)
        yield rows


def _train(job: Job, folder: Path, progress: Progress, chips: ChipCache) -> Trained:
    return train(job.spec, folder, progress, roles=(job.training, job.validation), chips=chips)


def score(folder: Path, places: Sequence[SampleWindow], chips: ChipCache | None = None) -> Counts:
    """Return the error matrix of a trained network over all pixels of some windows.

    Args:
        folder: of the training.
        places: windows of the labelled set of its config.
        chips: of that set, shared with trainings; None: they are read.

    Raises:
        SceneError: a window cannot be read.
    """
    spec, network, statistics = load_trained(folder)
    windows = Windows(spec, [band.name for band in spec.bands], metadata_of(spec), chips=chips)
    device = torch.device("cuda" if torch.cuda.is_available() and spec.loop.accelerator != "cpu" else "cpu")
    network = network.to(device)
    total = np.zeros((len(spec.classes), len(spec.classes)), np.int64)
    for planes, label in WholeWindows(windows, places, statistics, 1):
        with torch.inference_mode():
            logits = sliding_logits(network, planes.to(device), _side(network, spec, tuple(label.shape)))
        mapped = as_classes(logits[None])[0].argmax(dim=0).to(torch.uint8).cpu().numpy()
        total += count(label.numpy().astype(np.uint8), mapped, len(spec.classes))
    return total


def load_trained(folder: Path) -> tuple[TrainSpec, Segmenter, tuple[tuple[float, float], ...]]:
    """Return config, network in evaluation mode, and statistics of a training."""
    spec, network, _ = load(folder)
    if not isinstance(network, Segmenter):
        raise TypeError(f"{folder}: not a segmentation network")
    _, statistics = read_training(folder)
    return spec, network, statistics


def _side(network: Segmenter, spec: TrainSpec, shape: tuple[int, ...]) -> int:
    """Return the side of windows: that of tiles of maps, or less for a small image if the network allows."""
    if network.encoder_network is not None:
        return spec.tile
    multiple = network.multiple
    return min(spec.tile, -(-max(shape) // multiple) * multiple)
