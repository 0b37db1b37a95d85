"""`geoseg export BUNDLE --to tensorrt`: build a TensorRT engine and check it on a scene."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .console import open_console, print_json, print_text

if TYPE_CHECKING:
    from geoseg.spec.training import ExportRequest

    from .options import Reporting


def check_device(device: str, runtime: str = "auto") -> None:
    """Check that a requested GPU is available, before long computations.

    Raises:
        RuntimeMissingError: the GPU is not available.
    """
    if device.startswith("cuda") or runtime == "tensorrt":
        from geoseg.runtimes import cuda

        cuda.require(device, runtime)


def export_engine(request: ExportRequest, reporting: Reporting) -> None:
    """Build an engine, check its agreement with fp32 and print the result.

    Raises:
        ModelError: the requested precision does not agree with fp32.
        RuntimeMissingError: TensorRT or a GPU is missing.
    """
    from geoseg.bundles.find import find_model
    from geoseg.runtimes.choose import usable_runtime
    from geoseg.spec import SceneSpec
    from geoseg.tasks.segment.tensorrt_engine import build_engine, scene_tiles

    check_device(request.device, "tensorrt")
    usable_runtime("tensorrt")
    model = find_model(str(request.source))
    tile = request.tile or model.tile
    with open_console(reporting.verbosity):
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
        agreement = built.agreement
        print_text(
            f"{agreement}; least IoU of a class {agreement.worst_iou:.4f}, "
            f"mean score error {agreement.score_error:.4f}"
        )
