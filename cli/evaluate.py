"""`geoseg evaluate`: how right a network or a method is on labelled rasters, or a finished map at points."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from geoseg.errors import OutputError, UsageError

from . import accuracy, inject, sets, sites
from . import options as shared
from .console import telling
from .train import Data, Set
from .values import settings

ROLES = ("test", "val", "train", "all")
SUBJECTS = "Subjects"
Target = Annotated[
    str,
    typer.Argument(
        metavar="CONFIG|MAP",
        help="A training's YAML file, or the name of one that comes with geoseg (docs/train.md). With "
        "--draw-sample or --sample: a class raster, as --raster OUT.tif writes it. With --inject: methane.",
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FOLDER|POINTS",
        help="The folder to write; for --draw-sample, the file of points.",
        rich_help_panel=shared.OUTPUT,
        show_default=False,
    ),
]


def evaluate(
    context: typer.Context,
    config: Target,
    data: Data = None,
    change: Set = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME|PATH", help="A bundle or ONNX file; repeatable.", rich_help_panel=SUBJECTS
        ),
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(
            metavar="'NAME [OPTION VALUE]...'",
            help="A classical method, with options in the same quotes: 'sar-vh --threshold -20'. "
            "Repeatable; the config's baselines come besides.",
            rich_help_panel=SUBJECTS,
        ),
    ] = None,
    on: Annotated[
        str,
        typer.Option(metavar="|".join(ROLES), help="Part of the split.", rich_help_panel=shared.INPUT),
    ] = "val",
    leave_one_out: Annotated[
        bool,
        typer.Option(
            "--leave-one-out",
            metavar=" ",
            help="Train once for every part of the split (region, run, strip), without it, and judge on it.",
            rich_help_panel=SUBJECTS,
        ),
    ] = False,
    shots: Annotated[
        list[int] | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Train on N windows of the train part, and judge; repeatable.",
            rich_help_panel=SUBJECTS,
        ),
    ] = None,
    record: Annotated[
        bool,
        typer.Option(
            "--record",
            metavar=" ",
            help="Write score, best method and temperature into the bundle, for flood --method auto. "
            "With --leave-one-out they are those of the networks trained without a part.",
            rich_help_panel=shared.OUTPUT,
        ),
    ] = False,
    draw_sample: accuracy.DrawSample = None,
    sample: accuracy.Sample = None,
    column: accuracy.Column = None,
    seed: accuracy.Seed = None,
    min_per_class: accuracy.MinPerClass = None,
    inject_plumes: inject.Inject = False,
    scene: shared.OneScene = None,
    reference: shared.Reference = None,
    ground: inject.Ground = None,
    satellite: shared.Satellite = None,
    coregister: shared.Coregister = None,
    sun_zenith: shared.SunZenith = None,
    view_zenith: shared.ViewZenith = None,
    rates: inject.Rates = None,
    winds: inject.Winds = None,
    methods: inject.Methods = None,
    places: inject.Places = None,
    places_seed: inject.PlacesSeed = None,
    wind_from: inject.From = None,
    stability: inject.StabilityClass = None,
    age: inject.Age = None,
    extend: inject.Extend = None,
    output: Output = None,
    overwrite: shared.Overwrite = None,
    as_json: shared.Json = False,
    quiet: shared.Quiet = False,
    verbose: shared.Verbose = 0,
) -> None:
    """Compare maps with labels: scores with intervals, calibration, the classical floor beside them.

    With --output, report.html, scores.json, chips.csv and the maps are written too. Of scene classifiers,
    average precision over sites, with sites.csv.

    Of a finished MAP, --draw-sample draws points to interpret; --sample estimates accuracy and areas by them.

    `evaluate methane --inject` puts simulated plumes into scenes and counts which of them are found.
    """
    told = shared.verbosity(context, quiet, verbose)
    finished = accuracy.Request(
        draw=draw_sample,
        sample=sample,
        column=column,
        seed=seed,
        minimum=min_per_class,
        output=output,
        overwrite=bool(overwrite),
        as_json=as_json,
    )
    plumes = inject.Request(
        inject=inject_plumes,
        data=data,
        scene=scene,
        reference=reference,
        ground=ground,
        rates=rates,
        winds=winds,
        methods=methods,
        places=places,
        places_seed=places_seed,
        wind_from=wind_from,
        stability=stability,
        age=age,
        extend=extend,
        satellite=satellite,
        coregister=coregister,
        sun_zenith=sun_zenith,
        view_zenith=view_zenith,
        output=output,
        overwrite=bool(overwrite),
        as_json=as_json,
    )
    of_sets: dict[str, object] = {
        "--set": change,
        "--model": model,
        "--method": method,
        "--shots": shots,
    }
    of_sets |= {"--leave-one-out": leave_one_out, "--record": record, "--on": on != "val"}
    of_maps = {"--draw-sample": draw_sample, "--sample": sample, "--column": column, "--seed": seed}
    of_maps["--min-per-class"] = min_per_class
    others = [name for name, value in of_sets.items() if value]
    plumes.check(config, [*others, *(name for name, value in of_maps.items() if value is not None)])
    if plumes.inject:
        with telling(told) as console:
            inject.run(plumes, console)
        return
    finished.check(config, ["--data", *others] if data else others)
    if finished.asked:
        with telling(told) as console:
            accuracy.run(config, finished, console)
        return
    if record and len(model or ()) != 1:
        raise UsageError("--record writes into one bundle: give one --model")
    if output is not None and output.exists() and not overwrite:
        raise OutputError(f"{output}: exists; say --overwrite to replace it")
    from geoseg.learn.train.config import read_any_config
    from geoseg.learn.train.scene_spec import SceneTrainSpec

    spec = read_any_config(config, data, settings(change or ()))
    if isinstance(spec, SceneTrainSpec):
        pixels = {"--method": method, "--shots": shots, "--leave-one-out": leave_one_out, "--record": record}
        sites.check(config, model or (), [name for name, value in pixels.items() if value])
        with telling(told) as console:
            sites.run(
                spec, sites.Request(models=tuple(model or ()), on=on, output=output, as_json=as_json), console
            )
        return
    asked = sets.Request(
        models=tuple(model or ()),
        methods=tuple(method or ()),
        shots=tuple(shots or ()),
        leave_one_out=leave_one_out,
        on=on,
        record=record,
        output=output,
        as_json=as_json,
    )
    with telling(told) as console:
        sets.run(spec, asked, console)
