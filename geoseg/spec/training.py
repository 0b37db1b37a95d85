"""Requests about networks: to train one, to export, show or check it, to fetch its weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from geoseg.spec.base import Spec
from geoseg.spec.fields import (
    FOLDER,
    SCENE_FILES,
    BatchSize,
    Data,
    Device,
    Overwrite,
    Precision,
    Sensor,
    Settings,
    Threads,
    Tile,
)
from geoseg.spec.option import INPUT, OUTPUT, Option


class TrainRequest(Spec):
    """A training."""

    config: Annotated[
        str,
        Option(
            "A YAML file, or the name of a config that comes with geoseg: water-optical, flood-sar, "
            "flood-sar-pair, change-s2, meter-ml. docs/train.md describes all keys.",
            metavar="CONFIG",
            argument=True,
            missing="no CONFIG is given; name a YAML file, or a config that comes with geoseg",
        ),
    ]
    data: Data = None
    settings: Settings = {}
    output: Annotated[Path | None, FOLDER] = None
    overwrite: Overwrite = False
    resume: Annotated[bool, Option("Go on from the last checkpoint.")] = False
    threads: Threads = None


class ExportRequest(Spec):
    """An export of a trained network, or of a bundle."""

    source: Annotated[
        Path,
        Option(
            "The folder of a geoseg train; for openvino-int8 and tensorrt, a bundle.",
            metavar="RUN|BUNDLE",
            argument=True,
            missing="no RUN or BUNDLE is given; name the folder of a geoseg train, or a bundle",
        ),
    ]
    output: Annotated[Path | None, FOLDER] = None
    to: Annotated[
        Literal["onnx", "onnx-fp16", "openvino-int8", "tensorrt"],
        Option(
            "onnx-fp16: weights stored in half the space. openvino-int8: quantised, and refused where it is "
            "not as right. tensorrt: an engine for this machine's GPU, kept in the user's cache.",
            panel=OUTPUT,
        ),
    ] = "onnx"
    checkpoint: Annotated[
        Path | None, Option("A checkpoint other than the kept one.", metavar="FILE", panel=INPUT)
    ] = None
    judge_by: Annotated[
        str | None,
        Option(
            "For openvino-int8: the training config, whose train part calibrates and whose held-out part "
            "judges.",
            metavar="CONFIG",
            panel=INPUT,
        ),
    ] = None
    scene: Annotated[tuple[str, ...], SCENE_FILES] = ()
    sensor: Sensor = None
    tile: Tile = None
    batch_size: BatchSize = None
    device: Device = "auto"
    precision: Precision = "auto"
    data: Data = None
    settings: Settings = {}
    card: Annotated[Path | None, Option("Text of the bundle's README.md.", metavar="FILE", panel=OUTPUT)] = (
        None
    )
    overwrite: Overwrite = False


class ModelRequest(Spec):
    """A model to show or to check."""

    model: Annotated[
        str,
        Option(
            "A bundle's name or folder, or an ONNX file.",
            metavar="MODEL",
            argument=True,
            suggest="models",
            missing="no MODEL is given; name a bundle or an ONNX file (see geoseg models list)",
        ),
    ]


class PullRequest(Spec):
    """Weights to fetch."""

    model: Annotated[
        str,
        Option(
            "A bundle's name or folder.",
            metavar="NAME",
            argument=True,
            suggest="models",
            missing="no NAME is given; name a bundle (see geoseg models list)",
        ),
    ]
    overwrite: Overwrite = False
