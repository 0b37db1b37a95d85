"""`geoseg methane plume`: plumes of methane with their emission rates."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geoseg.methane.methods import method_names

from . import options as shared
from .options import METHOD, OUTPUT

if TYPE_CHECKING:
    from geoseg.engine.plan import Plan
    from geoseg.run_record import Progress, RunRecord
    from geoseg.spec import PlumeSpec

SOURCE = "Source and wind"


def plume(
    context: typer.Context,
    scene: shared.Scenes = None,
    band: shared.Band = None,
    sensor: shared.Sensor = None,
    clouds: shared.Clouds = None,
    mask: shared.Mask = None,
    mask_dilate: shared.MaskDilate = None,
    reference: shared.Reference = None,
    coregister: shared.Coregister = None,
    satellite: shared.Satellite = None,
    sun_zenith: shared.SunZenith = None,
    view_zenith: shared.ViewZenith = None,
    aoi: shared.Aoi = None,
    bbox: shared.Bbox = None,
    bbox_crs: shared.BboxCrs = None,
    method: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help=f"{', '.join(method_names())}. docs/methane.md describes all.  (default: by the instrument "
            "and whether there is a reference)",
            rich_help_panel=METHOD,
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|PATH",
            help="A network that draws the plumes instead of a threshold; it may take the band ch4 (ppm·m).",
            rich_help_panel=METHOD,
        ),
    ] = None,
    sigma: Annotated[
        float | None,
        typer.Option(
            metavar="N",
            help="Threshold: so many standard deviations above the background.  (default: 2)",
            rich_help_panel=METHOD,
        ),
    ] = None,
    percentile: Annotated[
        float | None,
        typer.Option(metavar="P", help="Threshold: percentile of the scene instead.", rich_help_panel=METHOD),
    ] = None,
    threshold: shared.Threshold = None,
    min_pixels: Annotated[
        int | None,
        typer.Option(metavar="N", help="Smallest plume.  (default: 5)", rich_help_panel=METHOD),
    ] = None,
    false_alarms: Annotated[
        float | None,
        typer.Option(
            metavar="N",
            help="How many false plumes a scene may be expected to show; weaker ones are suspects.  "
            "(default: 0.1)",
            rich_help_panel=METHOD,
        ),
    ] = None,
    absorption: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv",
            help="Unit absorption for spectrometers: wavelength in nm, ln(radiance) per ppm·m.",
            rich_help_panel=METHOD,
        ),
    ] = None,
    column_group: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Detector columns of a spectrometer whose background is estimated together; 0: all.",
            rich_help_panel=METHOD,
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            metavar="LON,LAT", help="Keep only plumes that touch this source.", rich_help_panel=SOURCE
        ),
    ] = None,
    source_radius: Annotated[
        float | None,
        typer.Option(
            metavar="M", help="Distance that still touches.  (default: 100)", rich_help_panel=SOURCE
        ),
    ] = None,
    wind: Annotated[
        str | None,
        typer.Option(
            metavar="M/S|FILE",
            help="Wind at 10 m: a speed, or netCDF (or its zip), GRIB or a raster of U10 and V10 (ERA5, "
            "GEOS-FP), at most 3 h from the scene. Without it there are no rates.",
            rich_help_panel=SOURCE,
        ),
    ] = None,
    wind_from: Annotated[
        float | None,
        typer.Option(metavar="DEG", help="Direction that the wind comes from.", rich_help_panel=SOURCE),
    ] = None,
    wind_error: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="Relative standard error of the wind.  (default: 0.5)",
            rich_help_panel=SOURCE,
        ),
    ] = None,
    effective_wind: Annotated[
        str | None,
        typer.Option(
            metavar="SLOPE,OFFSET",
            help="Effective wind = slope x U10 + offset.  (default: the satellite's)",
            rich_help_panel=SOURCE,
            show_default=False,
        ),
    ] = None,
    facilities: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Facilities: plumes are attributed to the nearest. A map of geoseg methane facilities, or "
            "any vector file.",
            rich_help_panel=SOURCE,
        ),
    ] = None,
    output: shared.Output = None,
    columns: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT.tif", help="Also write the enhancement in ppm·m as a COG.", rich_help_panel=OUTPUT
        ),
    ] = None,
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
    """Map methane plumes: where, how much gas, how much an hour, how sure.

    Of Sentinel-2 and Landsat top-of-atmosphere scenes by the ratio of two short-wave infrared bands, of
    imaging spectrometers (EMIT, PRISMA, EnMAP, AVIRIS radiance) by a matched filter.
    """
    said = shared.said(locals())
    from geoseg.spec import PlumeSpec

    from .mapping import run

    def work(request: PlumeSpec, progress: Progress, dry: bool) -> RunRecord | Plan:
        from geoseg.methane.plume_map import map_plumes

        return map_plumes(request, progress, dry_run=dry)

    run(
        PlumeSpec,
        said,
        work,
        shared.Asked(config=config, print_config=print_config, dry_run=dry_run, as_json=as_json),
        shared.verbosity(context, quiet, verbose),
    )
