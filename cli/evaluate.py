"""`geoseg evaluate`: how right a network or a method is on labelled rasters, or a finished map at points."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from geoseg.errors import OutputError, UsageError

from . import accuracy, inject
from . import options as shared
from .console import print_json, print_text, telling
from .memory import keep_freed_memory
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
    scene: inject.Scene = None,
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

    With --output, report.html, scores.json, chips.csv and the maps are written too.

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
    from geoseg.evaluate import protocol, report
    from geoseg.train.config import read_config

    spec = read_config(config, data, settings(change or ()))
    # Of parts left out in turn, a network that learnt from all of them is no subject.
    judged = () if leave_one_out else tuple(model or ())
    subjects = protocol.subjects_of(spec, judged, method or ())
    if not subjects and not leave_one_out and not shots:
        raise UsageError("nothing to evaluate: give --model or --method")
    if leave_one_out or shots:
        keep_freed_memory()
    with ExitStack() as stack:
        console = stack.enter_context(telling(told))
        folder = output / "maps" if output else Path(stack.enter_context(tempfile.TemporaryDirectory()))
        results: list[protocol.Result] = []
        windows = protocol.held_out(spec, "all" if leave_one_out else on)
        if leave_one_out:
            results.append(protocol.leave_one_out(spec, folder / "left-out", console))
        results += [protocol.few_shots(spec, number, windows, folder, console) for number in shots or ()]
        results += protocol.evaluate(spec, subjects, windows, folder, console)
        parts = "each part left out in turn" if leave_one_out else f"the {on} part"
        said = f"{parts}, split by {spec.split.kind}" if on != "all" else "all of the set"
        if output:
            for path in report.write(results, spec, said, output):
                console.note(f"wrote {path}")
        if record:
            protocol.record((model or [""])[0], results, spec, said, console)
        if as_json:
            print_json(report.as_json(results, spec, said))
        else:
            print_text(report.as_text(results, spec, said))
