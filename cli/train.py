"""`geoseg train`: train a network on labelled rasters or sites."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from geoseg.errors import OutputError, UsageError

from .command import PLAIN, Command
from .console import open_console, print_json, print_text
from .memory import keep_freed_memory

if TYPE_CHECKING:
    from geoseg.learn.train.scene_spec import SceneTrainSpec
    from geoseg.learn.train.training_spec import TrainSpec
    from geoseg.spec.training import TrainRequest

    from .options import Reporting


def train() -> Command[TrainRequest]:
    """Train a network on labelled rasters or sites; geoseg export writes it as a bundle.

    Checkpoints, logs and plots are written to the folder of --output, by default runs/NAME.
    """
    from geoseg.spec.training import TrainRequest

    return Command(request=TrainRequest, run=_run, reporting=("dry_run", *PLAIN))


def _run(request: TrainRequest, reporting: Reporting) -> None:
    from geoseg.learn.train import LAST_CHECKPOINT, missing_extra
    from geoseg.learn.train.config import read_any_config

    spec = read_any_config(request.config, request.data, request.settings)
    folder = request.output or Path("runs") / spec.name
    if reporting.dry_run:
        print_text(f"{spec.name}: {_counts(spec)}; {spec.loop.epochs} epochs; would write {folder}")
        return
    if folder.exists() and not (request.overwrite or request.resume):
        if (folder / LAST_CHECKPOINT).is_file():
            how = "add `--resume` to continue, or `--overwrite` to start again"
        else:
            how = "there is no checkpoint to continue from: add `--overwrite` to start again"
        raise OutputError(f"{folder}: already exists; {how}")
    if request.overwrite and request.resume:
        raise UsageError("`--resume` and `--overwrite` exclude each other; give one of them")
    if request.start and request.resume:
        raise UsageError("`--resume` continues with its own weights; remove `--from`")
    try:
        from geoseg.learn.train.task_dispatch import train_any as work
    except ImportError as error:
        raise missing_extra("training", error) from error
    keep_freed_memory()
    with open_console(reporting.verbosity) as console:
        if request.threads is not None:
            import torch

            torch.set_num_threads(request.threads)
        done = work(spec, folder, console.progress, resume=request.resume, start=request.start)
    if reporting.as_json:
        result = {"folder": str(done.folder), "checkpoint": str(done.checkpoint), "score": done.score}
        print_json({**result, "epochs": done.epochs, "train": done.train, "val": done.val})
        return
    sites = spec.task == "scene-classification"
    measure, what = ("mean average precision", "sites") if sites else ("IoU", "windows")
    score = "" if done.score is None else f"; {measure} on val {done.score:.3f}"
    print_text(f"{done.epochs} epochs on {done.train} {what}{score}\nwrote {done.checkpoint}")
    print_text(f"next: geoseg export {done.folder} -o {spec.name}")


def _counts(spec: TrainSpec | SceneTrainSpec) -> str:
    """How many windows or sites each part of the split holds; some windows are read with their labels."""
    from geoseg.learn.train.scene_spec import SceneTrainSpec

    if isinstance(spec, SceneTrainSpec):
        from geoseg.learn.samples.labelled_sites import by_role, find_sites

        sites = find_sites(spec.data, spec.sensors, spec.classes)
        return ", ".join(f"{len(by_role(sites, role))} {role}" for role in ("train", "val", "test"))
    from geoseg.learn.samples import find_samples, sample_windows, split
    from geoseg.learn.train.chip_cache import try_windows

    roles = split(sample_windows(find_samples(spec.data), spec.data), spec.split)
    tried = try_windows(spec, [*roles["train"], *roles["val"]])
    return ", ".join(f"{len(own)} {name}" for name, own in roles.items()) + f" ({tried} windows read)"
