"""`geoseg segment`: any segmentation network over any scene that has its bands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from . import options as shared
from .options import METHOD

if TYPE_CHECKING:
    from geoseg.engine.plan import Plan
    from geoseg.run_record import Progress, RunRecord
    from geoseg.spec import SegmentSpec


def segment(
    context: typer.Context,
    scene: shared.Scenes = None,
    band: shared.Band = None,
    sensor: shared.Sensor = None,
    sar_units: shared.SarUnits = None,
    clouds: shared.Clouds = None,
    mask: shared.Mask = None,
    mask_dilate: shared.MaskDilate = None,
    aoi: shared.Aoi = None,
    bbox: shared.Bbox = None,
    bbox_crs: shared.BboxCrs = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|PATH",
            help="A bundle's name or folder, or an ONNX file that says what it needs.",
            rich_help_panel=METHOD,
        ),
    ] = None,
    output: shared.Output = None,
    raster: shared.Raster = None,
    scores: shared.Scores = None,
    picture: shared.Picture = None,
    overwrite: shared.Overwrite = None,
    dst_crs: shared.DstCrs = None,
    min_area: shared.MinArea = None,
    fill_holes: shared.FillHoles = None,
    simplify: shared.Simplify = None,
    tile: shared.Tile = None,
    overlap: shared.Overlap = None,
    batch_size: shared.BatchSize = None,
    tta: shared.Tta = None,
    runtime: shared.Runtime = None,
    device: shared.Device = None,
    precision: shared.Precision = None,
    threads: shared.Threads = None,
    max_memory: shared.MaxMemory = None,
    config: shared.Config = None,
    print_config: shared.PrintConfig = False,
    dry_run: shared.DryRun = False,
    as_json: shared.Json = False,
    quiet: shared.Quiet = False,
    verbose: shared.Verbose = 0,
) -> None:
    """Map a scene with a segmentation network.

    The network says which bands, units and classes it wants: a bundle in its model.json, a lone ONNX file
    in its metadata (docs/models.md). What does not fit the scene is refused or warned of.
    """
    said = shared.said(locals())
    from geoseg.spec import SegmentSpec

    from .mapping import run

    def work(request: SegmentSpec, progress: Progress, dry: bool) -> RunRecord | Plan:
        from geoseg.segment.segmentation_map import map_segments

        return map_segments(request, progress, dry_run=dry)

    run(
        SegmentSpec,
        said,
        work,
        shared.Asked(config=config, print_config=print_config, dry_run=dry_run, as_json=as_json),
        shared.verbosity(context, quiet, verbose),
    )
