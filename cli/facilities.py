"""`geoseg methane facilities`: which facilities that may emit methane stand where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from . import options as shared
from .options import INPUT, METHOD

if TYPE_CHECKING:
    from geoseg.engine.plan import Plan
    from geoseg.run_record import Progress, RunRecord
    from geoseg.spec import FacilitiesSpec


def facilities(
    context: typer.Context,
    scene: shared.Scenes = None,
    band: shared.Band = None,
    sensor: shared.Sensor = None,
    sar_units: shared.SarUnits = None,
    clouds: shared.Clouds = None,
    mask: shared.Mask = None,
    mask_dilate: shared.MaskDilate = None,
    sensor_input: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Which of the model's inputs SCENE is.  (default: its first)",
            rich_help_panel=INPUT,
            show_default=False,
        ),
    ] = None,
    also: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=PATH",
            help="A scene of another input of the model: naip=FILE. Repeatable; inputs without a scene are "
            "given as zeros.",
            rich_help_panel=INPUT,
        ),
    ] = None,
    aoi: shared.Aoi = None,
    bbox: shared.Bbox = None,
    bbox_crs: shared.BboxCrs = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|PATH",
            help="A scene classifier: a bundle's name or folder, or an ONNX file that says what it needs.",
            rich_help_panel=METHOD,
        ),
    ] = None,
    threshold: shared.Threshold = None,
    output: shared.Output = None,
    scores: shared.Scores = None,
    picture: shared.Picture = None,
    overwrite: shared.Overwrite = None,
    dst_crs: shared.DstCrs = None,
    batch_size: shared.BatchSize = None,
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
    """Map facilities that may emit methane with a scene classifier.

    The classifier looks at windows of its footprint (720 m for METER-ML) that overlap by half. The best of
    each class within a footprint becomes a point of the layer facilities and a square of footprints, with
    the scores of all classes. No classifier comes with geoseg: docs/facilities.md says how one is trained.
    """
    said = shared.said(locals())
    from geoseg.spec import FacilitiesSpec

    from .mapping import run

    def work(request: FacilitiesSpec, progress: Progress, dry: bool) -> RunRecord | Plan:
        from geoseg.methane.facility_map import map_facilities

        return map_facilities(request, progress, dry_run=dry)

    run(
        FacilitiesSpec,
        said,
        work,
        shared.Asked(config=config, print_config=print_config, dry_run=dry_run, as_json=as_json),
        shared.verbosity(context, quiet, verbose),
    )
