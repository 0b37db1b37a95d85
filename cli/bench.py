"""`geoseg bench`: protocols that compare pretrained encoders, and their result files."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from geoseg.errors import OutputError, UsageError
from geoseg.messages import counted

from .command import PLAIN, Command, add, group
from .console import open_console, print_json, print_text
from .memory import keep_freed_memory
from .report import check_page, finish

if TYPE_CHECKING:
    from geoseg.learn.protocols.jobs import Job
    from geoseg.learn.protocols.result_rows import ResultRow
    from geoseg.learn.train.chip_cache import ChipCache
    from geoseg.spec.benchmarks import BenchImportRequest, BenchReportRequest, BenchRunRequest

    from .options import Reporting

LOG = logging.getLogger(__name__)

FEW_SEEDS = 5
"""Trainings of a setting, fewer than which say little about the spread."""


def run() -> Command[BenchRunRequest]:
    """Train and score encoders by a protocol: PANGAEA, or floods of regions that were left out.

    The folder of --output gets results.csv (a row for each score of each training), the trainings,
    report.html and scores.json. results.csv is complete after each training, so that an interrupted run keeps
    its results; --resume continues it.
    """
    from geoseg.spec.benchmarks import BenchRunRequest

    return Command(request=BenchRunRequest, run=_run, reporting=("dry_run", *PLAIN))


def _run(request: BenchRunRequest, reporting: Reporting) -> None:
    from geoseg.files.output_files import write_report
    from geoseg.learn.protocols.finished_jobs import read_finished
    from geoseg.learn.protocols.result_report import report_of
    from geoseg.learn.protocols.result_rows import to_table
    from geoseg.learn.train import missing_extra
    from geoseg.spec.presets import benchmark

    if request.overwrite and request.resume:
        raise UsageError("`--resume` and `--overwrite` exclude each other; give one of them")
    if request.output.exists() and not (request.overwrite or request.resume or reporting.dry_run):
        raise OutputError(
            f"{request.output}: already exists; add `--resume` to continue, or `--overwrite` to start again"
        )
    with open_console(reporting.verbosity) as console:
        jobs, chips = _jobs(request, keep=not reporting.dry_run)
        if reporting.dry_run:
            for job in jobs:
                counts = f"{len(job.training)} train, {len(job.validation)} val, {len(job.test)} test"
                done = request.resume and read_finished(request.output / job.folder, job) is not None
                state = "finished" if done else f"{job.spec.loop.epochs} epochs"
                print_text(f"{job.folder}: {counts}; {state}")
            return
        try:
            from geoseg.learn.protocols.run_jobs import run_jobs
        except ImportError as error:
            raise missing_extra("training", error) from error
        keep_freed_memory()
        if request.threads is not None:
            import torch

            torch.set_num_threads(request.threads)
        rows: list[ResultRow] = []
        frozen = request.protocol == "pangaea"
        run = run_jobs(
            jobs, request.output, console.progress, frozen=frozen, resume=request.resume, chips=chips
        )
        for found in run:
            rows += found
            write_report(request.output, {RESULTS: to_table(rows).to_csv()})
        made = report_of(rows, benchmark("geobench-2"))
        made = replace(made, csv={RESULTS: to_table(rows), **made.csv})
        finish(made, request.output, console, as_json=reporting.as_json)


def _jobs(request: BenchRunRequest, *, keep: bool) -> tuple[list[Job], ChipCache | None]:
    """Return what the protocol trains for all configs, and the chips of the first that were read for it.

    Raises:
        UsageError: two configs have the same name.
    """
    from geoseg.learn.protocols.flood_regions import flood_region_jobs
    from geoseg.learn.protocols.jobs import dataset_names
    from geoseg.learn.protocols.pangaea import pangaea_jobs, read_pangaea_config
    from geoseg.learn.train.chip_cache import ChipCache
    from geoseg.learn.train.config import read_config
    from geoseg.messages import warn

    read = read_pangaea_config if request.protocol == "pangaea" else read_config
    specs = [read(name, request.data, request.settings) for name in request.configs]
    names = [spec.name for spec in specs]
    if twice := [name for name in names if names.count(name) > 1]:
        raise UsageError(f"two configs have the name {twice[0]}; give each a name of its own")
    jobs: list[Job] = []
    pangaea = request.protocol == "pangaea"
    seeds = request.seeds or (1 if pangaea else FEW_SEEDS)
    images = [int(number) for number in request.images]
    chips = ChipCache.of(specs[0]) if pangaea and keep else None
    for spec, dataset in zip(specs, dataset_names(specs), strict=True):
        if pangaea:
            shared = chips if chips is not None and chips.serves(spec) else None
            jobs += pangaea_jobs(spec, dataset, request.labels, seeds, shared)
        else:
            jobs += flood_region_jobs(spec, dataset, images, seeds)
    if seeds < FEW_SEEDS and (pangaea or any(images)):
        warn(
            LOG,
            "few-seeds",
            f"each setting is trained with {counted(seeds, 'seed')}: the spread over "
            f"seeds is hardly known, and small differences mean nothing; add `--seeds {FEW_SEEDS}`",
        )
    return jobs, chips


def import_() -> Command[BenchImportRequest]:
    """Write the samples of a TorchGeo data set, of So2Sat or of METER-ML as files that geoseg train reads.

    The folder of --output gets GeoTIFFs, a table, and data.json: the keys of data in a config (of METER-ML
    meter-ml.yaml, a whole config).
    """
    from geoseg.spec.benchmarks import BenchImportRequest

    return Command(request=BenchImportRequest, run=_import)


def _import(request: BenchImportRequest, reporting: Reporting) -> None:
    from geoseg.learn.samples.dataset_import import ImportOptions, import_datasets
    from geoseg.learn.samples.find_dataset import METER_ML, SO2SAT, find_dataset
    from geoseg.learn.samples.so2sat import BANDS

    if request.output.exists():
        raise OutputError(f"{request.output}: already exists; write to another folder")
    if request.dataset in {SO2SAT, METER_ML} and not request.parts:
        raise UsageError(
            f"{request.dataset} has parts; add `--splits train,val,test`, or those that you have"
        )
    if request.dataset == METER_ML:
        _import_meter_ml(request, reporting)
        return
    make = find_dataset(request.dataset)
    bands = request.bands or (BANDS if request.dataset == SO2SAT else ())
    if not bands:
        raise UsageError("no bands are given; add `--channels` with a name for each band of an image")
    parts = {
        part: make({**request.arguments, "split": part} if part else request.arguments)
        for part in request.parts or ("",)
    }
    options = ImportOptions(bands=bands, side=request.side, limit=request.limit)
    with open_console(reporting.verbosity) as console:
        number = import_datasets(parts, request.output, options, console.progress)
    if reporting.as_json:
        print_json({"folder": str(request.output), "samples": number})
        return
    print_text(f"{number} samples in {request.output}; data.json has the keys of data in a config")


def _import_meter_ml(request: BenchImportRequest, reporting: Reporting) -> None:
    from pathlib import Path

    from geoseg.learn.samples.meter_ml import CONFIG, import_meter_ml

    if set(request.arguments) != {"root"}:
        raise UsageError("meter-ml takes one argument, its folder: `--argument root=FOLDER`")
    if request.bands:
        raise UsageError("`--channels`: the bands of meter-ml are known; remove it")
    root = Path(str(request.arguments["root"]))
    with open_console(reporting.verbosity) as console:
        number = import_meter_ml(root, request.parts, request.output, console.progress, request.limit)
    if reporting.as_json:
        print_json({"folder": str(request.output), "sites": number})
        return
    config = request.output / f"{CONFIG}.yaml"
    print_text(f"{number} sites in {request.output}; next: geoseg train {config} --data {request.output}")


def report() -> Command[BenchReportRequest]:
    """Compare result files: mean and deviation by data set, and the capability scores of GEO-Bench-2.

    --output writes report.html, capabilities.csv, datasets.csv, scores.json and a picture, capabilities.svg.
    """
    from geoseg.spec.benchmarks import BenchReportRequest

    return Command(request=BenchReportRequest, run=_report)


def _report(request: BenchReportRequest, reporting: Reporting) -> None:
    from geoseg.learn.protocols.result_reading import read_results
    from geoseg.learn.protocols.result_report import report_of
    from geoseg.spec.presets import benchmark

    check_page(request.report, overwrite=request.overwrite)
    with open_console(reporting.verbosity) as console:
        made = report_of(read_results(request.results), benchmark("geobench-2"))
        finish(
            made,
            request.output,
            console,
            as_json=reporting.as_json,
            overwrite=request.overwrite,
            page=request.report,
        )


RESULTS = "results.csv"

app = group("Compare pretrained encoders by the protocols of published benchmarks (docs/protocols.md).")
add(app, "run", run)
add(app, "report", report)
add(app, "import", import_)
