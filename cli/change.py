"""`geoseg change`: what changed between two dates, from what to what."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geoseg.change.methods import method_names

from . import options as shared
from .options import INPUT, METHOD, OUTPUT

if TYPE_CHECKING:
    from geoseg.engine.plan import Plan
    from geoseg.run_record import Progress, RunRecord
    from geoseg.spec import ChangeSpec


def change(
    context: typer.Context,
    before: Annotated[
        str | None,
        typer.Argument(
            metavar="BEFORE",
            help="The earlier scene: a raster, a folder of band files, a product, or a URL; or a map of "
            "classes. Its grid is the map's.",
            show_default=False,
        ),
    ] = None,
    after: Annotated[
        str | None,
        typer.Argument(
            metavar="AFTER",
            help="The later scene, or a map of classes; any grid and extent. Only what both saw is mapped.",
            show_default=False,
        ),
    ] = None,
    band: shared.Band = None,
    sensor: shared.Sensor = None,
    sar_units: shared.SarUnits = None,
    clouds: shared.Clouds = None,
    mask: shared.Mask = None,
    mask_dilate: shared.MaskDilate = None,
    layer: Annotated[
        list[str] | None,
        typer.Option(
            "--layer",
            metavar="NAME=PATH",
            help="A further raster on any grid: height=chm.tif, after:height=later.tif; of dem=PATH also "
            "slope, aspect, roughness, tri and tpi. Repeatable.",
            rich_help_panel=INPUT,
        ),
    ] = None,
    date_before: Annotated[
        str | None,
        typer.Option(
            metavar="DATE",
            help="Date of BEFORE where its files do not tell: 2018, 2018-06, 2018-06-01.",
            rich_help_panel=INPUT,
        ),
    ] = None,
    date_after: Annotated[
        str | None, typer.Option(metavar="DATE", help="Date of AFTER.", rich_help_panel=INPUT)
    ] = None,
    aoi: shared.Aoi = None,
    bbox: shared.Bbox = None,
    bbox_crs: shared.BboxCrs = None,
    method: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help=f"{', '.join(method_names())}; classes: the values of both rasters are classes. "
            "docs/change.md describes all.  (default: auto)",
            rich_help_panel=METHOD,
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|PATH",
            help="A network instead: of one date (both are classified and compared), or of two dates.",
            rich_help_panel=METHOD,
        ),
    ] = None,
    coregister: shared.Coregister = None,
    normalise: Annotated[
        str | None,
        typer.Option(
            metavar="auto|irmad|histogram|none",
            help="How AFTER is brought to the radiometry of BEFORE, where a method needs it.",
            rich_help_panel=METHOD,
        ),
    ] = None,
    threshold: shared.Threshold = None,
    thresholding: Annotated[
        str | None,
        typer.Option(
            metavar="auto|robust|ki|otsu|chi2", help="How the threshold is found.", rich_help_panel=METHOD
        ),
    ] = None,
    alpha: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="Share of unchanged pixels that chi2 takes for change.  (default: 0.001)",
            rich_help_panel=METHOD,
        ),
    ] = None,
    smooth: Annotated[
        int | None,
        typer.Option(
            metavar="PX",
            help="Average change over a window of this side, odd.  (default: by the method; 1 with chi2)",
            rich_help_panel=METHOD,
        ),
    ] = None,
    polarisation: shared.Polarisation = None,
    speckle: shared.Speckle = None,
    spectral: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help="Spectral classes that say from what to what without a network.  (default: land)",
            rich_help_panel=METHOD,
        ),
    ] = None,
    rules: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help="A table that turns pairs of classes into kinds of change: land-cover, alpine-habitat, or a "
            "YAML file. It must know the classes.",
            rich_help_panel=METHOD,
        ),
    ] = None,
    output: shared.Output = None,
    raster: shared.Raster = None,
    scores: shared.Scores = None,
    picture: shared.Picture = None,
    matrix: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT.csv", help="Also write the from-to matrix in hectares.", rich_help_panel=OUTPUT
        ),
    ] = None,
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
    """Map what changed between two dates: where, from what to what, how much, how sure.

    The dates may differ in sensor, CRS, resolution and extent. The shift between them is measured and said;
    --coregister undoes it. Two maps of classes are compared pixel by pixel.
    """
    said = shared.said(locals())
    from geoseg.spec import ChangeSpec

    from .mapping import run

    def work(request: ChangeSpec, progress: Progress, dry: bool) -> RunRecord | Plan:
        from geoseg.change.change_map import map_change

        return map_change(request, progress, dry_run=dry)

    run(
        ChangeSpec,
        said,
        work,
        shared.Asked(config=config, print_config=print_config, dry_run=dry_run, as_json=as_json),
        shared.verbosity(context, quiet, verbose),
    )
