"""`geoseg export BUNDLE --to tensorrt`: an engine for this machine's GPU, proved on a scene."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from geoseg.errors import UsageError

from . import values
from .console import Verbosity, print_json, print_text, telling


@dataclass(frozen=True, kw_only=True)
class Engine:
    """What was asked for."""

    scene: tuple[str, ...]
    """Files of one scene; empty: none, and float32 alone can be built."""
    sensor: str | None
    tile: int | None
    batch_size: str | None
    device: str
    precision: str


def check_device(device: str, runtime: str = "auto") -> None:
    """See that a device that was asked for is there, before any long work.

    Raises:
        UsageError: it is no device.
        RuntimeMissingError: it is not there.
    """
    from geoseg.spec.runs import DEVICE

    if not re.match(DEVICE, device):
        raise UsageError(f"--device {device!r} is none of auto, cpu, cuda, cuda:N")
    if device.startswith("cuda") or runtime == "tensorrt":
        from geoseg.runtimes import cuda

        cuda.require(device, runtime)


def export_engine(source: Path, asked: Engine, told: Verbosity, *, as_json: bool) -> None:
    """Build, prove and print.

    Raises:
        UsageError: an option makes no sense.
        ModelError: the precision asked for is not as right as float32.
        RuntimeMissingError: TensorRT or a GPU is missing.
    """
    from geoseg.bundles.find import find_model
    from geoseg.runtimes.choose import usable_runtime
    from geoseg.segment.tensorrt_engine import build_engine, scene_tiles

    from .request import build_scene

    try:
        batch = values.batch_size(asked.batch_size) if asked.batch_size is not None else None
    except ValueError as error:
        raise UsageError(f"--batch-size: {error}") from error
    if asked.precision not in {"auto", "fp32", "bf16", "fp16", "int8"}:
        raise UsageError(f"--precision {asked.precision!r} is none of auto, fp32, bf16, fp16, int8")
    check_device(asked.device, "tensorrt")
    usable_runtime("tensorrt")
    model = find_model(str(source))
    tile = asked.tile or model.tile
    with telling(told):
        tiles = None
        if asked.scene:
            scene = build_scene({"scene": list(asked.scene), "sensor": asked.sensor})
            tiles = scene_tiles(model, scene, tile)
        built = build_engine(
            model, tiles, device=asked.device, precision=asked.precision, tile=tile, batch=batch
        )
    if as_json:
        print_json({"engine": str(built.engine), "precision": built.precision, "record": built.record})
        return
    print_text(f"{built.engine}: {built.precision}")
    if built.agreement is not None:
        found = built.agreement
        print_text(
            f"{found}; least IoU of a class {found.worst_iou:.4f}, mean score error {found.score_error:.4f}"
        )
