"""`geoseg flood`: where water stands, and which of it is flood."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geoseg.flood.methods import method_names

from . import options as shared
from .options import METHOD

if TYPE_CHECKING:
    from geoseg.engine.plan import Plan
    from geoseg.run_record import Progress, RunRecord
    from geoseg.spec import FloodSpec


def flood(
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
    before: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SCENE",
            help="An earlier scene (a file or folder); what is water in both is permanent. "
            "Repeatable: several make the z-score method possible.",
            rich_help_panel=METHOD,
        ),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="How water is told from land: auto (a network where that is surely better), classical "
            f"(never a network), {', '.join(method_names())}; docs/flood.md says what each needs.  "
            "(default: auto)",
            rich_help_panel=METHOD,
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|PATH",
            help="A network instead of a method: a bundle's name or folder, or an ONNX file.",
            rich_help_panel=METHOD,
        ),
    ] = None,
    threshold: shared.Threshold = None,
    thresholding: Annotated[
        str | None,
        typer.Option(
            metavar="auto|otsu|ki|bmax-otsu|edge-otsu|hsba",
            help="How the threshold is found.",
            rich_help_panel=METHOD,
        ),
    ] = None,
    polarisation: shared.Polarisation = None,
    speckle: shared.Speckle = None,
    permanent_water: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Known water: mapped water inside it is not flood. Polygons, a 0/1 mask, or a raster of a "
            "product known by name (JRC Global Surface Water, ESA WorldCover, OPERA DSWx, …).",
            rich_help_panel=METHOD,
        ),
    ] = None,
    permanent_values: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,…",
            help="Which values of --permanent-water mean permanent water.  (default: those of its product)",
            rich_help_panel=METHOD,
            show_default=False,
        ),
    ] = None,
    permanent_above: Annotated[
        float | None,
        typer.Option(
            metavar="LIMIT",
            help="Greater values of --permanent-water mean permanent water, such as percent of the time.",
            rich_help_panel=METHOD,
        ),
    ] = None,
    hand: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Height above nearest drainage in m.", rich_help_panel=METHOD),
    ] = None,
    max_hand: Annotated[
        float | None,
        typer.Option(
            metavar="M", help="Drop water higher than this above the drainage.", rich_help_panel=METHOD
        ),
    ] = None,
    slope: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Slope of the ground in degrees.", rich_help_panel=METHOD),
    ] = None,
    max_slope: Annotated[
        float | None,
        typer.Option(metavar="DEG", help="Drop water on steeper ground.", rich_help_panel=METHOD),
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
    """Map flood and surface water from an optical or SAR scene.

    Flood needs to know what water was there before: give --before or --permanent-water. Without either, all
    surface water is mapped.
    """
    said = shared.said(locals())
    from geoseg.spec import FloodSpec

    from .mapping import run

    def work(request: FloodSpec, progress: Progress, dry: bool) -> RunRecord | Plan:
        from geoseg.flood.flood_map import map_flood

        return map_flood(request, progress, dry_run=dry)

    run(
        FloodSpec,
        said,
        work,
        shared.Asked(config=config, print_config=print_config, dry_run=dry_run, as_json=as_json),
        shared.verbosity(context, quiet, verbose),
    )
