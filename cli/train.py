"""`geoseg train`: labelled rasters to a trained network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from geoseg.errors import OutputError, UsageError

from . import options as shared
from .console import print_json, print_text, telling
from .memory import keep_freed_memory
from .values import settings

TRAINING = "Training"
Config = Annotated[
    str,
    typer.Argument(
        metavar="CONFIG",
        help="A YAML file, or the name of a config that comes with geoseg: water-optical, flood-sar, "
        "flood-sar-pair. docs/train.md describes all keys.",
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
    """Train a segmentation network on labelled rasters; geoseg export makes a bundle of it.

    Checkpoints, logs and plots go to the folder of --output, or to runs/NAME.
    """
    told = shared.verbosity(context, quiet, verbose)
    from geoseg.train import missing_extra
    from geoseg.train.config import read_config

    spec = read_config(config, data, settings(change or ()))
    folder = output or Path("runs") / spec.name
    if dry_run:
        from geoseg.samples import find_samples, places, split

        roles = split(places(find_samples(spec.data), spec.data), spec.split)
        counts = ", ".join(f"{len(own)} {name}" for name, own in roles.items())
        print_text(f"{spec.name}: {counts}; {spec.loop.epochs} epochs; would write {folder}")
        return
    if folder.exists() and not (overwrite or resume):
        raise OutputError(f"{folder}: exists; say --resume to go on, or --overwrite to begin again")
    if overwrite and resume:
        raise UsageError("--resume goes on and --overwrite begins again: say one of them")
    try:
        from geoseg.train import run as work
    except ImportError as error:
        raise missing_extra("training", error) from error
    keep_freed_memory()
    with telling(told) as console:
        if threads is not None:
            import torch

            torch.set_num_threads(threads)
        done = work.train(spec, folder, console, resume=resume)
    if as_json:
        result = {"folder": str(done.folder), "checkpoint": str(done.checkpoint), "score": done.score}
        print_json({**result, "epochs": done.epochs, "train": done.train, "val": done.val})
        return
    score = "" if done.score is None else f"; IoU on val {done.score:.3f}"
    print_text(f"{done.epochs} epochs on {done.train} windows{score}\nwrote {done.checkpoint}")
    print_text(f"next: geoseg export {done.folder} -o {spec.name}")
