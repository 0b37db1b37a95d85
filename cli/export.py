"""`geoseg export`: write a trained network as a bundle, or convert a bundle to int8 or TensorRT."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from geoseg.errors import UsageError

from .command import Command
from .console import open_console, print_json, print_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from geoseg.spec.training import ExportRequest

    from .options import Reporting

WEIGHTS: Mapping[str, Literal["auto", "fp32", "fp16"]] = {
    "onnx": "auto",
    "onnx-fp32": "fp32",
    "onnx-fp16": "fp16",
}
"""How each format of ONNX stores weights."""


def export() -> Command[ExportRequest]:
    """Write a trained network as a bundle, or convert a bundle to int8 or to a TensorRT engine."""
    from geoseg.spec.training import ExportRequest

    return Command(request=ExportRequest, run=_run)


def _run(request: ExportRequest, reporting: Reporting) -> None:
    from .engine import check_device, export_engine

    if request.program and request.to not in WEIGHTS:
        raise UsageError(
            f"`--program` goes with `--to onnx`, onnx-fp32 or onnx-fp16, not {request.to}; remove it"
        )
    if request.to == "tensorrt":
        if request.output is not None:
            raise UsageError(
                "`--to tensorrt` writes the engine to the user's cache; remove `-o` (GEOSEG_CACHE sets the "
                "folder of the cache)"
            )
        export_engine(request, reporting)
        return
    if request.output is None:
        raise UsageError("no output is given; add `-o FOLDER`; its name becomes the name of the bundle")
    check_device(request.device)
    from geoseg.learn.train import missing_extra

    try:
        if request.to == "openvino-int8":
            _quantise(request, request.output, reporting)
        else:
            _bundle(request, request.output, reporting)
    except ImportError as error:
        raise missing_extra("export", error) from error


def _quantise(request: ExportRequest, output: Path, reporting: Reporting) -> None:
    if request.judge_by is None:
        raise UsageError("`--to openvino-int8` needs `--judge-by CONFIG`, for calibration and evaluation")
    from geoseg.learn.evaluate.quantise import quantise
    from geoseg.learn.train.config import read_config

    spec = read_config(request.judge_by, request.data, request.settings)
    with open_console(reporting.verbosity) as console:
        done = quantise(request.source, output, spec, console.progress, overwrite=request.overwrite)
    if reporting.as_json:
        numbers = {"score": done.score, "score_fp32": done.score_fp32, "mib": done.mib}
        print_json({"bundle": str(output), **numbers})
        return
    print_text(f"wrote {output}: {done.mib:.1f} MiB, score {done.score:.4f} (fp32 {done.score_fp32:.4f})")


def _bundle(request: ExportRequest, output: Path, reporting: Reporting) -> None:
    from geoseg.learn.train.bundle_export import ExportOptions
    from geoseg.learn.train.task_dispatch import export_any

    options = ExportOptions(
        checkpoint=request.checkpoint,
        weights=WEIGHTS[request.to],
        program=request.program,
        card=_text(request.card) if request.card is not None else "",
        overwrite=request.overwrite,
    )
    made = export_any(request.source, output, options)
    if reporting.as_json:
        print_json({"bundle": str(output), "parity": made.parity, "mib": made.mib})
        return
    print_text(f"wrote {output}: {made.mib:.1f} MiB, scores within {made.parity:.1e} of torch")
    recorded = "" if made.model.classifies else " --record"
    print_text(f"next: geoseg evaluate maps CONFIG --model {output}{recorded}")


def _text(path: Path) -> str:
    """Return the text of a card.

    Raises:
        UsageError: it cannot be read.
    """
    from geoseg.files.doors import parsing
    from geoseg.files.inputs import opened

    opened(path)
    with parsing(f"`--card {path}`"):
        return path.read_text(encoding="utf-8")
