"""`geoseg train`: labelled rasters to a trained network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geoseg.errors import OutputError, UsageError

from . import options as shared
from .console import print_json, print_text, telling
from .memory import keep_freed_memory
from .values import settings

if TYPE_CHECKING:
    from geoseg.learn.train.scene_spec import SceneTrainSpec
    from geoseg.learn.train.training_spec import TrainSpec

TRAINING = "Training"
Config = Annotated[
    str,
    typer.Argument(
        metavar="CONFIG",
        help="A YAML file, or the name of a config that comes with geoseg: water-optical, flood-sar, "
        "flood-sar-pair, change-s2, meter-ml. docs/train.md describes all keys.",
    ),
]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="FOLDER",
        help="Where the labelled set lies, instead of the config's data.root; of evaluate methane, pairs of "
        "scenes.",
        rich_help_panel=shared.INPUT,
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change a value of the config by its dotted name: loop.epochs=20. Repeatable.",
        rich_help_panel=shared.INPUT,
    ),
]


def train(
    context: typer.Context,
    config: Config,
    data: Data = None,
    change: Set = None,
    output: shared.Folder = None,
    overwrite: shared.Overwrite = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", metavar=" ", help="Go on from the last checkpoint.", rich_help_panel=TRAINING
        ),
    ] = False,
    threads: shared.Threads = None,
    dry_run: shared.DryRun = False,
    as_json: shared.Json = False,
    quiet: shared.Quiet = False,
    verbose: shared.Verbose = 0,
) -> None:
    """Train a network on labelled rasters or sites; geoseg export makes a bundle of it.

    Checkpoints, logs and plots go to the folder of --output, or to runs/NAME.
    """
    told = shared.verbosity(context, quiet, verbose)
    from geoseg.learn.train import missing_extra
    from geoseg.learn.train.config import read_any_config

    spec = read_any_config(config, data, settings(change or ()))
    folder = output or Path("runs") / spec.name
    if dry_run:
        print_text(f"{spec.name}: {_counts(spec)}; {spec.loop.epochs} epochs; would write {folder}")
        return
    if folder.exists() and not (overwrite or resume):
        raise OutputError(f"{folder}: exists; say --resume to go on, or --overwrite to begin again")
    if overwrite and resume:
        raise UsageError("--resume goes on and --overwrite begins again: say one of them")
    try:
        from geoseg.learn.train.kinds import train_any as work
    except ImportError as error:
        raise missing_extra("training", error) from error
    keep_freed_memory()
    with telling(told) as console:
        if threads is not None:
            import torch

            torch.set_num_threads(threads)
        done = work(spec, folder, console.progress, resume=resume)
    if as_json:
        result = {"folder": str(done.folder), "checkpoint": str(done.checkpoint), "score": done.score}
        print_json({**result, "epochs": done.epochs, "train": done.train, "val": done.val})
        return
    sites = spec.task == "scene-classification"
    measure, what = ("mean average precision", "sites") if sites else ("IoU", "windows")
    score = "" if done.score is None else f"; {measure} on val {done.score:.3f}"
    print_text(f"{done.epochs} epochs on {done.train} {what}{score}\nwrote {done.checkpoint}")
    print_text(f"next: geoseg export {done.folder} -o {spec.name}")


def _counts(spec: TrainSpec | SceneTrainSpec) -> str:
    """How many windows or sites each part of the split holds."""
    from geoseg.learn.train.scene_spec import SceneTrainSpec

    if isinstance(spec, SceneTrainSpec):
        from geoseg.learn.samples.labelled_sites import by_role, find_sites

        sites = find_sites(spec.data, spec.sensors, spec.classes)
        return ", ".join(f"{len(by_role(sites, role))} {role}" for role in ("train", "val", "test"))
    from geoseg.learn.samples import find_samples, places, split

    roles = split(places(find_samples(spec.data), spec.data), spec.split)
    return ", ".join(f"{len(own)} {name}" for name, own in roles.items())
