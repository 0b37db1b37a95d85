"""`geoseg export BUNDLE --to tensorrt`: an engine for this machine's GPU, proved on a scene."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .console import print_json, print_text, telling

if TYPE_CHECKING:
    from geoseg.spec.training import ExportRequest

    from .options import Reporting


def check_device(device: str, runtime: str = "auto") -> None:
    """See that a device that was asked for is there, before any long work.

    Raises:
        RuntimeMissingError: it is not there.
    """
    if device.startswith("cuda") or runtime == "tensorrt":
        from geoseg.runtimes import cuda

        cuda.require(device, runtime)


def export_engine(request: ExportRequest, reporting: Reporting) -> None:
    """Build, prove and print.

    Raises:
        ModelError: the precision asked for is not as right as float32.
        RuntimeMissingError: TensorRT or a GPU is missing.
    """
    from geoseg.bundles.find import find_model
    from geoseg.runtimes.choose import usable_runtime
    from geoseg.segment.tensorrt_engine import build_engine, scene_tiles
    from geoseg.spec import SceneSpec

    check_device(request.device, "tensorrt")
    usable_runtime("tensorrt")
    model = find_model(str(request.source))
    tile = request.tile or model.tile
    with telling(reporting.verbosity):
        tiles = None
        if request.scene:
            scene = SceneSpec(paths=request.scene, sensor=request.sensor)
            tiles = scene_tiles(model, scene, tile)
        built = build_engine(
            model,
            tiles,
            device=request.device,
            precision=request.precision,
            tile=tile,
            batch=request.batch_size,
        )
    if reporting.as_json:
        print_json({"engine": str(built.engine), "precision": built.precision, "record": built.record})
        return
    print_text(f"{built.engine}: {built.precision}")
    if built.agreement is not None:
        found = built.agreement
        print_text(
            f"{found}; least IoU of a class {found.worst_iou:.4f}, mean score error {found.score_error:.4f}"
        )
