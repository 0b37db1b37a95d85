"""Requests of train, export and models: train, export, show and check a network, fetch its weights."""

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
    LocalPath,
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
            "A training config: a YAML file, or the name of one installed with geoseg: water-optical, "
            "flood-sar, flood-s1-s2, flood-sar-pair, change-s2, meter-ml, water-encoder, burn-scars. See "
            "docs/train.md.",
            metavar="CONFIG",
            argument=True,
            missing="no CONFIG is given; add a YAML file, or the name of a config installed with geoseg",
        ),
    ]
    data: Data = None
    settings: Settings = {}
    start: Annotated[
        str | None,
        Option(
            "Start from the weights of a bundle or an ONNX file of the same architecture, or from imagenet: "
            "weights of the encoder that are in the cache or are downloaded.",
            name="from",
            metavar="BUNDLE|FILE.onnx|imagenet",
            suggest="models",
        ),
    ] = None
    output: Annotated[LocalPath | None, FOLDER] = None
    overwrite: Overwrite = False
    resume: Annotated[bool, Option("Continue from the last checkpoint.")] = False
    threads: Threads = None


class ExportRequest(Spec):
    """An export of a trained network, or of a bundle."""

    source: Annotated[
        Path,
        Option(
            "Folder written by geoseg train; for openvino-int8 and tensorrt, a bundle.",
            metavar="RUN|BUNDLE",
            argument=True,
            missing="no RUN or BUNDLE is given; add the folder written by `geoseg train`, or a bundle",
        ),
    ]
    output: Annotated[LocalPath | None, FOLDER] = None
    to: Annotated[
        Literal["onnx", "onnx-fp32", "onnx-fp16", "openvino-int8", "tensorrt"],
        Option(
            "Format. onnx: weights stored as fp16 above 400 million of them, else as fp32. openvino-int8: "
            "quantised; fails if the score is lower than that of fp32. tensorrt: an engine for the GPU of "
            "this machine, stored in the user's cache.",
            panel=OUTPUT,
        ),
    ] = "onnx"
    program: Annotated[
        bool,
        Option(
            "For ONNX: also write a torch.export program, which --runtime torch runs.",
            panel=OUTPUT,
        ),
    ] = False
    checkpoint: Annotated[
        Path | None, Option("Checkpoint to export, in place of the best one.", metavar="FILE", panel=INPUT)
    ] = None
    judge_by: Annotated[
        str | None,
        Option(
            "For openvino-int8: the training config. Its train part is used for calibration, its held-out "
            "part for evaluation.",
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
    card: Annotated[
        Path | None,
        Option(
            "File with the text of the model card, README.md of the bundle.", metavar="FILE", panel=OUTPUT
        ),
    ] = None
    overwrite: Overwrite = False


class ListRequest(Spec):
    """A list of models, of encoders, or of published networks."""

    encoders: Annotated[
        bool, Option("List the pretrained encoders that geoseg train can start from, in place of models.")
    ] = False
    published: Annotated[
        bool, Option("List the published networks that geoseg models pull converts, in place of models.")
    ] = False


class ModelRequest(Spec):
    """A model to show or to check."""

    model: Annotated[
        str,
        Option(
            "Name or folder of a bundle, or an ONNX file.",
            metavar="MODEL",
            argument=True,
            suggest="models",
            missing="no MODEL is given; add a bundle or an ONNX file (see `geoseg models list`)",
        ),
    ]


class PullRequest(Spec):
    """Weights to fetch."""

    model: Annotated[
        str,
        Option(
            "Name or folder of a bundle, or name of an encoder or published network (geoseg models list "
            "--encoders, --published).",
            metavar="NAME",
            argument=True,
            suggest="pulled",
            missing="no NAME is given; add the name of a bundle or encoder (see `geoseg models list`)",
        ),
    ]
    weights: Annotated[
        Path | None,
        Option(
            "For encoders and published networks: file of the weights on this machine, in place of a "
            "download.",
            metavar="FILE",
        ),
    ] = None
    overwrite: Overwrite = False
