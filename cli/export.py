"""`geoseg export`: a trained network to a bundle, or a bundle to int8 or to a TensorRT engine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from geoseg.errors import UsageError

from . import options as shared
from .console import print_json, print_text, telling
from .engine import check_device
from .train import Data, Set

TARGETS = ("onnx", "onnx-fp16", "openvino-int8", "tensorrt")


def export(
    context: typer.Context,
    source: Annotated[
        Path,
        typer.Argument(
            metavar="RUN|BUNDLE",
            help="The folder of a geoseg train; for openvino-int8 and tensorrt, a bundle.",
        ),
    ],
    output: shared.Folder = None,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="|".join(TARGETS),
            help="onnx-fp16: weights stored in half the space. openvino-int8: quantised, and refused where "
            "it is not as right. tensorrt: an engine for this machine's GPU, kept in the user's cache.",
            rich_help_panel=shared.OUTPUT,
        ),
    ] = "onnx",
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="A checkpoint other than the kept one.", rich_help_panel=shared.INPUT
        ),
    ] = None,
    judge_by: Annotated[
        str | None,
        typer.Option(
            metavar="CONFIG",
            help="For openvino-int8: the training config, whose train part calibrates and whose held-out "
            "part judges.",
            rich_help_panel=shared.INPUT,
        ),
    ] = None,
    scene: shared.OneScene = None,
    sensor: shared.Sensor = None,
    tile: shared.Tile = None,
    batch_size: shared.BatchSize = None,
    device: shared.Device = None,
    precision: shared.Precision = None,
    data: Data = None,
    change: Set = None,
    card: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Text of the bundle's README.md.", rich_help_panel=shared.OUTPUT),
    ] = None,
    overwrite: shared.Overwrite = None,
    as_json: shared.Json = False,
    quiet: shared.Quiet = False,
    verbose: shared.Verbose = 0,
) -> None:
    """Write a trained network as a bundle that maps are made with, or a bundle in int8 or for TensorRT."""
    told = shared.verbosity(context, quiet, verbose)
    if to == "tensorrt":
        from .engine import Engine, export_engine

        if output is not None:
            raise UsageError(
                "--to tensorrt keeps its engine in the user's cache; leave -o out, or name the "
                "cache with GEOSEG_CACHE"
            )
        asked = Engine(
            scene=tuple(scene or ()),
            sensor=sensor,
            tile=tile,
            batch_size=batch_size,
            device=device or "auto",
            precision=precision or "auto",
        )
        export_engine(source, asked, told, as_json=as_json)
        return
    if output is None:
        raise UsageError("no output is named; say -o FOLDER, whose name becomes the bundle's")
    if to not in TARGETS:
        raise UsageError(f"--to {to!r} is none of {', '.join(TARGETS)}")
    check_device(device or "auto")
    from geoseg.learn.train import missing_extra
    from geoseg.spec import ClassifierSpec

    text = card.read_text(encoding="utf-8") if card is not None else ""
    try:
        if to == "openvino-int8":
            if judge_by is None:
                raise UsageError("--to openvino-int8 needs --judge-by CONFIG, to calibrate and to judge")
            from geoseg.learn.evaluate.quantise import quantise
            from geoseg.learn.train.config import read_config

            from .values import settings

            spec = read_config(judge_by, data, settings(change or ()))
            with telling(told) as console:
                done = quantise(source, output, spec, console.progress, overwrite=bool(overwrite))
            numbers = {"score": done.score, "score_fp32": done.score_fp32, "mib": done.mib}
            if as_json:
                print_json({"bundle": str(output), **numbers})
                return
            print_text(
                f"wrote {output}: {done.mib:.1f} MiB, score {done.score:.4f} (fp32 {done.score_fp32:.4f})"
            )
            return
        from geoseg.learn.train.kinds import export_any as work

        weights: Literal["fp16", "fp32"] = "fp16" if to == "onnx-fp16" else "fp32"
        made = work(
            source, output, checkpoint=checkpoint, weights=weights, card=text, overwrite=bool(overwrite)
        )
    except ImportError as error:
        raise missing_extra("export", error) from error
    if as_json:
        print_json({"bundle": str(output), "parity": made.parity, "mib": made.mib})
        return
    print_text(f"wrote {output}: {made.mib:.1f} MiB, scores within {made.parity:.1e} of torch")
    recorded = "" if isinstance(made.model, ClassifierSpec) else " --record"
    print_text(f"next: geoseg evaluate CONFIG --model {output}{recorded}")
