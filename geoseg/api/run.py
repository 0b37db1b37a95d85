"""Run a task with options given by name, as the command does."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, replace
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from pydantic import BaseModel
from rasterio.io import DatasetReader
from rasterio.vrt import WarpedVRT

from geoseg.api.array_names import ArrayFolder
from geoseg.api.arrays import holds_array, is_xarray, paths_of
from geoseg.api.georeference import Georeference, check_same_pixels, wkt_of
from geoseg.api.map import Map, MapFiles
from geoseg.api.option_words import errors_in_python, warnings_in_python
from geoseg.engine.plan import Plan
from geoseg.errors import UsageError
from geoseg.run_record import Progress, RunRecord, no_progress
from geoseg.spec.missing_files import naming_missing_files
from geoseg.spec.request import EACH, Place, from_options, places

if TYPE_CHECKING:
    from geoseg.spec import ChangeSpec, FloodSpec, PlumeSpec, SegmentSpec
    from geoseg.spec.tools import VectorizeRequest

Request = TypeVar("Request", bound=BaseModel)
MapRequest = TypeVar("MapRequest", "ChangeSpec", "FloodSpec", "PlumeSpec", "SegmentSpec", "VectorizeRequest")

OUTPUTS = {"output": "map.gpkg", "raster": "classes.tif", "scores": "scores.tif", "picture": "map.png"}
"""Outputs of a map, and their temporary files."""


def make(
    kind: type[MapRequest],
    work: Callable[[MapRequest, Progress], RunRecord | Plan],
    inputs: Mapping[str, object],
    options: Mapping[str, object],
    *,
    progress: Progress | bool | None,
) -> Map:
    """Make a map.

    Args:
        kind: type of the request, a pydantic model.
        work: makes the map of a request.
        inputs: scenes and rasters by option name.
        options: option values by name, with `_` for `-`, and fields of `Georeference` for arrays of numpy.
        progress: called with the progress; True: a bar on stderr.

    Raises:
        TypeError: an option does not exist.
        UsageError: an option is not valid.
        GeosegError: as the task states.
    """
    with errors_in_python(kind), lasting_folder() as folder:
        outputs = {name: folder / file for name, file in OUTPUTS.items()}
        with tempfile.TemporaryDirectory(dir=folder) as arrays, reporting(progress) as report:
            given = ArrayFolder(Path(arrays))
            with given.named():
                request = request_of(kind, inputs, options, given, outputs)
                with naming_missing_files(request, argument_of):
                    record = work(request, report)
        if not isinstance(record, RunRecord):
            raise TypeError(f"{kind.__name__} made a plan and no map")
    record = given.record_in_words(record)
    run = request.run
    files = MapFiles(run.output, classes=run.raster, scores=run.scores, picture=run.picture)
    made = Map(record, files=files, warnings=warnings_in_python(record.warnings, kind))
    weakref.finalize(made, shutil.rmtree, folder, ignore_errors=True)
    return made


@contextmanager
def lasting_folder() -> Iterator[Path]:
    """Yield a new temporary folder, which is removed after an error only."""
    folder = Path(tempfile.mkdtemp(prefix="geoseg-"))
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def request_of(
    kind: type[Request],
    inputs: Mapping[str, object],
    options: Mapping[str, object],
    arrays: ArrayFolder,
    outputs: Mapping[str, Path] = MappingProxyType({}),
) -> Request:
    """Return the request of options by name.

    Args:
        kind: type of the request, a pydantic model.
        inputs: scenes and rasters by option name.
        options: as in `make`.
        arrays: for files of arrays; the folder must last as long as the request.
        outputs: file of each output that the options do not name; those that the request lacks are left out.

    Raises:
        TypeError: an option does not exist.
        UsageError: an option is not valid.
    """
    known = {name.replace("-", "_"): item for name, item in places(kind).items()}
    stated = {item.name for item in fields(Georeference)} - set(known)
    check_names({*known, *stated}, options)
    told = {name: value for name, value in options.items() if name in stated and value is not None}
    if told and not any(holds_array(value) for value in (*inputs.values(), *options.values())):
        raise UsageError(f"{', '.join(f'`{name}`' for name in told)}: for arrays only; a file states its own")
    place = Georeference(**told)  # type: ignore[arg-type]
    check_same_pixels({**inputs, **{name: value for name, value in options.items() if name not in stated}})
    given: dict[str, object] = {
        name: path for name, path in outputs.items() if name in known and known[name].offered
    }
    for name, value in inputs.items():
        with _naming(name):
            given[known[name].name] = paths_of(value, arrays.path, place)
        arrays.own(name)
    for name, value in options.items():
        if value is not None and name not in stated:
            with _naming(name):
                given[known[name].name] = _value(known[name], value, arrays.path, place)
            arrays.own(name)
    return from_options(kind, given, lambda name: name.replace("-", "_"))


def argument_of(place: Place) -> str:
    """Return the name of the argument of an option, for messages."""
    return f"`{place.name.replace('-', '_')}`"


@contextmanager
def _naming(argument: str) -> Iterator[None]:
    """Name the argument whose value is not valid in the error of a block."""
    try:
        yield
    except UsageError as error:
        raise UsageError(f"{argument}: {error}") from error


def check_names(known: Collection[str], options: Collection[str]) -> None:
    """Check that all options exist.

    Raises:
        TypeError: one does not.
    """
    for name in options:
        if name not in known:
            near = get_close_matches(name, sorted(known), n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}?" if near else f"options: {', '.join(sorted(known))}"
            raise TypeError(f"unknown option {name!r}; {hint}")


def _value(place: Place, value: object, folder: Path, georeference: Georeference) -> object:
    """Return an option value as text, paths or numbers: objects that hold data are written to files.

    Raises:
        UsageError: it is a table of pandas.
    """
    if place.scenes:
        several = EACH in place.paths[0]
        if several and isinstance(value, list | tuple):
            return [paths_of(item, folder, georeference) for item in value]
        return paths_of(value, folder, georeference)
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim < 2):
        return value.tolist()
    if place.option.metavar == "CRS" and not isinstance(value, str):
        return wkt_of(place.name.replace("-", "_"), value)
    if hasattr(value, "to_file") and hasattr(value, "total_bounds"):
        return _write_polygons(value, folder, place.name)
    if type(value).__module__.partition(".")[0] == "pandas" and hasattr(value, "to_csv"):
        raise UsageError(f"a {type(value).__name__} of pandas is no layer; give a GeoDataFrame, or a path")
    if isinstance(value, DatasetReader | WarpedVRT | np.ndarray) or is_xarray(value):
        return paths_of(value, folder, replace(georeference, bands=None, time=None))
    if isinstance(value, dict):
        return {str(key): _value(place, item, folder, georeference) for key, item in value.items()}
    return value


def _write_polygons(frame: Any, folder: Path, option: str) -> str:
    """Write a GeoDataFrame or GeoSeries to a GeoPackage, whose name is in the description of what is made."""
    before = sum(1 for _ in folder.glob(f"table-of-{option}*"))
    path = folder / f"table-of-{option}{f'-{before + 1}' if before else ''}.gpkg"
    frame.to_file(path, driver="GPKG")
    return str(path)


@contextmanager
def reporting(progress: Progress | bool | None) -> Iterator[Progress]:
    """Yield a callback of the progress; True: a bar on stderr, or in the notebook."""
    if callable(progress):
        yield progress
        return
    if not progress:
        yield no_progress
        return
    from rich.progress import Progress as Bar  # noqa: PLC0415 - only with a bar

    with Bar() as bar:
        task = bar.add_task("")

        def show(done: int, total: int, unit: str) -> None:
            bar.update(task, completed=done, total=total, description=unit)

        yield show
